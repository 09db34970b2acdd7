//! What a node answers to a [request](super::Request), in Node's shapes.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    DEPTH, DecodeError, EncodeError, MAX_PARTS,
    convert::msgpack_to_json,
    decode::{each_field, malformed},
    encode::finished,
    msgpack::{Reader, Token},
    options::{integer, rooms},
    request::{json, kind, raw, slice, text},
    walk::skip,
    writer::Writer,
};

/// One response.
#[derive(Debug, Clone)]
pub struct Response<'a> {
    /// The request that it answers.
    pub id: String,
    /// Who answers. Node.js servers do not say it; nodes of this crate say it to each other.
    pub uid: Option<String>,
    /// The answer.
    pub answer: Answer<'a>,
}

/// What is answered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Answer<'a> {
    /// The rooms that have members.
    Rooms(Vec<String>),
    /// The selected sockets, or their ids: a list, as JSON.
    Sockets(String),
    /// How many sockets are selected, where that was enough.
    Count(u64),
    /// How many of the selected sockets each room has, where that was enough: an object, as JSON.
    Sizes(String),
    /// What the application answered to a server-side emit, as JSON; `None` for nothing.
    Value(Option<String>),
    /// How many sockets an event was sent to, each of which may answer.
    Clients(u64),
    /// The first value of what one of them answered, as MessagePack; `None` for nothing.
    Ack(Option<&'a [u8]>),
    /// It was done: the answer to the old forms of join, leave and disconnect.
    Done,
}

/// What a response reports to whoever counts answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reported {
    /// A server has answered.
    Answer,
    /// A server has asked that many clients.
    Clients(u64),
    /// A client has answered.
    Ack,
}

/// Decodes a response from its [`unified`](super::unified) form.
///
/// # Errors
///
/// [`DecodeError`] if it names no request, or if what its type needs is not what it should be.
pub fn decode_response(message: &[u8]) -> Result<Response<'_>, DecodeError> {
    let fields = Fields::read(message)?;
    let answer = match (fields.kind, fields.sockets, fields.rooms) {
        (Some(kind::SERVER_SIDE_EMIT), ..) => {
            let value = fields.data.map(msgpack_to_json).transpose()?;
            Answer::Value(value.map(|(text, _)| text))
        }
        (Some(kind::CLIENT_COUNT), ..) => Answer::Clients(fields.clients()?),
        (Some(kind::ACK), ..) => Answer::Ack(fields.packet),
        (_, Some(sockets), _) => match (fields.count, fields.sizes) {
            (Some(count), _) => Answer::Count(count),
            (None, Some(sizes)) => Answer::Sizes(msgpack_to_json(sizes)?.0),
            (None, None) => Answer::Sockets(list(sockets)?),
        },
        (_, None, Some(listed)) => {
            // A list: anything else would not end the question of a Node.js server either.
            let Token::List(_) = Reader::new(listed).token()? else {
                return malformed("its rooms are not a list");
            };
            Answer::Rooms(rooms(&mut Reader::new(listed))?)
        }
        _ => Answer::Done,
    };
    Ok(Response {
        id: fields.id,
        uid: fields.uid,
        answer,
    })
}

/// The request that a response answers, who answers if it says so, and what that is to whoever counts. The answer itself
/// is not looked at.
///
/// # Errors
///
/// As [`decode_response`].
pub(crate) fn response_head(
    message: &[u8],
) -> Result<(String, Option<String>, Reported), DecodeError> {
    let fields = Fields::read(message)?;
    let reported = match fields.kind {
        Some(kind::CLIENT_COUNT) => Reported::Clients(fields.clients()?),
        Some(kind::ACK) => Reported::Ack,
        _ => Reported::Answer,
    };
    Ok((fields.id, fields.uid, reported))
}

/// Encodes a response as Node does, if it bears no `uid`.
///
/// # Errors
///
/// [`EncodeError`] if it is too large, or if a text that should be JSON is not.
pub fn encode_response(response: &Response<'_>) -> Result<Bytes, EncodeError> {
    let message = Message {
        id: &response.id,
        uid: response.uid.as_deref(),
        ..Message::default()
    };
    let message = match &response.answer {
        Answer::Rooms(rooms) => Message {
            rooms: Some(rooms),
            ..message
        },
        Answer::Sockets(sockets) => Message {
            sockets: Some(raw(sockets)?),
            ..message
        },
        Answer::Count(count) => Message {
            sockets: Some(raw("[]")?),
            count: Some(*count),
            ..message
        },
        Answer::Sizes(sizes) => Message {
            sockets: Some(raw("[]")?),
            sizes: Some(raw(sizes)?),
            ..message
        },
        Answer::Value(value) => Message {
            kind: Some(kind::SERVER_SIDE_EMIT),
            data: value.as_deref().map(raw).transpose()?,
            ..message
        },
        Answer::Clients(clients) => Message {
            kind: Some(kind::CLIENT_COUNT),
            clients: Some(*clients),
            ..message
        },
        Answer::Ack(value) => return ack(response, *value),
        Answer::Done => message,
    };
    json(&message)
}

fn ack(response: &Response<'_>, value: Option<&[u8]>) -> Result<Bytes, EncodeError> {
    let mut out = Writer::with_capacity(64 + value.map_or(0, <[u8]>::len));
    out.map(2 + u32::from(response.uid.is_some()) + u32::from(value.is_some()));
    out.text("type");
    out.unsigned(kind::ACK.unsigned_abs());
    out.text("requestId");
    out.text(&response.id);
    if let Some(uid) = &response.uid {
        out.text("uid");
        out.text(uid);
    }
    if let Some(value) = value {
        out.text("packet");
        out.raw(value);
    }
    finished(out)
}

/// A list as JSON.
pub(super) fn list(bytes: &[u8]) -> Result<String, DecodeError> {
    match Reader::new(bytes).token()? {
        Token::List(len) if len as usize <= MAX_PARTS => Ok(msgpack_to_json(bytes)?.0),
        Token::List(_) => malformed("more sockets than are allowed"),
        _ => malformed("its sockets are not a list"),
    }
}

/// The fields of any response.
#[derive(Default)]
struct Fields<'a> {
    id: String,
    uid: Option<String>,
    kind: Option<i64>,
    clients: Option<u64>,
    count: Option<u64>,
    sizes: Option<&'a [u8]>,
    rooms: Option<&'a [u8]>,
    sockets: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
    packet: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut fields = Self::default();
        let mut id = None;
        let counted = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
        each_field(message, |key, reader| {
            match key {
                "requestId" => id = text(reader)?,
                "uid" => fields.uid = text(reader)?,
                "type" => fields.kind = integer(reader)?,
                "clientCount" => fields.clients = counted(integer(reader)?),
                "count" => fields.count = counted(integer(reader)?),
                "sizes" => fields.sizes = Some(slice(reader)?),
                "rooms" => fields.rooms = Some(slice(reader)?),
                "sockets" => fields.sockets = Some(slice(reader)?),
                "data" => fields.data = Some(slice(reader)?),
                "packet" => fields.packet = Some(slice(reader)?),
                _ => skip(reader, DEPTH)?,
            }
            Ok(())
        })?;
        match id {
            Some(id) => Ok(Self { id, ..fields }),
            None => malformed("it names no request"),
        }
    }

    fn clients(&self) -> Result<u64, DecodeError> {
        match self.clients {
            Some(clients) => Ok(clients),
            None => malformed("it counts no clients"),
        }
    }
}

#[derive(Default, Serialize)]
struct Message<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<i64>,
    #[serde(rename = "requestId")]
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sockets: Option<&'a RawValue>,
    #[serde(rename = "clientCount", skip_serializing_if = "Option::is_none")]
    clients: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sizes: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}
