//! The nodes of the cluster, as each says of itself with its heartbeat.

use std::{net::SocketAddr, time::SystemTime};

use roomcast_adapter::Cluster;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

use crate::drain::Phase;

/// All nodes that are there, whichever is asked. A cheap handle.
#[derive(Debug, Clone)]
pub(crate) struct Nodes {
    cluster: Cluster,
}

/// What is known of a node. Everything but its name is unknown where it says nothing, as older ones do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NodeStatus {
    /// Its name in the cluster, new at each start.
    pub id: String,
    #[serde(flatten)]
    /// What it says of itself.
    pub about: About,
}

/// What a node says of itself. What another has not said, or in a form that is not known here, is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct About {
    /// Of the program.
    #[serde(deserialize_with = "lenient")]
    pub version: Option<String>,
    /// In RFC 3339, UTC.
    #[serde(deserialize_with = "lenient")]
    pub started_at: Option<String>,
    /// Open sessions, at its last heartbeat.
    #[serde(deserialize_with = "lenient")]
    pub connections: Option<u64>,
    /// `serving` where it takes clients, `draining` where it lets them go or has let them go.
    #[serde(deserialize_with = "lenient")]
    pub state: Option<String>,
    /// Where it listens for clients.
    #[serde(deserialize_with = "lenient")]
    pub address: Option<String>,
}

impl Nodes {
    /// Has this node say what it is from now on: where it listens, its phase, and how many sessions `connections` counts.
    pub(crate) fn describe(
        cluster: &Cluster,
        address: SocketAddr,
        phase: watch::Receiver<Phase>,
        connections: impl Fn() -> usize + Send + Sync + 'static,
    ) -> Self {
        let started_at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        cluster.describe(move || {
            let about = About {
                version: Some(crate::VERSION.to_owned()),
                started_at: Some(started_at.clone()),
                connections: u64::try_from(connections()).ok(),
                state: Some(state(*phase.borrow()).to_owned()),
                address: Some(address.to_string()),
            };
            serde_json::to_value(about).unwrap_or_default()
        });
        Self {
            cluster: cluster.clone(),
        }
    }

    /// Every node, this one included, in the order of their names.
    pub(crate) fn list(&self) -> Vec<NodeStatus> {
        let described = self.cluster.described().into_iter();
        described
            .map(|(id, about)| NodeStatus {
                id,
                about: about.map_or_else(About::default, About::read),
            })
            .collect()
    }
}

/// What others have to know: whether it takes clients.
fn state(phase: Phase) -> &'static str {
    let told = match phase {
        Phase::Drained | Phase::Closed => Phase::Draining,
        Phase::Starting | Phase::Serving | Phase::Draining => phase,
    };
    told.as_str()
}

impl About {
    fn read(value: Value) -> Self {
        serde_json::from_value(value).unwrap_or_default()
    }
}

/// The value, if it has the form that is known here.
fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_another_version_says_otherwise_is_unknown_and_the_rest_is_not() {
        let about = About::read(json!({
            "version": "9.0.0", "connections": "many", "state": "sleeping", "mood": [1],
        }));

        assert_eq!(
            about,
            About {
                version: Some("9.0.0".to_owned()),
                state: Some("sleeping".to_owned()),
                ..About::default()
            }
        );
        assert_eq!(About::read(json!(17)), About::default());
    }
}
