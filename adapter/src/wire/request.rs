//! What one node asks of all others: byte for byte as Node asks, and read as leniently as broadcasts are.
//!
//! Requests are JSON, and MessagePack where they carry an event. Node takes either form for each, so JSON is turned into
//! MessagePack first and there is one reader for both.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use socketioxide_core::Value;

use super::{
    AROUND, DEPTH, DecodeError, EncodeError, EventData, MAX, Targets,
    convert::{message_to_msgpack, msgpack_to_json},
    decode::{Packet, each_field, malformed},
    encode::{estimate, event_bytes, finished},
    form::{Form, FormFields, FormReader},
    msgpack::{Reader, Token},
    options::{self, boolean, integer, name, rooms},
    walk::skip,
    writer::Writer,
};

/// Names that Node's servers keep for themselves: sent from elsewhere, they would call listeners of connections.
const RESERVED: [&str; 3] = ["connect", "connection", "new_namespace"];

/// The numbers of requests, and of the answers to the last of them.
pub(super) mod kind {
    pub(in super::super) const SOCKETS: i64 = 0;
    pub(in super::super) const ALL_ROOMS: i64 = 1;
    pub(in super::super) const JOIN: i64 = 2;
    pub(in super::super) const LEAVE: i64 = 3;
    pub(in super::super) const DISCONNECT: i64 = 4;
    pub(in super::super) const FETCH: i64 = 5;
    pub(in super::super) const SERVER_SIDE_EMIT: i64 = 6;
    pub(in super::super) const BROADCAST: i64 = 7;
    pub(in super::super) const CLIENT_COUNT: i64 = 8;
    pub(in super::super) const ACK: i64 = 9;
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Who asks; `None` for emitters and old adapters.
    pub uid: Option<String>,
    /// Names the answers; `None` where none is wanted.
    pub id: Option<String>,
    /// What is asked.
    pub question: Question<'a>,
}

/// What is asked of each node about its own sockets.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Question<'a> {
    /// The ids of the sockets in these rooms, or of all. Asked by adapters before 8.0.
    Sockets {
        /// The rooms.
        rooms: Vec<String>,
    },
    /// The rooms that have members.
    Rooms,
    /// To have the selected sockets join rooms.
    Join {
        /// Which sockets; flags have no meaning.
        targets: Targets,
        /// The rooms to join.
        rooms: Vec<String>,
        /// One socket is meant, and its node answers: the form of adapters before 8.0.
        of_one: bool,
    },
    /// To have the selected sockets leave rooms.
    Leave {
        /// Which sockets; flags have no meaning.
        targets: Targets,
        /// The rooms to leave.
        rooms: Vec<String>,
        /// As with [`Join`](Self::Join).
        of_one: bool,
    },
    /// To disconnect the selected sockets.
    Disconnect {
        /// Which sockets; flags have no meaning.
        targets: Targets,
        /// Whether their connections are closed, too.
        close: bool,
        /// As with [`Join`](Self::Join).
        of_one: bool,
    },
    /// The selected sockets.
    Fetch {
        /// Which sockets; flags have no meaning.
        targets: Targets,
        /// What is to be told of them.
        form: Form,
    },
    /// To hand an event to the application. An answer is wanted where the request has an id.
    ServerSideEmit {
        /// The list of the event's name and arguments, as JSON.
        data: String,
    },
    /// To send an event to the selected sockets, count them, and hand on their acks.
    Broadcast {
        /// The namespace that the packet names.
        namespace: Cow<'a, str>,
        /// The event.
        data: EventData<'a>,
        /// Which sockets; the flags say how long the asker waits.
        targets: Targets,
    },
}

/// The one form in which requests and responses are read: MessagePack.
///
/// # Errors
///
/// [`DecodeError`] if it begins as JSON but is not, or is larger than [`MAX`].
pub fn unified(payload: &Bytes) -> Result<Bytes, DecodeError> {
    if payload.len() > MAX {
        return Err(DecodeError::TooLarge(payload.len()));
    }
    if payload.first() != Some(&b'{') {
        return Ok(payload.clone());
    }
    let Ok(text) = std::str::from_utf8(payload) else {
        return malformed("not UTF-8");
    };
    message_to_msgpack(text).map_err(|_| DecodeError::Malformed("begins as JSON but is not"))
}

/// Decodes a request from its [`unified`] form; `None` if it is of a type that is not known, which Node ignores, too.
///
/// # Errors
///
/// [`DecodeError`] if what the type needs is missing or is not what it should be.
pub fn decode_request(message: &[u8]) -> Result<Option<Request<'_>>, DecodeError> {
    let fields = Fields::read(message)?;
    let of_one = fields.targets.is_none() && fields.socket.is_some();
    let targets = || match (&fields.targets, &fields.socket) {
        (Some(targets), _) => Ok(targets.clone()),
        (None, Some(socket)) => Ok(Targets {
            rooms: vec![socket.clone()],
            ..Targets::default()
        }),
        (None, None) => malformed("it has no options"),
    };
    let rooms = || match &fields.room {
        Some(room) if of_one => vec![room.clone()],
        _ => fields.rooms.clone(),
    };
    let question = match fields.kind {
        Some(kind::SOCKETS) => Question::Sockets { rooms: rooms() },
        Some(kind::ALL_ROOMS) => Question::Rooms,
        Some(kind::JOIN) => Question::Join {
            targets: targets()?,
            rooms: rooms(),
            of_one,
        },
        Some(kind::LEAVE) => Question::Leave {
            targets: targets()?,
            rooms: rooms(),
            of_one,
        },
        Some(kind::DISCONNECT) => Question::Disconnect {
            targets: targets()?,
            close: fields.close,
            of_one,
        },
        Some(kind::FETCH) => Question::Fetch {
            targets: targets()?,
            form: fields.form.form(),
        },
        Some(kind::SERVER_SIDE_EMIT) => Question::ServerSideEmit {
            // Binary values are lists of numbers where Node asks. In MessagePack they can be real ones, which JSON has no
            // place for.
            data: match fields.data {
                Some(data) => server_side(data)?.0,
                None => return malformed("it has no data"),
            },
        },
        Some(kind::BROADCAST) => {
            let targets = targets()?;
            let Some(packet) = fields.packet else {
                return malformed("it has no packet");
            };
            let packet = Packet::read(&mut Reader::new(packet))?;
            Question::Broadcast {
                namespace: packet.namespace,
                data: packet.data,
                targets,
            }
        }
        _ => return Ok(None),
    };
    Ok(Some(Request {
        uid: fields.uid,
        id: fields.id,
        question,
    }))
}

/// Encodes a request as Node does.
///
/// # Errors
///
/// [`EncodeError`] if other nodes could stumble over it.
pub fn encode_request(request: &Request<'_>) -> Result<Bytes, EncodeError> {
    let message = Message {
        uid: request.uid.as_deref(),
        id: request.id.as_deref(),
        ..Message::default()
    };
    let opts = |targets| Some(Opts::of(targets));
    let message = match &request.question {
        Question::Sockets { rooms } => Message {
            kind: kind::SOCKETS,
            rooms: Some(rooms),
            ..message
        },
        Question::Rooms => Message {
            kind: kind::ALL_ROOMS,
            ..message
        },
        Question::Join { targets, rooms, .. } => Message {
            kind: kind::JOIN,
            opts: opts(targets),
            rooms: Some(rooms),
            ..message
        },
        Question::Leave { targets, rooms, .. } => Message {
            kind: kind::LEAVE,
            opts: opts(targets),
            rooms: Some(rooms),
            ..message
        },
        Question::Disconnect { targets, close, .. } => Message {
            kind: kind::DISCONNECT,
            opts: opts(targets),
            close: Some(*close),
            ..message
        },
        Question::Fetch { targets, form } => Message {
            kind: kind::FETCH,
            opts: opts(targets),
            form: FormFields::of(form),
            ..message
        },
        Question::ServerSideEmit { data } => Message {
            kind: kind::SERVER_SIDE_EMIT,
            data: Some(event(data)?),
            ..message
        },
        Question::Broadcast {
            namespace,
            data,
            targets,
        } => return broadcast(request, namespace, data, targets),
    };
    json(&message)
}

/// Encodes the request to send an event, as a parser holds it, to the selected sockets and to hand on their acks.
///
/// # Errors
///
/// As [`encode_request`], and as [`encode_broadcast`](super::encode_broadcast).
pub fn encode_ask(
    uid: &str,
    id: &str,
    namespace: &str,
    data: &Value,
    targets: &Targets,
) -> Result<Bytes, EncodeError> {
    let event = event_bytes(data, targets)?;
    encode_request(&Request {
        uid: Some(uid.to_owned()),
        id: Some(id.to_owned()),
        question: Question::Broadcast {
            namespace: namespace.into(),
            data: EventData::read(&mut Reader::new(&event))?,
            targets: targets.clone(),
        },
    })
}

/// The event of a server-side emit, as JSON, if applications may get it: one that they may not would end servers of Node.js.
pub(super) fn event(text: &str) -> Result<&RawValue, EncodeError> {
    let list = message_to_msgpack(text)?;
    match name_of(&list) {
        Ok(_) => raw(text),
        Err(DecodeError::ReservedEvent(name)) => Err(EncodeError::ReservedEvent(name)),
        Err(DecodeError::Malformed(what)) => Err(EncodeError::Malformed(what)),
        Err(_) => Err(EncodeError::Malformed("it is no event")),
    }
}

/// A JSON value that is to be written as it is.
pub(super) fn raw(text: &str) -> Result<&RawValue, EncodeError> {
    serde_json::from_str(text).map_err(|error| EncodeError::Json {
        at: error.column(),
        expected: "one whole value",
    })
}

/// Writes JSON, if it may be as large.
pub(super) fn json(message: &impl Serialize) -> Result<Bytes, EncodeError> {
    let text =
        serde_json::to_vec(message).expect("its keys are texts, and none of its parts fails");
    if text.len() > MAX {
        return Err(EncodeError::TooLarge(text.len()));
    }
    Ok(text.into())
}

fn broadcast(
    request: &Request<'_>,
    namespace: &str,
    data: &EventData<'_>,
    targets: &Targets,
) -> Result<Bytes, EncodeError> {
    let mut out = Writer::with_capacity(estimate(namespace, data.bytes().len(), targets));
    out.map(5);
    out.text("uid");
    match &request.uid {
        Some(uid) => out.text(uid),
        None => out.nil(),
    }
    out.text("requestId");
    match &request.id {
        Some(id) => out.text(id),
        None => out.nil(),
    }
    out.text("type");
    out.unsigned(kind::BROADCAST.unsigned_abs());
    out.text("packet");
    out.map(3);
    out.text("type");
    out.unsigned(2);
    out.text("data");
    out.raw(data.bytes());
    out.text("nsp");
    out.text(namespace);
    out.text("opts");
    options::write(targets, &mut out);
    finished(out)
}

/// The event of a server-side emit as JSON, if it is one that applications may get, and how many binary values it had.
pub(super) fn server_side(data: &[u8]) -> Result<(String, usize), DecodeError> {
    name_of(data)?;
    let (text, attachments) = msgpack_to_json(data)?;
    Ok((text, attachments.len()))
}

/// The name of an event between servers, if applications may get it.
fn name_of(data: &[u8]) -> Result<String, DecodeError> {
    let mut reader = Reader::new(data);
    let Token::List(1..) = reader.token()? else {
        return malformed("its data is not a list that begins with a name");
    };
    let event = reader.token()?;
    if let Token::Text(text) = &event
        && let Some(reserved) = RESERVED.iter().find(|reserved| *reserved == text)
    {
        return Err(DecodeError::ReservedEvent(reserved));
    }
    match name(event) {
        Some(name) => Ok(name),
        None => malformed("its event name is neither a text nor an integer"),
    }
}

#[derive(Default, Serialize)]
struct Message<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<&'a str>,
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type")]
    kind: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    opts: Option<Opts<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    close: Option<bool>,
    #[serde(flatten)]
    form: FormFields<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Opts<'a> {
    rooms: &'a [String],
    except: &'a [String],
}

impl<'a> Opts<'a> {
    fn of(targets: &'a Targets) -> Self {
        Self {
            rooms: &targets.rooms,
            except: &targets.except,
        }
    }
}

/// The fields of any request.
#[derive(Default)]
struct Fields<'a> {
    uid: Option<String>,
    id: Option<String>,
    kind: Option<i64>,
    targets: Option<Targets>,
    rooms: Vec<String>,
    close: bool,
    form: FormReader,
    socket: Option<String>,
    room: Option<String>,
    data: Option<&'a [u8]>,
    packet: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut fields = Self::default();
        each_field(message, |key, reader| {
            match key {
                "uid" => fields.uid = text(reader)?,
                "requestId" => fields.id = text(reader)?,
                "type" => fields.kind = integer(reader)?,
                "opts" => {
                    let mut ahead = reader.clone();
                    skip(reader, DEPTH)?;
                    // Nil, as if it were not there.
                    if !matches!(ahead.clone().token()?, Token::Nil) {
                        fields.targets = Some(options::read(&mut ahead)?);
                    }
                }
                "rooms" => fields.rooms = rooms(reader)?,
                "close" => fields.close = boolean(reader)?.unwrap_or(false),
                "sid" => fields.socket = text(reader)?,
                "room" => fields.room = text(reader)?,
                "data" => fields.data = Some(slice(reader)?),
                "packet" => fields.packet = Some(slice(reader)?),
                _ if fields.form.read(key, reader)? => {}
                _ => skip(reader, DEPTH)?,
            }
            Ok(())
        })?;
        Ok(fields)
    }
}

/// Reads a name; `None` if it is neither a text nor an integer.
pub(super) fn text(reader: &mut Reader<'_>) -> Result<Option<String>, DecodeError> {
    let mut ahead = reader.clone();
    skip(reader, DEPTH)?;
    Ok(name(ahead.token()?))
}

/// Passes over a value, which was walked without a fault; its bytes.
pub(super) fn slice<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let start = reader.rest();
    skip(reader, DEPTH + AROUND)?;
    Ok(&start[..start.len() - reader.rest().len()])
}
