//! How packets are written on a lean connection. Everything else here speaks those of the namespace `/` in JSON.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::frame::Kind;
use super::namespace::Namespace;
use super::raw::Raw;
use super::{Parser, msgpack};
use crate::client::packet::PacketError;

/// The form of what is sent and what comes.
pub(super) enum Dialect {
    /// Socket.IO's packets, inside of Engine.IO's.
    SocketIo(Parser, Namespace),
    /// Messages of raw WebSockets.
    Raw(Mutex<Raw>),
}

impl Dialect {
    pub(super) fn raw() -> Self {
        Self::Raw(Mutex::default())
    }

    pub(super) fn is_raw(&self) -> bool {
        matches!(self, Self::Raw(_))
    }

    /// Hands the frame of a packet to `send`; false if there is none, or `send` says so.
    pub(super) fn write(&self, packet: &str, send: impl FnOnce(Kind, &[&[u8]]) -> bool) -> bool {
        match self {
            Self::SocketIo(Parser::Json, namespace) => {
                let [kind, namespace, rest] = namespace.parts(packet).map(str::as_bytes);
                send(Kind::Text, &[b"4", kind, namespace, rest])
            }
            Self::SocketIo(Parser::Msgpack, namespace) => {
                let packet = msgpack::encode(&namespace.parts(packet).concat());
                packet.is_ok_and(|packet| send(Kind::Binary, &[&packet]))
            }
            Self::Raw(raw) => {
                // Held while it is sent: answers come in the order of the questions.
                let mut raw = lock(raw);
                let message = raw.encode(packet);
                message.is_some_and(|message| send(Kind::Text, &[message.as_bytes()]))
            }
        }
    }

    /// The packet of a text frame, without Engine.IO's type; none if it is of no interest.
    pub(super) fn text<'a>(&self, text: &'a str) -> Result<Option<Cow<'a, str>>, PacketError> {
        match self {
            Self::SocketIo(_, namespace) => Ok(Some(namespace.strip(text))),
            Self::Raw(raw) => Ok(lock(raw).decode(text)?.map(Cow::Owned)),
        }
    }

    /// The packet of a binary frame; none if it is an attachment.
    pub(super) fn binary(&self, bytes: &[u8]) -> Result<Option<String>, PacketError> {
        match self {
            Self::SocketIo(Parser::Msgpack, namespace) => {
                let packet = msgpack::decode(bytes)?;
                Ok(Some(namespace.strip(&packet).into_owned()))
            }
            _ => Ok(None),
        }
    }
}

fn lock(raw: &Mutex<Raw>) -> MutexGuard<'_, Raw> {
    // Nothing in between leaves it half changed.
    raw.lock().unwrap_or_else(PoisonError::into_inner)
}
