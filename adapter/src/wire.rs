//! The bytes of what nodes say to each other, as Node's classic Redis adapter writes and reads them.
//!
//! A broadcast is one MessagePack list, `[uid, {type, data, nsp}, {rooms, except, flags}]`. [`encode_broadcast`] writes it
//! byte for byte as Node does, [`sent_by`] looks at the leading id alone, and [`decode_broadcast`] reads what Node, older
//! adapters and emitters in other languages send. A [`Request`] is what one node asks of all others, a [`Response`] what
//! each of them answers. `docs/wire.md` describes the formats and what is tolerated in them.

mod convert;
mod date;
mod decode;
mod emission;
mod encode;
mod event;
mod extension;
mod form;
mod json;
mod msgpack;
mod number;
mod options;
mod refusal;
mod render;
mod request;
mod response;
mod serialize;
mod sharded;
mod trace;
mod transcode;
mod walk;
mod writer;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use convert::{first_of, list_of};
pub use convert::{json_to_msgpack, msgpack_to_json};
pub(crate) use date::civil;
pub use decode::{Broadcast, DecodeError, decode_broadcast, sent_by};
pub(crate) use emission::{encode_emission, encode_server_side_emission};
pub use encode::{EncodeError, encode_broadcast};
pub use event::EventData;
pub use form::Form;
pub use request::{Question, Request, decode_request, encode_ask, encode_request, unified};
pub use response::{Answer, Response, decode_response, encode_response};
pub(crate) use response::{Reported, response_head};
pub use sharded::{
    Envelope, Said, decode_sharded, encode_sharded_broadcast, encode_sharded_request,
    encode_sharded_response,
};
pub use trace::Trace;

/// The largest message written or read, in bytes (16 MiB).
///
/// It is far above any sensible event, and bounds what one message can make a node allocate.
pub const MAX: usize = 16 * 1024 * 1024;

/// The most rooms, excepted rooms, or binary values that one message may name, each counted by itself.
///
/// Each takes many times its one or two bytes on the wire once it is read, so the size alone does not bound them.
pub const MAX_PARTS: usize = 1 << 18;

/// How many lists and maps may stand inside each other in the data of an event, the list of its arguments included.
const DEPTH: usize = 128;

/// How many maps of a request stand around the data of its event: itself and the packet. Responses have one.
const AROUND: usize = 2;

/// The targets of a broadcast as they stand on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// Rooms whose members get the event; empty for everybody in the namespace.
    pub rooms: Vec<String>,
    /// Rooms whose members do not get it, also when they are in one of `rooms`.
    pub except: Vec<String>,
    /// How it is to be delivered.
    pub flags: Flags,
}

/// How a broadcast is to be delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// Whether a client that cannot take the event at once may miss it.
    pub volatile: bool,
    /// Whether transports that can compress should do so; `None` leaves it to them.
    pub compress: Option<bool>,
    /// How long the asker waits for the acks of the event.
    pub timeout: Option<Duration>,
    /// Whether one ack is all that is waited for, since one socket is asked.
    pub expects_one: bool,
    /// The trace that it is part of, if it is recorded. Servers of Node.js pass over it.
    pub trace: Option<Trace>,
}
