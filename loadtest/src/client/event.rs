//! What a client reads: events, and answers to its own.

use bytes::Bytes;
use serde_json::Value;

/// An event from the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The event's name.
    pub name: String,
    /// Its arguments; binary values are `{"_placeholder":true,"num":N}`.
    pub args: Vec<Value>,
    /// The binary values, by their number.
    pub attachments: Vec<Bytes>,
    /// The id for the ack, if the server asks for one.
    pub(super) ack: Option<u64>,
}

/// The server's answer to an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Ack {
    /// Its values; binary ones are `{"_placeholder":true,"num":N}`.
    pub args: Vec<Value>,
    /// The binary values, by their number.
    pub attachments: Vec<Bytes>,
}

impl Event {
    /// Whether the server asks for an ack; [`Client::answer`](super::Client::answer) gives it.
    pub fn wants_ack(&self) -> bool {
        self.ack.is_some()
    }
}
