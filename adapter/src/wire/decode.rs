//! From the bytes of one broadcast to what this node has to do: leniently where publishers in the wild differ, and without
//! trusting a single length.

use std::borrow::Cow;

use super::{
    DEPTH, EventData, MAX, Targets,
    msgpack::{Reader, Token},
    options::{self, integer},
    refusal::Refusal,
    walk::{key, skip},
};

/// One broadcast, borrowed from the message where possible.
#[derive(Debug, Clone)]
pub struct Broadcast<'a> {
    /// The namespace it is for; `/` if it names none.
    pub namespace: Cow<'a, str>,
    /// The event.
    pub data: EventData<'a>,
    /// Who gets it, and how. Rooms that are integers on the wire are given in decimal.
    pub targets: Targets,
}

/// Whether `payload` begins as a broadcast that `uid` has sent. Nothing behind the leading id is looked at.
///
/// An id that is not a text is never ours; and what cannot be decoded was not sent by us either.
pub fn sent_by(payload: &[u8], uid: &str) -> bool {
    let mut reader = Reader::new(payload);
    let Ok(Token::List(1..)) = reader.token() else {
        return false;
    };
    matches!(reader.token(), Ok(Token::Text(text)) if text == uid)
}

/// Decodes one broadcast.
///
/// # Errors
///
/// Whatever is not a broadcast that could be delivered to clients is refused. Such a message is to be dropped and counted,
/// under [`DecodeError::cause`].
pub fn decode_broadcast(payload: &[u8]) -> Result<Broadcast<'_>, DecodeError> {
    if payload.len() > MAX {
        return Err(DecodeError::TooLarge(payload.len()));
    }
    let mut reader = Reader::new(payload);
    let parts = match reader.token()? {
        Token::List(len @ 3..) => {
            skip(&mut reader, DEPTH)?;
            len - 1
        }
        // The form of emitters for adapters before 1.0, who do not say that it is them.
        Token::List(2) if matches!(reader.clone().token()?, Token::Map(_)) => 2,
        Token::List(_) => return malformed("a list of fewer than three"),
        _ => return malformed("not a list"),
    };
    let packet = Packet::read(&mut reader)?;
    let targets = options::read(&mut reader)?;
    for _ in 2..parts {
        skip(&mut reader, DEPTH)?;
    }
    if !reader.rest().is_empty() {
        return malformed("something follows the message");
    }
    Ok(Broadcast {
        namespace: packet.namespace,
        data: packet.data,
        targets,
    })
}

/// Why a message is not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It has this many bytes, which is above [`MAX`].
    #[error("{0} bytes, where {MAX} are allowed")]
    TooLarge(usize),
    /// It is not what it should be.
    #[error("no valid message: {0}")]
    Malformed(&'static str),
    /// Its packet is not an event but of this type; `None` if there is none, or none that is an integer.
    #[error("neither an event nor a request that is known{}", .0.map(|kind| format!(": its type is {kind}")).unwrap_or_default())]
    UnknownType(Option<i64>),
    /// Clients keep this event's name for themselves, and close the connection when a server uses it.
    #[error("the event name {0:?} is reserved")]
    ReservedEvent(&'static str),
}

impl DecodeError {
    /// One of few words, fit for the label of a metric.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "too_large",
            Self::Malformed(_) => "malformed",
            Self::UnknownType(_) => "unknown_type",
            Self::ReservedEvent(_) => "reserved",
        }
    }
}

/// The packet of a broadcast.
pub(super) struct Packet<'a> {
    pub(super) namespace: Cow<'a, str>,
    pub(super) data: EventData<'a>,
}

impl<'a> Packet<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let Token::Map(len) = reader.token()? else {
            return malformed("its packet is not a map");
        };
        let mut kind = None;
        let mut namespace = Cow::Borrowed("/");
        // The type decides what is wrong with the message, and may come after the data.
        let mut data = Err(Refusal::Malformed("its packet has no data"));
        for _ in 0..len {
            match &*key(reader)? {
                "type" => kind = integer(reader)?,
                "nsp" => match reader.token()? {
                    Token::Text(text) => namespace = text,
                    _ => return malformed("its namespace is not a text"),
                },
                "data" => {
                    let mut ahead = reader.clone();
                    skip(reader, DEPTH)?;
                    data = EventData::read(&mut ahead);
                }
                _ => skip(reader, DEPTH)?,
            }
        }
        match kind {
            // Some emitters write 5, the type that events with binary values have towards clients.
            Some(2 | 5) => Ok(Self {
                namespace,
                data: data?,
            }),
            kind => Err(DecodeError::UnknownType(kind)),
        }
    }
}

pub(super) fn malformed<T>(what: &'static str) -> Result<T, DecodeError> {
    Err(DecodeError::Malformed(what))
}

/// Reads a message that is one map: `read` is shown each key, and reads the value behind it.
pub(super) fn each_field<'a>(
    message: &'a [u8],
    mut read: impl FnMut(&str, &mut Reader<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut reader = Reader::new(message);
    let Token::Map(len) = reader.token()? else {
        return malformed("not a map");
    };
    for _ in 0..len {
        let key = key(&mut reader)?;
        read(&key, &mut reader)?;
    }
    if !reader.rest().is_empty() {
        return malformed("something follows the message");
    }
    Ok(())
}
