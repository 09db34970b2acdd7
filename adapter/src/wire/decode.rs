//! From the bytes of one broadcast to what this node has to do: leniently where publishers in the wild differ, and without
//! trusting a single length.

use std::borrow::Cow;

use super::{
    DEPTH, EventData, Flags, MAX, MAX_PARTS,
    msgpack::{Reader, Token},
    number::Number,
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
    /// Rooms whose members get it; empty for everybody. Rooms that are integers on the wire are given in decimal.
    pub rooms: Vec<String>,
    /// Rooms whose members do not.
    pub except: Vec<String>,
    /// How it is to be delivered.
    pub flags: Flags,
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
    let len = match reader.token()? {
        Token::List(len @ 3..) => len,
        Token::List(_) => return malformed("a list of fewer than three"),
        _ => return malformed("not a list"),
    };
    skip(&mut reader, DEPTH)?;
    let packet = Packet::read(&mut reader)?;
    let options = Options::read(&mut reader)?;
    for _ in 3..len {
        skip(&mut reader, DEPTH)?;
    }
    if !reader.rest().is_empty() {
        return malformed("something follows the message");
    }
    Ok(Broadcast {
        namespace: packet.namespace,
        data: packet.data,
        rooms: options.rooms,
        except: options.except,
        flags: options.flags,
    })
}

/// Why a message is not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It has this many bytes, which is above [`MAX`].
    #[error("{0} bytes, where {MAX} are allowed")]
    TooLarge(usize),
    /// It is not a broadcast.
    #[error("no valid broadcast: {0}")]
    Malformed(&'static str),
    /// Its packet is not an event but of this type; `None` if there is none, or none that is an integer.
    #[error("the packet is not an event{}", .0.map(|kind| format!(" but of type {kind}")).unwrap_or_default())]
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

/// The second element of the message.
struct Packet<'a> {
    namespace: Cow<'a, str>,
    data: EventData<'a>,
}

impl<'a> Packet<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
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

/// The third element of the message.
#[derive(Default)]
struct Options {
    rooms: Vec<String>,
    except: Vec<String>,
    flags: Flags,
}

impl Options {
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = match reader.token()? {
            Token::Map(len) => len,
            // What some languages write for a map without entries.
            Token::List(0) => 0,
            _ => return malformed("its options are not a map"),
        };
        let mut options = Self::default();
        for _ in 0..len {
            match &*key(reader)? {
                "rooms" => options.rooms = rooms(reader)?,
                "except" => options.except = rooms(reader)?,
                "flags" => options.flags = flags(reader)?,
                _ => skip(reader, DEPTH)?,
            }
        }
        Ok(options)
    }
}

/// Reads a list of rooms, or a single one. What is no room fails the whole message: leaving it out would show the event to
/// more clients than it was meant for.
fn rooms(reader: &mut Reader<'_>) -> Result<Vec<String>, DecodeError> {
    const NO_ROOM: Refusal = Refusal::Malformed("a room is neither a text nor an integer");
    match reader.token()? {
        Token::Nil => Ok(Vec::new()),
        Token::Text(text) if text.is_empty() => Ok(Vec::new()),
        Token::List(len) if len as usize > MAX_PARTS => malformed("more rooms than are allowed"),
        Token::List(len) => {
            // Grown as rooms come, since the length is the sender's word.
            let mut rooms = Vec::new();
            for _ in 0..len {
                rooms.push(room(reader.token()?).ok_or(NO_ROOM)?);
            }
            Ok(rooms)
        }
        token => Ok(vec![room(token).ok_or(NO_ROOM)?]),
    }
}

fn room(token: Token<'_>) -> Option<String> {
    match token {
        Token::Text(text) => Some(text.into_owned()),
        Token::Unsigned(value) => Some(value.to_string()),
        Token::Signed(value) => Some(value.to_string()),
        Token::Float(value) => match Number::from(value) {
            Number::Unsigned(value) => Some(value.to_string()),
            Number::Signed(value) => Some(value.to_string()),
            Number::Float(_) => None,
        },
        _ => None,
    }
}

/// Reads flags; whatever is not a map has none.
fn flags(reader: &mut Reader<'_>) -> Result<Flags, DecodeError> {
    let mut ahead = reader.clone();
    let Token::Map(len) = ahead.token()? else {
        skip(reader, DEPTH)?;
        return Ok(Flags::default());
    };
    *reader = ahead;
    let mut flags = Flags::default();
    for _ in 0..len {
        match &*key(reader)? {
            "volatile" => flags.volatile = boolean(reader)?.unwrap_or(false),
            "compress" => flags.compress = boolean(reader)?,
            _ => skip(reader, DEPTH)?,
        }
    }
    Ok(flags)
}

/// Reads a value; `None` if it is neither a boolean nor a number that stands for one.
fn boolean(reader: &mut Reader<'_>) -> Result<Option<bool>, DecodeError> {
    let mut ahead = reader.clone();
    skip(reader, DEPTH)?;
    Ok(match ahead.token()? {
        Token::Boolean(value) => Some(value),
        Token::Unsigned(value) => Some(value != 0),
        _ => None,
    })
}

/// Reads a value; `None` if it is not an integer.
fn integer(reader: &mut Reader<'_>) -> Result<Option<i64>, DecodeError> {
    let mut ahead = reader.clone();
    skip(reader, DEPTH)?;
    Ok(match ahead.token()? {
        Token::Unsigned(value) => i64::try_from(value).ok(),
        Token::Signed(value) => Some(value),
        Token::Float(value) => match Number::from(value) {
            Number::Unsigned(value) => i64::try_from(value).ok(),
            Number::Signed(value) => Some(value),
            Number::Float(_) => None,
        },
        _ => None,
    })
}

fn malformed<T>(what: &'static str) -> Result<T, DecodeError> {
    Err(DecodeError::Malformed(what))
}
