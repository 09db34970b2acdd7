//! From an event and its targets to the bytes that every node and Node.js server of the cluster reads.

use std::collections::VecDeque;

use bytes::Bytes;
use socketioxide_core::Value;

use super::{
    EventData, MAX, MAX_PARTS, Targets, json::JsonError, msgpack::Reader, options,
    refusal::Refusal, transcode::transcode, writer::Writer,
};

/// Writes one broadcast for Node's classic adapter, byte for byte as Node writes it.
///
/// `uid` is the sender's id, `namespace` has its leading slash, and `data` is the event as either of socketioxide's parsers
/// holds it: the list of its name and its arguments, as JSON beside its binary values, or as MessagePack, which is copied as
/// it is. Numbers go as JavaScript has them: `5.0` is the integer 5. Half a surrogate pair becomes U+FFFD.
///
/// # Errors
///
/// Whatever other nodes or their clients could stumble over is refused, and nothing of it is written: Node.js servers end
/// when they receive a malformed message.
pub fn encode_broadcast(
    uid: &str,
    namespace: &str,
    data: &Value,
    targets: &Targets,
) -> Result<Bytes, EncodeError> {
    encoded(uid, namespace, data, targets, options::write)
}

/// The same with options as `write_options` writes them.
pub(super) fn encoded(
    uid: &str,
    namespace: &str,
    data: &Value,
    targets: &Targets,
    write_options: fn(&Targets, &mut Writer),
) -> Result<Bytes, EncodeError> {
    check(data, targets)?;
    let mut out = Writer::with_capacity(estimate(namespace, size(data), targets));
    out.list(3);
    out.text(uid);

    write_packet(namespace, data, &mut out)?;

    write_options(targets, &mut out);

    finished(out)
}

/// What would not be read has no place in a message.
pub(super) fn check(data: &Value, targets: &Targets) -> Result<(), EncodeError> {
    if data.len() > MAX {
        return Err(EncodeError::TooLarge(data.len()));
    }
    let rooms = targets.rooms.len().max(targets.except.len());
    if rooms > MAX_PARTS {
        return Err(EncodeError::TooMany(rooms));
    }
    Ok(())
}

/// An event as MessagePack, for a message that carries it to these sockets.
pub(super) fn event_bytes(data: &Value, targets: &Targets) -> Result<Vec<u8>, EncodeError> {
    check(data, targets)?;
    let mut event = Writer::with_capacity(data.len());
    write_event(data, &mut event)?;
    Ok(event.finish())
}

/// Writes the packet of an event.
pub(super) fn write_packet(
    namespace: &str,
    data: &Value,
    out: &mut Writer,
) -> Result<(), EncodeError> {
    out.map(3);
    out.text("type");
    out.unsigned(2);
    out.text("data");
    write_event(data, out)?;
    out.text("nsp");
    out.text(namespace);
    Ok(())
}

/// The message, if it may be as large.
pub(super) fn finished(out: Writer) -> Result<Bytes, EncodeError> {
    let message = out.finish();
    if message.len() > MAX {
        return Err(EncodeError::TooLarge(message.len()));
    }
    Ok(message.into())
}

/// Why an event cannot be sent to other nodes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The JSON text is wrong.
    #[error("no valid JSON: {expected} should stand at byte {at}")]
    Json {
        /// Where, in bytes from the start.
        at: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// It is no event, or no valid MessagePack.
    #[error("no valid event: {0}")]
    Malformed(&'static str),
    /// Clients keep this event's name for themselves, and close the connection when a server uses it.
    #[error("the event name {0:?} is reserved")]
    ReservedEvent(&'static str),
    /// It is a value of Rust that failed to serialize, for this reason.
    #[error("the data cannot be serialized: {0}")]
    Value(String),
    /// A placeholder stands for a binary value that is not there.
    #[error("a placeholder's number is not that of one of the {attachments} attachments")]
    Placeholder {
        /// How many there are.
        attachments: usize,
    },
    /// It has this many bytes or more, which is above [`MAX`].
    #[error("{0} bytes or more, where {MAX} are allowed")]
    TooLarge(usize),
    /// It names this many rooms or binary values, which is above [`MAX_PARTS`].
    #[error("{0} rooms or binary values, where {MAX_PARTS} are allowed")]
    TooMany(usize),
}

impl From<JsonError> for EncodeError {
    fn from(JsonError { at, expected }: JsonError) -> Self {
        Self::Json { at, expected }
    }
}

pub(super) fn write_event(data: &Value, out: &mut Writer) -> Result<(), EncodeError> {
    static NONE: VecDeque<Bytes> = VecDeque::new();
    match data {
        Value::Str(json, attachments) => {
            transcode(json, attachments.as_ref().unwrap_or(&NONE), out)
        }
        Value::Bytes(bytes) => {
            let mut reader = Reader::new(bytes);
            EventData::read(&mut reader)?;
            if !reader.rest().is_empty() {
                return Err(Refusal::Malformed("something follows the event").into());
            }
            out.raw(bytes);
            Ok(())
        }
    }
}

/// About how long the message of an event of that many bytes will be, so that its buffer rarely grows.
pub(super) fn estimate(namespace: &str, data: usize, targets: &Targets) -> usize {
    const KEYS_IDS_AND_FLAGS: usize = 120;
    const HEAD: usize = 5;
    let rooms = targets.rooms.iter().chain(&targets.except);
    let rooms: usize = rooms.map(|room| room.len() + HEAD).sum();
    (KEYS_IDS_AND_FLAGS + namespace.len() + data + rooms).min(MAX)
}

fn size(data: &Value) -> usize {
    let attachments = match data {
        Value::Str(_, Some(attachments)) => attachments.iter().map(Bytes::len).sum(),
        _ => 0,
    };
    data.len() + attachments
}
