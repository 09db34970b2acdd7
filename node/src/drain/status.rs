//! How a node's state is shown: to whoever asks, to other nodes, and as a metric.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// Where a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Ports are bound, clients are not served yet.
    Starting,
    /// Clients are served, and new ones taken.
    Serving,
    /// Not ready any more, and letting clients go.
    Draining,
    /// All clients are gone, and the node runs on.
    Drained,
    /// All clients are gone, or the deadline has passed, and the process is about to end.
    Closed,
}

impl Phase {
    /// The value of the metric.
    pub(crate) fn gauge(self) -> i64 {
        match self {
            Self::Starting | Self::Serving => 0,
            Self::Draining => 1,
            Self::Drained | Self::Closed => 2,
        }
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Closed => "ending",
        }
    }
}

impl Serialize for Phase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How far a node is with its drain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainStatus {
    /// Where the node is.
    pub state: Phase,
    /// Sessions that are open, whether they are to go or not.
    pub remaining: usize,
    /// Sessions that are closed per second. This and what follows while there is something to drain.
    pub rate: Option<u32>,
    /// How long new sessions are still taken.
    pub grace: Option<Duration>,
    /// How long until what is left is ended.
    pub deadline: Option<Duration>,
}

/// A duration in the form of the configuration, in whole seconds: of what is left the last one counts as long as it runs.
pub(crate) fn in_words(left: Duration) -> String {
    let seconds = left.as_millis().div_ceil(1000);
    let whole = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX));
    humantime::format_duration(whole)
        .to_string()
        .replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_said_in_whole_seconds() {
        for (left, words) in [(0, "0s"), (1, "1s"), (54_100, "55s"), (90_000, "1m30s")] {
            assert_eq!(in_words(Duration::from_millis(left)), words);
        }
    }
}
