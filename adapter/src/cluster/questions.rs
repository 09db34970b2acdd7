//! Questions to other nodes that wait for their answers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::{sync::Notify, time::Instant};

use super::Cluster;
use crate::{
    gather::{Census, Gather, Missing},
    observer::DropCause,
    wire::{self, DecodeError, Reported},
};

/// How many bytes of answers one question may gather. Each answer has at most 16 MiB.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// All questions that are open, by the ids of their requests.
#[derive(Default)]
pub(crate) struct Questions(Mutex<HashMap<String, Arc<Open>>>);

#[derive(Default)]
struct Open {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    gather: Gather,
    answers: Vec<Bytes>,
    bytes: usize,
    /// Answers that found no room.
    overflowed: usize,
}

/// One open question. Dropping it closes it: later answers are ignored.
pub(crate) struct Question {
    cluster: Cluster,
    id: String,
    open: Arc<Open>,
}

impl Cluster {
    /// Opens a question whose request has this id.
    pub(crate) fn open_question(&self, id: String) -> Question {
        let open = Arc::<Open>::default();
        lock(&self.0.questions.0).insert(id.clone(), open.clone());
        Question {
            cluster: self.clone(),
            id,
            open,
        }
    }

    /// Takes a response that may be to a question of this node.
    pub(crate) fn take_response(&self, payload: &Bytes) -> Result<(), DecodeError> {
        if lock(&self.0.questions.0).is_empty() {
            return Ok(());
        }
        let message = wire::unified(payload)?;
        let (id, uid, reported) = self.0.dialect.response_head(&message)?;
        let open = lock(&self.0.questions.0).get(&id).cloned();
        // Late answers, and those to other nodes, are no fault.
        let Some(open) = open else { return Ok(()) };
        let dropped = open.take(uid.as_deref(), reported, message);
        if dropped {
            self.observer().dropped(DropCause::TooLarge, 1);
        }
        Ok(())
    }

    /// Who else serves a namespace at the moment, according to the bus. `uid` is the id of this node's own adapter.
    ///
    /// `None` if the bus cannot be asked, or does not answer by `deadline`.
    pub(crate) async fn census(
        &self,
        namespace: &str,
        uid: &str,
        deadline: Instant,
    ) -> Option<Census> {
        let (dialect, key) = (self.0.dialect, &self.config().key);
        // Each subscribes to a channel of its own, so the bus tells which of them are there, and which it still counts.
        let (named, fallen) = {
            let peers = self.peers();
            (peers.serving(namespace), peers.fallen(namespace))
        };
        let channels: Vec<String> = [
            dialect.requests(key, namespace),
            dialect.responses_to(key, namespace, uid),
        ]
        .into_iter()
        .chain(
            named
                .iter()
                .chain(&fallen)
                .map(|(uid, _)| dialect.responses_to(key, namespace, uid)),
        )
        .collect();
        let counting = self.0.bus.subscribers(channels);
        let asked = tokio::time::timeout_at(deadline, counting).await;
        let counts = match asked {
            Ok(Ok(counts)) => counts,
            Ok(Err(error)) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "the bus does not tell who is there"
                );
                return None;
            }
            Err(_) => return None,
        };
        let [all, own, of_known @ ..] = &counts[..] else {
            return None;
        };
        if *own == 0 {
            // A connection that is not subscribed again yet: no answer would arrive.
            return None;
        }
        let mut census = Census {
            // Also what the bus still counts of connections that are gone has a channel of its own, and so a name.
            others: all.saturating_sub(*own + of_known.iter().sum::<usize>()),
            ..Census::default()
        };
        let (of_named, of_fallen) = of_known.split_at(named.len());
        for ((uid, node), count) in named.into_iter().zip(of_named) {
            let place = if *count > 0 {
                &mut census.named
            } else {
                &mut census.unreached
            };
            place.insert(uid, node);
        }
        for ((uid, node), count) in fallen.into_iter().zip(of_fallen) {
            if *count > 0 {
                census.unreached.insert(uid, node);
            } else {
                self.peers().forget(&node);
            }
        }
        Some(census)
    }

    /// How many servers that are no nodes of this crate serve a namespace of this node: the most that any has. `None` if the
    /// bus cannot be asked.
    ///
    /// # Cancel safety
    ///
    /// It can be dropped at any time.
    pub async fn foreign(&self) -> Option<usize> {
        if self.is_alone() {
            return Some(0);
        }
        let deadline = Instant::now() + self.config().heartbeat_timeout;
        let served: Vec<_> = {
            let served = self.0.namespaces.read();
            let served = served.unwrap_or_else(PoisonError::into_inner);
            let served = served.iter();
            served
                .map(|(name, namespace)| (name.clone(), namespace.uid().to_owned()))
                .collect()
        };
        let asked = served
            .iter()
            .map(|(name, uid)| self.census(name, uid, deadline));
        let answers = futures_util::future::join_all(asked).await;
        answers
            .into_iter()
            .flatten()
            .map(|census| census.others)
            .max()
    }

    /// Nodes are gone: nobody waits for their answers any more.
    pub(super) fn gone(&self, nodes: &[String]) {
        let open: Vec<_> = lock(&self.0.questions.0).values().cloned().collect();
        for question in open {
            let mut state = lock(&question.state);
            nodes.iter().for_each(|node| state.gather.gone(node));
            drop(state);
            question.changed.notify_one();
        }
    }
}

impl Open {
    /// True if the answer was dropped, because the question has more bytes of them than it may.
    fn take(&self, uid: Option<&str>, reported: Reported, message: Bytes) -> bool {
        let mut state = lock(&self.state);
        let is_new = match reported {
            Reported::Clients(clients) => {
                let clients = usize::try_from(clients).unwrap_or(usize::MAX);
                state.gather.clients(uid, clients);
                false
            }
            Reported::Ack => {
                state.gather.ack(uid);
                true
            }
            Reported::Answer => state.gather.answer(uid),
        };
        let fits = state.bytes + message.len() <= MOST_BYTES;
        if is_new && fits {
            state.bytes += message.len();
            state.answers.push(message);
        } else if is_new {
            state.overflowed += 1;
        }
        drop(state);
        self.changed.notify_one();
        is_new && !fits
    }
}

impl Question {
    /// Says who has to answer.
    pub(crate) fn expect(&self, census: Census) {
        lock(&self.open.state).gather.expect(census);
        self.open.changed.notify_one();
    }

    /// The bus does not say who has to answer: the nodes that are heard in this namespace have.
    pub(crate) fn expect_heard(&self, namespace: &str) {
        let heard = self.cluster.peers().serving(namespace);
        lock(&self.open.state).gather.expect_heard(heard);
        self.open.changed.notify_one();
    }

    /// Waits until everyone has answered, or is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: what has come is there for [`take`](Self::take).
    pub(crate) async fn done(&self) {
        while !lock(&self.open.state).gather.is_done() {
            self.open.changed.notified().await;
        }
    }

    /// The answers that have come and were not taken yet, in the one form that responses are read in.
    pub(crate) fn take(&self) -> Vec<Bytes> {
        let mut state = lock(&self.open.state);
        state.bytes = 0;
        std::mem::take(&mut state.answers)
    }

    /// Waits for answers and takes them; `None` once there are no more to come.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken if the future is dropped before it resolves.
    pub(crate) async fn next(&self) -> Option<Vec<Bytes>> {
        loop {
            let answers = self.take();
            if !answers.is_empty() {
                return Some(answers);
            }
            if lock(&self.open.state).gather.is_done() {
                return None;
            }
            self.open.changed.notified().await;
        }
    }

    /// Whose answers are missing now.
    pub(crate) fn missing(&self) -> Missing {
        let state = lock(&self.open.state);
        let mut missing = state.gather.missing();
        missing.others += state.overflowed;
        missing
    }

    /// How many clients of other nodes have not answered now.
    pub(crate) fn silent(&self) -> usize {
        lock(&self.open.state).gather.silent()
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        lock(&self.cluster.0.questions.0).remove(&self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each step leaves the state whole, so a panic elsewhere leaves it usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
