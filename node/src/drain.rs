//! The end of a node: its phases, and the pace at which it lets clients go.

use std::time::Duration;

/// Where a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Ports are bound, clients are not served yet.
    Starting,
    Serving,
    /// Not ready any more, and letting clients go.
    Draining,
    /// All clients are gone, or the deadline has passed.
    Closed,
}

impl Phase {
    /// The value of the metric.
    pub(crate) fn gauge(self) -> i64 {
        match self {
            Self::Starting | Self::Serving => 0,
            Self::Draining => 1,
            Self::Closed => 2,
        }
    }
}

/// Pure: how many sessions to close in each slice of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    per_slice: usize,
    per_second: usize,
    owed: usize,
}

impl Pace {
    /// The length of a slice: short enough that clients come back elsewhere one by one, and not in waves.
    pub(crate) const SLICE: Duration = Duration::from_millis(100);

    pub(crate) fn new(per_second: usize) -> Self {
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
            let mut pace = Pace::new(rate);

            let closed: Vec<_> = (0..10).map(|_| pace.next()).collect();

            assert_eq!(closed.iter().sum::<usize>(), rate, "{closed:?}");
            assert!(
                closed.iter().all(|count| count.abs_diff(rate / 10) <= 1),
                "{closed:?}"
            );
        }
    }
}
