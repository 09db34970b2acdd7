//! The two wires of Node's Redis adapters: what is said, on which channel, and in which form.

use bytes::Bytes;
use rand::Rng as _;
use socketioxide_core::Value;

use crate::{
    bus::Topic,
    channel,
    cluster::random_id,
    config::{Config, Subscribe, Wire},
    wire::{self, Answer, DecodeError, EncodeError, Reported, Request, Response, Said, Targets},
};

/// Rooms of that many UTF-16 units are taken for ids of sockets by Node's sharded adapter, and have no channel.
const ID_OF_SOCKET: usize = 20;

/// One of the two wires. All servers of a cluster use the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// That of `createAdapter`.
    Classic,
    /// That of `createShardedAdapter`.
    Sharded {
        /// Whether rooms have channels of their own: its modes `dynamic` and `static`.
        has_rooms: bool,
    },
}

impl Dialect {
    pub(crate) fn of(config: &Config) -> Self {
        match config.wire {
            Wire::Classic => Self::Classic,
            Wire::Sharded => Self::Sharded {
                has_rooms: config.subscribe != Subscribe::Pattern,
            },
        }
    }

    pub(crate) fn is_sharded(self) -> bool {
        self != Self::Classic
    }

    /// An id for an adapter or a request, in Node's form.
    pub(crate) fn id(self) -> String {
        match self {
            Self::Classic => random_id(6),
            Self::Sharded { .. } => format!("{:016x}", rand::rng().random::<u64>()),
        }
    }

    /// Whether what goes to one room goes by a channel of its own.
    pub(crate) fn has_channel(self, room: &str) -> bool {
        match self {
            Self::Classic => true,
            Self::Sharded { has_rooms } => has_rooms && room.encode_utf16().count() != ID_OF_SOCKET,
        }
    }

    /// Where everyone who serves a namespace hears requests. Its subscribers are counted.
    pub(crate) fn requests(self, key: &str, namespace: &str) -> String {
        match self {
            Self::Classic => channel::request(key, namespace),
            Self::Sharded { .. } => channel::namespace(key, namespace),
        }
    }

    /// Where one adapter hears answers.
    pub(crate) fn responses_to(self, key: &str, namespace: &str, uid: &str) -> String {
        match self {
            Self::Classic => channel::response_to(key, namespace, uid),
            Self::Sharded { .. } => channel::room(key, namespace, uid),
        }
    }

    /// What brings requests and responses. The first is subscribed exactly once in each node, since all others count its
    /// subscribers to know how many answers to wait for.
    pub(crate) fn questions(self, key: &str, namespace: &str, uid: &str) -> Vec<Topic> {
        let own = self.responses_to(key, namespace, uid);
        let channels = match self {
            Self::Classic => vec![
                channel::request(key, namespace),
                channel::response(key, namespace),
                own,
            ],
            // Requests come with the broadcasts.
            Self::Sharded { .. } => vec![own],
        };
        channels.into_iter().map(Topic::Channel).collect()
    }

    pub(crate) fn broadcast(
        self,
        uid: &str,
        namespace: &str,
        data: &Value,
        targets: &Targets,
    ) -> Result<Bytes, EncodeError> {
        match self {
            Self::Classic => wire::encode_broadcast(uid, namespace, data, targets),
            Self::Sharded { .. } => {
                wire::encode_sharded_broadcast(uid, namespace, data, targets, None)
            }
        }
    }

    /// The request to send an event and hand on its acks.
    pub(crate) fn ask(
        self,
        uid: &str,
        id: &str,
        namespace: &str,
        data: &Value,
        targets: &Targets,
    ) -> Result<Bytes, EncodeError> {
        match self {
            Self::Classic => wire::encode_ask(uid, id, namespace, data, targets),
            Self::Sharded { .. } => {
                wire::encode_sharded_broadcast(uid, namespace, data, targets, Some(id))
            }
        }
    }

    pub(crate) fn request(
        self,
        uid: &str,
        namespace: &str,
        request: &Request<'_>,
    ) -> Result<Bytes, EncodeError> {
        match self {
            Self::Classic => wire::encode_request(request),
            Self::Sharded { .. } => wire::encode_sharded_request(uid, namespace, request),
        }
    }

    pub(crate) fn response(
        self,
        uid: &str,
        namespace: &str,
        response: &Response<'_>,
    ) -> Result<Bytes, EncodeError> {
        match self {
            Self::Classic => wire::encode_response(response),
            Self::Sharded { .. } => wire::encode_sharded_response(uid, namespace, response),
        }
    }

    /// Which request a message answers, who answers if it says so, and what that is to whoever counts.
    pub(crate) fn response_head(
        self,
        message: &[u8],
    ) -> Result<(String, Option<String>, Reported), DecodeError> {
        if self == Self::Classic {
            return wire::response_head(message);
        }
        match wire::decode_sharded(message)? {
            Some(wire::Envelope {
                uid,
                said: Said::Answered(id, answer),
                ..
            }) => {
                let reported = match answer {
                    Answer::Clients(clients) => Reported::Clients(clients),
                    Answer::Ack(_) => Reported::Ack,
                    _ => Reported::Answer,
                };
                Ok((id, uid, reported))
            }
            _ => Err(DecodeError::Malformed("it is no response")),
        }
    }

    /// What a message answers.
    pub(crate) fn answer(self, message: &[u8]) -> Result<Answer<'_>, DecodeError> {
        if self == Self::Classic {
            return wire::decode_response(message).map(|response| response.answer);
        }
        match wire::decode_sharded(message)? {
            Some(wire::Envelope {
                said: Said::Answered(_, answer),
                ..
            }) => Ok(answer),
            _ => Err(DecodeError::Malformed("it is no response")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARDED: Dialect = Dialect::Sharded { has_rooms: true };

    #[test]
    fn rooms_that_look_like_ids_have_no_channel_where_the_wire_is_sharded() {
        let id = "~AbCdEfGhIjKlMnOpQrS";
        assert!(Dialect::Classic.has_channel(id));
        assert!(!SHARDED.has_channel(id));
        assert!(SHARDED.has_channel("room"));
        assert!(!Dialect::Sharded { has_rooms: false }.has_channel("room"));
    }

    #[test]
    fn ids_have_nodes_form() {
        assert_eq!(Dialect::Classic.id().len(), 6);
        let id = SHARDED.id();
        assert_eq!(id.len(), 16);
        assert!(id.chars().all(|digit| digit.is_ascii_hexdigit()));
    }
}
