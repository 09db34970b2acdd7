//! Many clients at little cost: connections that are driven in place, for scenarios that measure.
//!
//! The generator shares a machine with what it measures as a rule, so whatever it spends on a delivery is missing there.
//! WebSockets are read into one buffer per thread and taken apart in place; a packet is handed on as a slice of it, and
//! what several events make a client send leaves in one write. Long polling goes through the [client](crate::client).
//!
//! Scenarios know one form of packets: JSON, of the namespace `/`. Other namespaces, MessagePack and raw WebSockets are
//! translated here.

mod dialect;
mod frame;
mod link;
mod msgpack;
mod namespace;
mod post;
mod raw;
mod seat;

pub(crate) use post::Post;
pub(crate) use seat::Seat;

/// What carries a client's packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Transport {
    /// A WebSocket from the first packet on.
    #[default]
    #[value(name = "websocket")]
    WebSocket,
    /// HTTP long polling, never upgraded.
    Polling,
    /// Long polling for the seat, and then a WebSocket, as stock clients do.
    Upgrade,
    /// A raw WebSocket, without Socket.IO.
    Raw,
}

/// How packets are written, in the names that the node's setting has for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Parser {
    /// As Socket.IO does where nothing is said.
    #[default]
    Json,
    /// As with `socket.io-msgpack-parser` on both sides; over WebSockets only.
    Msgpack,
}
