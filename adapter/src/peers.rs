//! Pure: which other nodes of this crate there are, and under which ids they serve which namespaces.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::Instant;

/// What a node says of itself at each beat.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Announcement {
    /// Its name. First, so that a node knows its own announcements by how they begin.
    pub(crate) node: String,
    /// Counts its beats; `None` in a message that is no beat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) beat: Option<u64>,
    /// The id of its adapter for each namespace.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) namespaces: BTreeMap<String, String>,
    /// It is about to go.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) leaves: bool,
    /// What the server has it say of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) about: Option<Box<RawValue>>,
    /// The node that a note is for; this is no beat then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// What that node is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<Box<RawValue>>,
}

impl Announcement {
    pub(crate) fn to_bytes(&self) -> Bytes {
        let text =
            serde_json::to_vec(self).expect("its keys are texts, and none of its parts fails");
        text.into()
    }
}

/// The other nodes that were heard lately.
#[derive(Debug)]
pub(crate) struct Peers {
    timeout: Duration,
    peers: BTreeMap<String, Peer>,
    /// Those that fell silent, which the bus may count for as long as it takes them for alive. At most [`MOST_FALLEN`].
    fallen: BTreeMap<String, Peer>,
}

/// Nodes that are remembered after they fell silent, the longest silent go first.
const MOST_FALLEN: usize = 64;

#[derive(Debug)]
struct Peer {
    namespaces: BTreeMap<String, String>,
    about: Option<Box<RawValue>>,
    heard: Instant,
}

impl Peers {
    /// A node that was not heard for `timeout` is taken for dead.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            peers: BTreeMap::new(),
            fallen: BTreeMap::new(),
        }
    }

    /// Takes what another node says of itself; true if it was not known.
    pub(crate) fn heard(&mut self, announcement: Announcement, now: Instant) -> bool {
        let peer = Peer {
            namespaces: announcement.namespaces,
            about: announcement.about,
            heard: now,
        };
        self.fallen.remove(&announcement.node);
        self.peers.insert(announcement.node, peer).is_none()
    }

    /// A node said that it goes; true if it was known.
    pub(crate) fn left(&mut self, node: &str) -> bool {
        self.peers.remove(node).is_some()
    }

    /// Forgets the nodes that were not heard for too long; who they are.
    pub(crate) fn lapsed(&mut self, now: Instant) -> Vec<String> {
        let timeout = self.timeout;
        let is_silent = |peer: &Peer| now.duration_since(peer.heard) >= timeout;
        let silent = self.peers.iter().filter(|(_, peer)| is_silent(peer));
        let lapsed: Vec<String> = silent.map(|(node, _)| node.clone()).collect();
        for node in &lapsed {
            if let Some(peer) = self.peers.remove(node) {
                self.fallen.insert(node.clone(), peer);
            }
        }
        while self.fallen.len() > MOST_FALLEN {
            let longest = self.fallen.iter().min_by_key(|(_, peer)| peer.heard);
            let Some(node) = longest.map(|(node, _)| node.clone()) else {
                break;
            };
            self.fallen.remove(&node);
        }
        lapsed
    }

    /// The bus knows no more of a node that fell silent.
    pub(crate) fn forget(&mut self, node: &str) {
        self.fallen.remove(node);
    }

    /// The nodes that served a namespace until they fell silent, by the ids of their adapters.
    pub(crate) fn fallen(&self, namespace: &str) -> HashMap<String, String> {
        by_uid(&self.fallen, namespace)
    }

    /// Nothing could be heard until now: everyone gets time to be heard again.
    pub(crate) fn restart(&mut self, now: Instant) {
        for peer in self.peers.values_mut() {
            peer.heard = now;
        }
    }

    /// The nodes that serve a namespace, by the ids of their adapters.
    pub(crate) fn serving(&self, namespace: &str) -> HashMap<String, String> {
        by_uid(&self.peers, namespace)
    }

    /// Whether the adapter of that id, in a namespace, is one of this crate.
    pub(crate) fn knows(&self, namespace: &str, uid: &str) -> bool {
        let mut serving = self.peers.values();
        serving.any(|peer| {
            peer.namespaces
                .get(namespace)
                .is_some_and(|known| known == uid)
        })
    }

    /// The names of all, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.peers.keys().cloned().collect()
    }

    /// The names of all, in order, each with what it says of itself, as JSON.
    pub(crate) fn described(&self) -> impl Iterator<Item = (String, Option<&str>)> {
        let peers = self.peers.iter();
        peers.map(|(node, peer)| (node.clone(), peer.about.as_deref().map(RawValue::get)))
    }
}

fn by_uid(peers: &BTreeMap<String, Peer>, namespace: &str) -> HashMap<String, String> {
    let serving = peers.iter().filter_map(|(node, peer)| {
        let uid = peer.namespaces.get(namespace)?;
        Some((uid.clone(), node.clone()))
    });
    serving.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(node: &str, uid: &str) -> Announcement {
        Announcement {
            node: node.to_owned(),
            beat: Some(1),
            namespaces: [("/".to_owned(), uid.to_owned())].into(),
            ..Announcement::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_is_there_for_as_long_as_it_is_heard() {
        let mut peers = Peers::new(Duration::from_secs(3));
        assert!(peers.heard(announcement("n1", "a"), Instant::now()));
        assert!(peers.heard(announcement("n2", "b"), Instant::now()));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!peers.heard(announcement("n1", "a"), Instant::now()));

        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(peers.lapsed(Instant::now()), ["n2"]);
        assert_eq!(peers.names(), ["n1"]);
        assert_eq!(peers.fallen("/").into_keys().collect::<Vec<_>>(), ["b"]);
        peers.forget("n2");
        assert!(peers.fallen("/").is_empty());
        assert!(peers.knows("/", "a") && !peers.knows("/", "b") && !peers.knows("/chat", "a"));

        tokio::time::advance(Duration::from_secs(60)).await;
        peers.restart(Instant::now());
        assert!(
            peers.lapsed(Instant::now()).is_empty(),
            "nobody could be heard"
        );
        assert!(peers.left("n1"));
        assert!(peers.serving("/").is_empty());
    }

    #[test]
    fn an_announcement_begins_with_its_nodes_name() {
        let text = serde_json::to_string(&announcement("n1", "a")).unwrap();

        assert_eq!(text, r#"{"node":"n1","beat":1,"namespaces":{"/":"a"}}"#);
        let read: Announcement = serde_json::from_str(r#"{"node":"n1","news":[]}"#).unwrap();
        assert_eq!((read.node.as_str(), read.beat), ("n1", None));
        let described = r#"{"node":"n1","beat":1,"about":{"version":"2"}}"#;
        let read: Announcement = serde_json::from_str(described).unwrap();
        assert_eq!(read.to_bytes(), described);
    }
}
