//! Letting a node's clients go: at its end, or while it runs on, until it is told to take clients again.
//!
//! One handle, [`Drain`], for whoever asks: a signal, or a command. What is to be done when stands in [`course`], which is
//! pure; here it is done.

mod course;
mod pace;
mod status;

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use roomcast_adapter::Cluster;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, MissedTickBehavior},
};

use crate::{config, metrics::Metrics, platform::Platforms};
use course::{Course, Step};
pub(crate) use pace::Pace;
pub(crate) use status::in_words;
pub use status::{DrainStatus, Phase};

/// Between two lines in the log about a drain that takes its time.
const PROGRESS: Duration = Duration::from_secs(5);

/// The node is about to end, and takes no clients again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is ending")]
pub struct Ending;

/// The drain of a node, that it may be in. A cheap handle.
#[derive(Clone)]
pub(crate) struct Drain(Arc<Shared>);

struct Shared {
    defaults: config::Drain,
    platforms: Platforms,
    cluster: Cluster,
    metrics: Arc<Metrics>,
    phase: watch::Sender<Phase>,
    /// Held for single steps, never while something is awaited.
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    course: Option<Course>,
    /// The process is to end after it.
    is_ending: bool,
    /// When the log was told of it.
    told: Option<Instant>,
}

impl Drain {
    pub(crate) fn new(
        defaults: config::Drain,
        platforms: Platforms,
        cluster: Cluster,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self(Arc::new(Shared {
            defaults,
            platforms,
            cluster,
            metrics,
            phase: watch::Sender::new(Phase::Starting),
            state: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// Where the node is in its life, and news of it.
    pub(crate) fn phase(&self) -> watch::Receiver<Phase> {
        self.0.phase.subscribe()
    }

    /// How far a drain is, if there is one.
    pub(crate) fn status(&self) -> DrainStatus {
        let now = Instant::now();
        let state = self.lock();
        let phase = *self.0.phase.borrow();
        let course = state.course.as_ref().filter(|_| phase == Phase::Draining);
        DrainStatus {
            state: phase,
            remaining: self.0.platforms.remaining(),
            rate: course.map(|course| course.rate().get()),
            grace: course.and_then(|course| course.grace_left(now)),
            deadline: course.map(|course| course.time_left(now)),
        }
    }

    /// Lets all clients go, so many per second, and ends what is left when `deadline` has passed. What is not given is as
    /// configured.
    ///
    /// While a drain is under way it goes on, with what is given in place of what it had; a node that is drained stays so.
    pub(crate) fn start(
        &self,
        rate: Option<NonZeroU32>,
        deadline: Option<Duration>,
    ) -> DrainStatus {
        let now = Instant::now();
        {
            let mut state = self.lock();
            match &mut state.course {
                Some(course) => course.change(now, rate, deadline),
                None => self.begin(&mut state, now, rate, deadline),
            }
        }
        self.0.changed.notify_one();
        self.status()
    }

    /// Takes clients again.
    ///
    /// # Errors
    ///
    /// [`Ending`] where the process is to end.
    pub(crate) fn end(&self) -> Result<DrainStatus, Ending> {
        {
            let mut state = self.lock();
            if state.is_ending {
                return Err(Ending);
            }
            if state.course.take().is_some() {
                self.0.platforms.accept_new();
                self.enter(Phase::Serving, 0);
                tracing::info!("the drain is ended, taking clients again");
            }
        }
        self.0.changed.notify_one();
        Ok(self.status())
    }

    /// The node serves clients from now on, unless it was told to drain before.
    pub(crate) fn serving(&self) {
        let state = self.lock();
        if state.course.is_none() {
            self.enter(Phase::Serving, 0);
        }
    }

    /// Drains the node for the end of the process, or goes on with a drain that is under way. Resolves when no client is
    /// left, or the deadline has passed.
    ///
    /// [`run`](Self::run) has to be polled meanwhile.
    pub(crate) async fn shut_down(&self) {
        let now = Instant::now();
        {
            let mut state = self.lock();
            state.is_ending = true;
            match &mut state.course {
                // What ends processes waits as long as the configuration says, and no longer.
                Some(course) => {
                    course.end_by(now + self.0.defaults.deadline);
                    tracing::info!("asked to end, the drain goes on");
                    self.enter(Phase::Draining, self.0.platforms.remaining());
                }
                None => self.begin(&mut state, now, None, None),
            }
        }
        self.0.changed.notify_one();
        let mut phase = self.phase();
        // The sender lives as long as this handle.
        let _ = phase.wait_for(|phase| *phase == Phase::Closed).await;
    }

    /// Ends what is left at once, if a drain is under way.
    pub(crate) fn hurry(&self) {
        if let Some(course) = &mut self.lock().course {
            course.hurry(Instant::now());
        }
        self.0.changed.notify_one();
    }

    /// Carries drains out, for as long as it is polled.
    pub(crate) async fn run(&self) {
        loop {
            let mut slices = tokio::time::interval(Pace::SLICE);
            slices.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                slices.tick().await;
                if !self.slice().await {
                    break;
                }
            }
            self.0.changed.notified().await;
        }
    }

    /// What one slice of time asks for; false once there is no drain any more.
    async fn slice(&self) -> bool {
        let platforms = &self.0.platforms;
        let remaining = platforms.remaining();
        let step = {
            let mut state = self.lock();
            let now = Instant::now();
            let Some(course) = &mut state.course else {
                return false;
            };
            let step = course.step(now, remaining);
            if !matches!(step, Step::Wait) {
                platforms.refuse_new();
            }
            self.note(&mut state, step, remaining, now);
            step
        };
        match step {
            Step::Wait | Step::Over => {}
            Step::Close(most) => platforms.close_some(most).await,
            Step::CloseAll => {
                platforms.close_some(usize::MAX).await;
                if self.lock().is_ending {
                    self.enter(Phase::Closed, 0);
                }
            }
        }
        true
    }

    fn begin(
        &self,
        state: &mut State,
        now: Instant,
        rate: Option<NonZeroU32>,
        deadline: Option<Duration>,
    ) {
        let defaults = &self.0.defaults;
        let rate = rate.unwrap_or_else(|| defaults.pace());
        let deadline = deadline.unwrap_or(defaults.deadline);
        let sessions = self.0.platforms.remaining();
        tracing::info!(
            sessions,
            rate,
            grace = ?defaults.grace,
            ?deadline,
            "draining: not ready any more"
        );
        state.course = Some(Course::new(now, rate, defaults.grace, deadline));
        state.told = Some(now);
        self.enter(Phase::Draining, sessions);
    }

    /// Notes, for everybody who looks, how far the drain is after a step.
    fn note(&self, state: &mut State, step: Step, remaining: usize, now: Instant) {
        let is_draining = *self.0.phase.borrow() == Phase::Draining;
        match step {
            Step::Over if state.is_ending => {
                tracing::info!("drained: no session is left");
                return self.enter(Phase::Closed, 0);
            }
            Step::Over if is_draining => {
                tracing::info!("drained: no session is left, the node stays empty");
                return self.enter(Phase::Drained, 0);
            }
            Step::CloseAll
                if is_draining && state.course.as_mut().is_some_and(Course::tells_of_deadline) =>
            {
                tracing::warn!(
                    sessions = remaining,
                    "the drain's deadline has passed, ending the rest"
                );
            }
            Step::Close(_) if is_draining => {
                let told = state.told.get_or_insert(now);
                if now.duration_since(*told) >= PROGRESS {
                    *told = now;
                    tracing::info!(sessions = remaining, "draining");
                }
            }
            _ => {}
        }
        if is_draining {
            self.enter(Phase::Draining, remaining);
        }
    }

    /// Says where the node is, and how many sessions are left in its drain.
    fn enter(&self, next: Phase, remaining: usize) {
        let metrics = &self.0.metrics;
        let is_new = self.0.phase.send_if_modified(|phase| {
            let is_new = *phase != next;
            *phase = next;
            is_new
        });
        metrics.drain_state.set(next.gauge());
        metrics
            .drain_remaining
            .set(i64::try_from(remaining).unwrap_or(i64::MAX));
        if is_new {
            self.0.cluster.announce();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A drain is whole between any two statements, so a panic elsewhere leaves it usable.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
