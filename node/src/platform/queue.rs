//! What one socket has to do, one thing at a time and in order.
//!
//! Work that ends without waiting is done where it arrives, in the task that reads the connection: no task, no wake-up.
//! Work that waits moves to a task of its own, and what comes meanwhile queues behind it.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
};

use tokio_util::task::TaskTracker;

/// A piece of work under way.
pub(super) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A queue of jobs. Its length is bounded by whoever reads the connection, which pauses when too many events wait.
#[derive(Debug)]
pub(super) struct Queue<J>(Mutex<State<J>>);

#[derive(Debug)]
struct State<J> {
    busy: bool,
    waiting: VecDeque<J>,
}

impl<J: Send + 'static> Queue<J> {
    /// A queue that holds everything back until its first [`start`](Self::start).
    pub(super) fn held() -> Self {
        Self(Mutex::new(State {
            busy: true,
            waiting: VecDeque::new(),
        }))
    }

    /// Begins with `job`, before whatever has queued meanwhile.
    pub(super) fn start<O: Worker<J>>(&self, owner: &Arc<O>, job: J) {
        self.work(owner, job);
    }

    /// Does `job` now, or queues what `waiting` makes of it behind the job that is under way.
    pub(super) fn submit<O: Worker<J>>(
        &self,
        owner: &Arc<O>,
        job: J,
        waiting: impl FnOnce(J) -> J,
    ) {
        {
            let mut state = self.lock();
            if state.busy {
                state.waiting.push_back(waiting(job));
                return;
            }
            state.busy = true;
        }
        self.work(owner, job);
    }

    fn work<O: Worker<J>>(&self, owner: &Arc<O>, first: J) {
        let mut next = Some(first);
        while let Some(job) = next {
            if let Some(work) = begun(owner, job) {
                let owner = owner.clone();
                owner.tasks().clone().spawn(async move {
                    work.await;
                    while let Some(job) = owner.queue().take() {
                        if let Some(work) = begun(&owner, job) {
                            work.await;
                        }
                    }
                });
                return;
            }
            next = self.take();
        }
    }

    /// The next job; none leaves the queue idle.
    fn take(&self) -> Option<J> {
        let mut state = self.lock();
        let next = state.waiting.pop_front();
        state.busy = next.is_some();
        next
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        // The state is whole between any two statements, so a panic elsewhere leaves it usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins a job; what is left of it that the next job has to wait for.
fn begun<J: Send + 'static, O: Worker<J>>(owner: &Arc<O>, job: J) -> Option<Work> {
    let is_concurrent = owner.is_concurrent(&job);
    let mut work = owner.begin(job);
    // A future that is not ready is polled again by its task, with a waker that counts.
    let mut context = Context::from_waker(Waker::noop());
    if work.as_mut().poll(&mut context).is_ready() {
        return None;
    }
    if is_concurrent {
        owner.tasks().spawn(work);
        return None;
    }
    Some(work)
}

/// Who owns a queue and does its jobs.
pub(super) trait Worker<J: Send + 'static>: Send + Sync + 'static {
    fn queue(&self) -> &Queue<J>;

    fn tasks(&self) -> &TaskTracker;

    /// Whether the next job may begin before this one has ended.
    fn is_concurrent(&self, job: &J) -> bool;

    /// Begins a job. The work must not panic.
    fn begin(self: &Arc<Self>, job: J) -> Work;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Log {
        queue: Queue<(u32, Duration)>,
        tasks: TaskTracker,
        done: Mutex<Vec<u32>>,
    }

    impl Worker<(u32, Duration)> for Log {
        fn queue(&self) -> &Queue<(u32, Duration)> {
            &self.queue
        }

        fn tasks(&self) -> &TaskTracker {
            &self.tasks
        }

        fn is_concurrent(&self, (number, _): &(u32, Duration)) -> bool {
            *number >= 100
        }

        fn begin(self: &Arc<Self>, (number, time): (u32, Duration)) -> Work {
            let log = self.clone();
            Box::pin(async move {
                if !time.is_zero() {
                    tokio::time::sleep(time).await;
                }
                log.done.lock().unwrap().push(number);
            })
        }
    }

    fn log() -> Arc<Log> {
        Arc::new(Log {
            queue: Queue::held(),
            tasks: TaskTracker::new(),
            done: Mutex::default(),
        })
    }

    #[tokio::test]
    async fn work_that_does_not_wait_is_done_on_the_spot() {
        let log = log();
        log.queue.start(&log, (1, Duration::ZERO));

        log.queue.submit(&log, (2, Duration::ZERO), |_| {
            panic!("nothing is under way")
        });

        assert_eq!(*log.done.lock().unwrap(), [1, 2]);
        assert!(log.tasks.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_waits_holds_back_what_comes_behind_it() {
        let log = log();
        log.queue.submit(&log, (2, Duration::ZERO), |job| job);
        assert!(log.done.lock().unwrap().is_empty(), "the queue is held");

        log.queue.start(&log, (1, Duration::from_secs(2)));
        log.queue
            .submit(&log, (3, Duration::from_secs(1)), |job| job);
        log.queue.submit(&log, (4, Duration::ZERO), |job| job);
        log.tasks.close();
        log.tasks.wait().await;

        assert_eq!(*log.done.lock().unwrap(), [1, 2, 3, 4]);
        log.queue
            .submit(&log, (5, Duration::ZERO), |_| panic!("all is done"));
        assert_eq!(log.done.lock().unwrap().last(), Some(&5));
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_work_holds_back_nothing() {
        let log = log();
        log.queue.start(&log, (1, Duration::from_secs(1)));
        for job in [
            (100, Duration::from_secs(3)),
            (2, Duration::from_secs(1)),
            (101, Duration::from_secs(5)),
            (3, Duration::ZERO),
        ] {
            log.queue.submit(&log, job, |job| job);
        }
        log.tasks.close();
        log.tasks.wait().await;

        assert_eq!(*log.done.lock().unwrap(), [1, 2, 3, 100, 101]);
    }
}
