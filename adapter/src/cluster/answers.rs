//! The tasks that answer other nodes, beside the one that applies their messages: a question about many sockets is work,
//! and clients and applications answer when they like.

use std::{future::Future, pin::Pin};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{sync::mpsc, time::Instant};

use super::Cluster;
use crate::observer::DropCause;

/// Something to be done for another node.
type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How many questions may wait. One about 2,000 sockets takes some ten milliseconds, and nobody waits for an answer longer
/// than a few seconds.
const MOST_WAITING: usize = 256;

/// How many events may wait for the acks of clients, or the answers of applications, at a time.
const MOST_OPEN: usize = 4096;

/// Where jobs are handed in. Full means that the newest is dropped and counted; who asked finds an answer missing.
pub(super) struct Desk {
    questions: mpsc::Sender<(Instant, Job)>,
    open: mpsc::Sender<Job>,
}

/// Where they are taken out, once.
pub(super) struct Jobs {
    questions: mpsc::Receiver<(Instant, Job)>,
    open: mpsc::Receiver<Job>,
}

pub(super) fn desk() -> (Desk, Jobs) {
    let (questions, to_answer) = mpsc::channel(MOST_WAITING);
    let (open, to_await) = mpsc::channel(MOST_OPEN);
    let jobs = Jobs {
        questions: to_answer,
        open: to_await,
    };
    (Desk { questions, open }, jobs)
}

impl Cluster {
    /// Answers a question about the sockets of this node, in its turn.
    pub(crate) fn answer(&self, job: impl Future<Output = ()> + Send + 'static) {
        let job = (Instant::now(), Box::pin(job) as Job);
        if self.0.desk.questions.try_send(job).is_err() {
            self.observer().dropped(DropCause::Busy, 1);
        }
    }

    /// Waits for what others say, beside everything else.
    pub(crate) fn attend(&self, job: impl Future<Output = ()> + Send + 'static) {
        if self.0.desk.open.try_send(Box::pin(job)).is_err() {
            self.observer().dropped(DropCause::Busy, 1);
        }
    }
}

/// Answers one question after the other. One that is older than anybody waits is dropped.
pub(super) async fn answer(cluster: Cluster, mut questions: mpsc::Receiver<(Instant, Job)>) {
    while let Some((since, job)) = questions.recv().await {
        if since.elapsed() > cluster.config().request_timeout {
            cluster.observer().dropped(DropCause::Expired, 1);
            continue;
        }
        job.await;
    }
}

/// Waits for all that is open at the same time.
pub(super) async fn attend(mut jobs: mpsc::Receiver<Job>) {
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            job = jobs.recv(), if open.len() < MOST_OPEN => match job {
                Some(job) => open.push(job),
                None => return,
            },
            Some(()) = open.next() => {}
        }
    }
}

impl Jobs {
    /// The tasks, to be run side by side.
    pub(super) fn into_tasks(
        self,
        cluster: Cluster,
    ) -> (
        impl Future<Output = ()> + Send,
        impl Future<Output = ()> + Send,
    ) {
        (answer(cluster, self.questions), attend(self.open))
    }
}
