//! What other nodes answered.

use serde::Serialize;
use serde_json::Value;

use crate::Handshake;

/// The answers of all servers of the cluster that have answered in time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Gathered<T> {
    /// What they answered.
    pub value: T,
    /// Who did not.
    pub missing: Missing,
}

/// Servers of the cluster whose answers are missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Missing {
    /// The ids of nodes of our own.
    pub nodes: Vec<String>,
    /// How many other servers, such as those of Node.js.
    pub others: usize,
    /// Whether the node is cut off, so that it could ask nobody.
    pub is_cut_off: bool,
}

/// A socket of any node, as it was when its node answered.
///
/// To reach it, use its id: [`Server::socket`](crate::Server::socket).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RemoteSocket {
    /// The id that its client sees as `socket.id`.
    pub id: String,
    /// The rooms that it is in, that of its own id included.
    pub rooms: Vec<String>,
    /// How it connected.
    pub handshake: Handshake,
    /// What was [shared](crate::Socket::share) of it: an object. Servers of Node.js put `socket.data` here.
    pub data: Value,
    /// The node that has it; none for a socket of a Node.js server.
    pub node: Option<String>,
}

impl<T> Gathered<T> {
    /// Answers for platforms to hand on.
    pub fn new(value: T, missing: Missing) -> Self {
        Self { value, missing }
    }
}

impl Missing {
    /// Servers for platforms to name.
    pub fn new(nodes: Vec<String>, others: usize, is_cut_off: bool) -> Self {
        Self {
            nodes,
            others,
            is_cut_off,
        }
    }

    /// Whether everyone has answered.
    pub fn is_nobody(&self) -> bool {
        *self == Self::default()
    }
}

impl RemoteSocket {
    /// A socket for platforms to tell of.
    pub fn new(id: String, rooms: Vec<String>, handshake: Handshake, data: Value) -> Self {
        Self {
            id,
            rooms,
            handshake,
            data,
            node: None,
        }
    }

    /// The same, of a node that is known.
    #[must_use]
    pub fn of_node(self, node: impl Into<String>) -> Self {
        Self {
            node: Some(node.into()),
            ..self
        }
    }
}
