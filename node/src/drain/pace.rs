//! Pure: how many sessions to close in each slice of time.

use std::{num::NonZeroU32, time::Duration};

/// A rate per second, in slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    per_slice: usize,
    per_second: usize,
    owed: usize,
}

impl Pace {
    /// The length of a slice: short enough that clients come back elsewhere one by one, and not in waves.
    pub(crate) const SLICE: Duration = Duration::from_millis(100);

    pub(crate) fn of(per_second: NonZeroU32) -> Self {
        let per_second = usize::try_from(per_second.get()).unwrap_or(usize::MAX);
        Self {
            per_slice: per_second / 10,
            per_second,
            owed: 0,
        }
    }

    /// How many to close now.
    pub(crate) fn next(&mut self) -> usize {
        self.owed += self.per_second % 10;
        let extra = self.owed / 10;
        self.owed %= 10;
        self.per_slice + extra
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_slices_close_what_the_rate_says() {
        for rate in [1, 7, 10, 500, 1234] {
            let mut pace = Pace::of(NonZeroU32::new(rate).unwrap());

            let closed: Vec<_> = (0..10).map(|_| pace.next()).collect();

            let rate = usize::try_from(rate).unwrap();
            assert_eq!(closed.iter().sum::<usize>(), rate, "{closed:?}");
            assert!(
                closed.iter().all(|count| count.abs_diff(rate / 10) <= 1),
                "{closed:?}"
            );
        }
    }
}
