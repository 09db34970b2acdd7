//! Pure: so many at once, and so many per second from then on.

use std::time::Duration;

use tokio::time::Instant;

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// From one to the next.
    interval: Duration,
    burst: u32,
}

impl Rate {
    /// Neither is zero.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second.max(1),
            burst: burst.max(1),
        }
    }

    /// The same, filled only a tenth as fast, and ten times as large.
    pub(crate) fn tenfold(self) -> Self {
        Self {
            interval: self.interval.saturating_mul(10),
            burst: self.burst.saturating_mul(10),
        }
    }
}

/// A token bucket, kept as the one moment at which it will be full again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes one out, if there is one. `rate` is always the same for one bucket, or it holds what it would have held.
    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + rate.interval;
        let is_there = full_at - now <= rate.interval.saturating_mul(rate.burst);
        if is_there {
            self.full_at = full_at;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_passes_at_once_and_then_as_many_as_the_rate_says() {
        let rate = Rate::new(10, 3);
        let start = Instant::now();
        let mut bucket = Bucket::new(start);

        let taken = (0..5).filter(|_| bucket.take(rate, start)).count();
        assert_eq!(taken, 3);

        let soon = start + Duration::from_millis(99);
        assert!(!bucket.take(rate, soon));
        let later = start + Duration::from_millis(100);
        assert!(bucket.take(rate, later));
        assert!(!bucket.take(rate, later));

        let much_later = start + Duration::from_hours(1);
        let taken = (0..5).filter(|_| bucket.take(rate, much_later)).count();
        assert_eq!(taken, 3, "it never holds more than the burst");
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_the_rate(
            per_second in 1_u32..2000,
            burst in 1_u32..50,
            pauses in prop::collection::vec(0_u64..300, 1..200),
        ) {
            let rate = Rate::new(per_second, burst);
            let start = Instant::now();
            let (mut now, mut bucket, mut taken) = (start, Bucket::new(start), 0_u128);
            for pause in pauses {
                now += Duration::from_millis(pause);
                taken += u128::from(bucket.take(rate, now));
            }

            let filled = (now - start).as_nanos() / rate.interval.as_nanos();
            prop_assert!(taken <= u128::from(burst) + filled);
        }

        #[test]
        fn no_setting_overflows(per_second: u32, burst: u32) {
            let now = Instant::now();
            let rate = Rate::new(per_second, burst);

            prop_assert!(Bucket::new(now).take(rate, now));
            prop_assert!(Bucket::new(now).take(rate.tenfold(), now));
        }
    }
}
