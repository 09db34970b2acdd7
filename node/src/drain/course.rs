//! Pure: the course of one drain. Time is an argument.

use std::{num::NonZeroU32, time::Duration};

use tokio::time::Instant;

use super::Pace;

/// A drain, from when it was asked for.
#[derive(Debug)]
pub(super) struct Course {
    grace_until: Instant,
    deadline: Instant,
    rate: NonZeroU32,
    pace: Pace,
    has_told: bool,
}

/// What to do in a slice of time. All but the first mean that new sessions are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Serve on: the balancer may not have noticed yet.
    Wait,
    /// Close so many.
    Close(usize),
    /// The deadline has passed.
    CloseAll,
    /// Nobody is left.
    Over,
}

impl Course {
    /// A drain of which `grace` and `deadline` begin now. The deadline ends the grace, too.
    pub(super) fn new(now: Instant, rate: NonZeroU32, grace: Duration, deadline: Duration) -> Self {
        let deadline = later(now, deadline);
        Self {
            grace_until: later(now, grace).min(deadline),
            deadline,
            rate,
            pace: Pace::of(rate),
            has_told: false,
        }
    }

    pub(super) fn rate(&self) -> NonZeroU32 {
        self.rate
    }

    /// What is left of the grace, if it is not over.
    pub(super) fn grace_left(&self, now: Instant) -> Option<Duration> {
        let left = self.grace_until.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// What is left of all of it.
    pub(super) fn time_left(&self, now: Instant) -> Duration {
        self.deadline.saturating_duration_since(now)
    }

    /// Goes on otherwise from now on.
    pub(super) fn change(
        &mut self,
        now: Instant,
        rate: Option<NonZeroU32>,
        deadline: Option<Duration>,
    ) {
        if let Some(rate) = rate.filter(|rate| *rate != self.rate) {
            self.rate = rate;
            self.pace = Pace::of(rate);
        }
        if let Some(deadline) = deadline {
            self.deadline = later(now, deadline);
            self.grace_until = self.grace_until.min(self.deadline);
            self.has_told = false;
        }
    }

    /// Has it end by `deadline`, unless it ends before.
    pub(super) fn end_by(&mut self, deadline: Instant) {
        self.deadline = self.deadline.min(deadline);
        self.grace_until = self.grace_until.min(deadline);
    }

    /// Has it end at `now`, because somebody wants that: no deadline has passed.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.end_by(now);
        self.has_told = true;
    }

    /// What to do now, while so many sessions are left.
    pub(super) fn step(&mut self, now: Instant, remaining: usize) -> Step {
        if now < self.grace_until {
            Step::Wait
        } else if remaining == 0 {
            Step::Over
        } else if now >= self.deadline {
            Step::CloseAll
        } else {
            Step::Close(self.pace.next())
        }
    }

    /// Whether the passing of the deadline is news: once.
    pub(super) fn tells_of_deadline(&mut self) -> bool {
        !std::mem::replace(&mut self.has_told, true)
    }
}

/// A point in time; one that is too far for the clock is as far as anybody waits.
fn later(now: Instant, after: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
    now + after.min(FAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);
    const DEADLINE: Duration = Duration::from_secs(60);

    fn course(now: Instant) -> Course {
        Course::new(now, NonZeroU32::new(100).unwrap(), GRACE, DEADLINE)
    }

    #[test]
    fn it_waits_then_closes_at_the_rate_then_ends_the_rest() {
        let now = Instant::now();
        let mut course = course(now);

        assert_eq!(course.step(now, 0), Step::Wait, "even if nobody is there");
        assert_eq!(course.step(now + GRACE - Pace::SLICE, 7), Step::Wait);
        assert_eq!(course.step(now + GRACE, 7), Step::Close(10));
        assert_eq!(course.step(now + GRACE + Pace::SLICE, 7), Step::Close(10));
        assert_eq!(course.step(now + DEADLINE, 7), Step::CloseAll);
        assert_eq!(course.step(now + DEADLINE, 0), Step::Over);
        assert!(course.tells_of_deadline() && !course.tells_of_deadline());
    }

    #[test]
    fn a_drain_that_is_hurried_ends_at_once_and_blames_no_deadline() {
        let now = Instant::now();
        let mut course = course(now);

        course.hurry(now);

        assert_eq!(course.step(now, 7), Step::CloseAll);
        assert!(!course.tells_of_deadline());
    }

    #[test]
    fn a_second_command_changes_what_it_names_and_begins_no_second_grace() {
        let now = Instant::now();
        let mut course = course(now);
        let later = now + GRACE * 2;

        course.change(later, NonZeroU32::new(20), None);
        assert_eq!(course.step(later, 7), Step::Close(2));
        assert_eq!(course.time_left(later), DEADLINE - GRACE * 2);

        course.change(later, None, Some(Duration::from_secs(300)));
        assert_eq!(course.step(now + DEADLINE, 7), Step::Close(2));
        assert_eq!(
            course.step(later + Duration::from_secs(300), 7),
            Step::CloseAll
        );
    }

    #[test]
    fn an_end_may_come_earlier_and_never_later() {
        let now = Instant::now();
        let mut course = course(now);

        course.end_by(now + DEADLINE * 2);
        assert_eq!(course.time_left(now), DEADLINE);
        course.end_by(now);
        assert_eq!(course.step(now, 7), Step::CloseAll);
    }

    #[test]
    fn a_deadline_ends_the_grace_and_may_be_any() {
        let now = Instant::now();
        let rate = NonZeroU32::MIN;

        let mut at_once = Course::new(now, rate, GRACE, Duration::ZERO);
        assert_eq!(at_once.step(now, 7), Step::CloseAll);
        let mut never = Course::new(now, rate, GRACE, Duration::MAX);
        assert_eq!(never.step(now, 7), Step::Wait);
    }
}
