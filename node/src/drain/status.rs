//! How a node's state is shown: to whoever asks, to other nodes, and as a metric.

use std::time::Duration;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// Where a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(rename_all = "lowercase")]
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
    #[schema(rename = "ending")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct DrainStatus {
    /// Where the node is.
    pub state: Phase,
    /// Sessions that are open, whether they are to go or not.
    pub remaining: usize,
    /// Sessions that are closed per second. This and what follows while there is something to drain.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rate: Option<u32>,
    /// How long new sessions are still taken.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "in_words")]
    #[schema(value_type = Option<String>, nullable = false, example = "5s")]
    pub grace: Option<Duration>,
    /// How long until what is left is ended.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "in_words")]
    #[schema(value_type = Option<String>, nullable = false, example = "55s")]
    pub deadline: Option<Duration>,
}

/// A duration in the form of the configuration, in whole seconds: of what is left the last one counts as long as it runs.
fn in_words<S: Serializer>(left: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let seconds = left.unwrap_or_default().as_millis().div_ceil(1000);
    let whole = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX));
    serializer.collect_str(&humantime::format_duration(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_is_left_in_whole_seconds() {
        let status = DrainStatus {
            state: Phase::Draining,
            remaining: 7,
            rate: Some(500),
            grace: None,
            deadline: Some(Duration::from_millis(54_100)),
        };

        let json = serde_json::to_string(&status).unwrap();

        assert_eq!(
            json,
            r#"{"state":"draining","remaining":7,"rate":500,"deadline":"55s"}"#
        );
    }

    #[test]
    fn a_node_that_serves_has_nothing_more_to_say() {
        let status = DrainStatus {
            state: Phase::Serving,
            remaining: 7,
            rate: None,
            grace: None,
            deadline: None,
        };

        let json = serde_json::to_string(&status).unwrap();

        assert_eq!(json, r#"{"state":"serving","remaining":7}"#);
    }
}
