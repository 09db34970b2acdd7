//! Pure: how fast one connection's events may come, and when its client has gone too far.
//!
//! An event over the rate is refused, and is a strike. Ten times the burst of strikes are forgiven, and after that as many
//! per second as a tenth of the rate: so a client that is now and then too fast is only told, one that stays a quarter
//! above the rate is out after a minute or so, and one that floods at once.

use tokio::time::Instant;

use super::bucket::{Bucket, Rate};

/// The rate of one connection, over all its namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    per_second: u32,
    burst: u32,
}

impl Pace {
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second, burst }
    }
}

/// How far one connection is.
#[derive(Debug)]
pub(crate) struct Meter {
    pace: Pace,
    events: Bucket,
    strikes: Bucket,
    is_out: bool,
}

/// What is to be done with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Handle,
    /// Its client is told that it was not handled.
    Refuse,
    /// That as well, and the client is disconnected.
    Disconnect,
    /// The client is out already, and is told nothing more.
    Ignore,
}

impl Meter {
    pub(crate) fn new(pace: Pace, now: Instant) -> Self {
        Self {
            pace,
            events: Bucket::new(now),
            strikes: Bucket::new(now),
            is_out: false,
        }
    }

    /// One more event has come. Where the pace has changed, what was held against the client before is forgotten.
    pub(crate) fn event(&mut self, pace: Pace, now: Instant) -> Verdict {
        if self.is_out {
            return Verdict::Ignore;
        }
        if self.pace != pace {
            *self = Self::new(pace, now);
        }
        let rate = Rate::new(pace.per_second, pace.burst);
        if self.events.take(rate, now) {
            Verdict::Handle
        } else if self.strikes.take(rate.tenfold(), now) {
            Verdict::Refuse
        } else {
            self.is_out = true;
            Verdict::Disconnect
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// What became of events that came with this pause between them; up to a disconnect.
    fn verdicts(pause: Duration, count: usize) -> Vec<Verdict> {
        let pace = Pace::new(10, 10);
        let mut now = Instant::now();
        let mut meter = Meter::new(pace, now);
        let mut all = Vec::new();
        while all.len() < count && all.last() != Some(&Verdict::Disconnect) {
            all.push(meter.event(pace, now));
            now += pause;
        }
        all
    }

    fn count(all: &[Verdict], verdict: Verdict) -> usize {
        all.iter().filter(|one| **one == verdict).count()
    }

    #[test]
    fn who_keeps_to_the_rate_is_handled_for_ever() {
        let all = verdicts(Duration::from_millis(100), 10_000);

        assert_eq!(count(&all, Verdict::Handle), 10_000);
    }

    #[test]
    fn who_floods_is_told_ten_bursts_and_is_out() {
        let all = verdicts(Duration::ZERO, 1000);

        assert_eq!(count(&all, Verdict::Handle), 10);
        assert_eq!(count(&all, Verdict::Refuse), 100);
        assert_eq!(all.len(), 111);
    }

    #[test]
    fn who_persists_is_out_and_who_is_a_little_too_fast_is_only_told() {
        let persistent = verdicts(Duration::from_millis(80), 100_000);
        assert_eq!(persistent.last(), Some(&Verdict::Disconnect));
        let seconds = persistent.len() * 80 / 1000;
        assert!((60..120).contains(&seconds), "{seconds}");

        let fast = verdicts(Duration::from_millis(95), 100_000);
        assert_eq!(fast.len(), 100_000);
        assert!(count(&fast, Verdict::Refuse) > 1000);
    }

    #[test]
    fn nothing_more_is_said_to_who_is_out() {
        let now = Instant::now();
        let pace = Pace::new(1, 1);
        let mut meter = Meter::new(pace, now);
        while meter.event(pace, now) != Verdict::Disconnect {}

        let later = now + Duration::from_hours(1);
        assert_eq!(meter.event(pace, later), Verdict::Ignore);
    }

    #[test]
    fn a_pace_that_changes_holds_nothing_against_who_broke_the_one_before() {
        let now = Instant::now();
        let (slow, fast) = (Pace::new(1, 1), Pace::new(1000, 50));
        let mut meter = Meter::new(slow, now);
        for _ in 0..11 {
            meter.event(slow, now);
        }

        for _ in 0..50 {
            assert_eq!(meter.event(fast, now), Verdict::Handle);
        }
        assert_eq!(meter.event(fast, now), Verdict::Refuse);
    }
}
