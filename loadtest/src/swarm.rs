//! Many clients at little cost: connections that are driven in place, for scenarios that measure.
//!
//! The generator shares a machine with what it measures as a rule, so whatever it spends on a delivery is missing there.
//! WebSockets are read into one buffer per thread and taken apart in place; a packet is handed on as a slice of it, and
//! what several events make a client send leaves in one write. Long polling goes through the [client](crate::client).

mod frame;
mod link;
mod msgpack;
mod post;
mod seat;

pub(crate) use post::Post;
pub(crate) use seat::Seat;

/// How packets are written, in the names that the node's setting has for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Parser {
    /// As Socket.IO does where nothing is said.
    #[default]
    Json,
    /// As with `socket.io-msgpack-parser` on both sides; over WebSockets only.
    Msgpack,
}
