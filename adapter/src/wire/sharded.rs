//! What nodes say to each other over sharded Pub/Sub: the wire of Node's sharded adapter, one envelope for everything.
//!
//! `{type, data, uid, nsp}` is JSON, and MessagePack where there is a binary value in it.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use socketioxide_core::Value;

use super::{
    Answer, DEPTH, DecodeError, EncodeError, EventData, Question, Request, Response, Targets,
    convert::msgpack_to_json,
    decode::{Packet, each_field, malformed},
    encode::{estimate, event_bytes, finished},
    form::{FormFields, FormReader},
    msgpack::{Reader, Token},
    options::{self, boolean, integer, rooms},
    request::{event, json, raw, server_side, slice, text},
    response::list,
    walk::{key, skip},
    writer::Writer,
};

mod kind {
    pub(super) const BROADCAST: i64 = 3;
    pub(super) const JOIN: i64 = 4;
    pub(super) const LEAVE: i64 = 5;
    pub(super) const DISCONNECT: i64 = 6;
    pub(super) const FETCH: i64 = 7;
    pub(super) const SOCKETS: i64 = 8;
    pub(super) const SERVER_SIDE_EMIT: i64 = 9;
    pub(super) const VALUE: i64 = 10;
    pub(super) const CLIENTS: i64 = 11;
    pub(super) const ACK: i64 = 12;
}

/// One message.
#[derive(Debug, Clone)]
pub struct Envelope<'a> {
    /// Who says it.
    pub uid: Option<String>,
    /// In which namespace.
    pub namespace: String,
    /// What is said.
    pub said: Said<'a>,
}

/// What a message says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Said<'a> {
    /// An event for the selected sockets.
    Broadcast {
        /// The event.
        data: EventData<'a>,
        /// Which sockets.
        targets: Targets,
    },
    /// A request; answers bear its id, if there is one.
    Asked(Option<String>, Question<'a>),
    /// The answer to the request of that id.
    Answered(String, Answer<'a>),
}

/// Decodes a message from its [`unified`](super::unified) form; `None` if it is of a type that is not known.
///
/// # Errors
///
/// [`DecodeError`] if what the type needs is missing or is not what it should be.
pub fn decode_sharded(message: &[u8]) -> Result<Option<Envelope<'_>>, DecodeError> {
    let fields = Fields::read(message)?;
    let targets = || match &fields.targets {
        Some(targets) => Ok(targets.clone()),
        None => malformed("it has no options"),
    };
    let id = || match &fields.id {
        Some(id) => Ok(id.clone()),
        None => malformed("it names no request"),
    };
    let asked = |question| Said::Asked(fields.id.clone(), question);
    let said = match fields.kind {
        Some(kind::BROADCAST) => {
            let Some(packet) = fields.packet else {
                return malformed("it has no packet");
            };
            let data = Packet::read(&mut Reader::new(packet))?.data;
            let targets = targets()?;
            match &fields.id {
                None => Said::Broadcast { data, targets },
                Some(_) => asked(Question::Broadcast {
                    namespace: Cow::Owned(fields.namespace.clone()),
                    data,
                    targets,
                }),
            }
        }
        Some(kind::JOIN) => asked(Question::Join {
            targets: targets()?,
            rooms: fields.rooms.clone(),
            of_one: false,
        }),
        Some(kind::LEAVE) => asked(Question::Leave {
            targets: targets()?,
            rooms: fields.rooms.clone(),
            of_one: false,
        }),
        Some(kind::DISCONNECT) => asked(Question::Disconnect {
            targets: targets()?,
            close: fields.close,
            of_one: false,
        }),
        Some(kind::FETCH) => asked(Question::Fetch {
            targets: targets()?,
            form: fields.form.form(),
        }),
        Some(kind::SERVER_SIDE_EMIT) => asked(Question::ServerSideEmit {
            data: match fields.packet {
                Some(packet) => server_side(packet)?.0,
                None => return malformed("it has no packet"),
            },
        }),
        Some(kind::SOCKETS) => Said::Answered(
            id()?,
            match (fields.count, fields.sizes, fields.sockets) {
                (Some(count), ..) => Answer::Count(count),
                (None, Some(sizes), _) => Answer::Sizes(msgpack_to_json(sizes)?.0),
                (None, None, Some(sockets)) => Answer::Sockets(list(sockets)?),
                (None, None, None) => return malformed("it lists no sockets"),
            },
        ),
        Some(kind::VALUE) => {
            let value = fields.packet.map(msgpack_to_json).transpose()?;
            Said::Answered(id()?, Answer::Value(value.map(|(text, _)| text)))
        }
        Some(kind::CLIENTS) => match fields.clients {
            Some(clients) => Said::Answered(id()?, Answer::Clients(clients)),
            None => return malformed("it counts no clients"),
        },
        Some(kind::ACK) => Said::Answered(id()?, Answer::Ack(fields.packet)),
        _ => return Ok(None),
    };
    Ok(Some(Envelope {
        uid: fields.uid,
        namespace: fields.namespace,
        said,
    }))
}

/// Encodes an event for the selected sockets, as a parser holds it.
///
/// # Errors
///
/// As [`encode_broadcast`](super::encode_broadcast).
pub fn encode_sharded_broadcast(
    uid: &str,
    namespace: &str,
    data: &Value,
    targets: &Targets,
    id: Option<&str>,
) -> Result<Bytes, EncodeError> {
    let event = event_bytes(data, targets)?;
    let event = EventData::read(&mut Reader::new(&event))?;
    broadcast(uid, namespace, &event, targets, id)
}

fn broadcast(
    uid: &str,
    namespace: &str,
    event: &EventData<'_>,
    targets: &Targets,
    id: Option<&str>,
) -> Result<Bytes, EncodeError> {
    if event.attachments() == 0 {
        let (text, _) = event.to_json();
        let data = Data {
            packet: Some(Packed::Event {
                kind: 2,
                data: raw(&text)?,
            }),
            id,
            opts: Some(Opts::of(targets)),
            ..Data::default()
        };
        return envelope(kind::BROADCAST, &data, uid, namespace);
    }
    let mut out = Writer::with_capacity(estimate(namespace, event.bytes().len(), targets));
    open(kind::BROADCAST, 2 + u32::from(id.is_some()), &mut out);
    out.text("packet");
    out.map(2);
    out.text("type");
    out.unsigned(2);
    out.text("data");
    out.raw(event.bytes());
    if let Some(id) = id {
        out.text("requestId");
        out.text(id);
    }
    out.text("opts");
    options::write(targets, &mut out);
    close(uid, namespace, out)
}

/// Encodes a request.
///
/// # Errors
///
/// [`EncodeError`] if other nodes could stumble over it, or if this wire has no such request.
pub fn encode_sharded_request(
    uid: &str,
    namespace: &str,
    request: &Request<'_>,
) -> Result<Bytes, EncodeError> {
    let id = request.id.as_deref();
    let (kind, data) = match &request.question {
        Question::Join { targets, rooms, .. } => (
            kind::JOIN,
            Data {
                opts: Some(Opts::of(targets)),
                rooms: Some(rooms),
                ..Data::default()
            },
        ),
        Question::Leave { targets, rooms, .. } => (
            kind::LEAVE,
            Data {
                opts: Some(Opts::of(targets)),
                rooms: Some(rooms),
                ..Data::default()
            },
        ),
        Question::Disconnect { targets, close, .. } => (
            kind::DISCONNECT,
            Data {
                opts: Some(Opts::of(targets)),
                close: Some(*close),
                ..Data::default()
            },
        ),
        Question::Fetch { targets, form } => (
            kind::FETCH,
            Data {
                opts: Some(Opts::of(targets)),
                last_id: id,
                form: FormFields::of(form),
                ..Data::default()
            },
        ),
        Question::ServerSideEmit { data } => (
            kind::SERVER_SIDE_EMIT,
            Data {
                first_id: id,
                packet: Some(Packed::Value(event(data)?)),
                ..Data::default()
            },
        ),
        Question::Broadcast { data, targets, .. } => {
            return broadcast(uid, namespace, data, targets, id);
        }
        Question::Sockets { .. } | Question::Rooms => {
            return Err(EncodeError::Malformed("this wire has no such request"));
        }
    };
    envelope(kind, &data, uid, namespace)
}

/// Encodes a response.
///
/// # Errors
///
/// [`EncodeError`] if it is too large, if a text that should be JSON is not, or if this wire has no such response.
pub fn encode_sharded_response(
    uid: &str,
    namespace: &str,
    response: &Response<'_>,
) -> Result<Bytes, EncodeError> {
    let data = Data {
        first_id: Some(&response.id),
        ..Data::default()
    };
    let (kind, data) = match &response.answer {
        Answer::Sockets(sockets) => (
            kind::SOCKETS,
            Data {
                sockets: Some(raw(sockets)?),
                ..data
            },
        ),
        Answer::Count(count) => (
            kind::SOCKETS,
            Data {
                sockets: Some(raw("[]")?),
                count: Some(*count),
                ..data
            },
        ),
        Answer::Sizes(sizes) => (
            kind::SOCKETS,
            Data {
                sockets: Some(raw("[]")?),
                sizes: Some(raw(sizes)?),
                ..data
            },
        ),
        Answer::Value(value) => (
            kind::VALUE,
            Data {
                packet: value.as_deref().map(raw).transpose()?.map(Packed::Value),
                ..data
            },
        ),
        Answer::Clients(clients) => (
            kind::CLIENTS,
            Data {
                clients: Some(*clients),
                ..data
            },
        ),
        Answer::Ack(value) => return ack(uid, namespace, &response.id, *value),
        Answer::Rooms(_) | Answer::Done => {
            return Err(EncodeError::Malformed("this wire has no such response"));
        }
    };
    envelope(kind, &data, uid, namespace)
}

fn ack(uid: &str, namespace: &str, id: &str, value: Option<&[u8]>) -> Result<Bytes, EncodeError> {
    let readable = value.map(msgpack_to_json).transpose();
    let (text, attachments) = readable
        .map_err(|_| EncodeError::Malformed("an ack is no value"))?
        .unwrap_or_default();
    if attachments.is_empty() {
        let data = Data {
            first_id: Some(id),
            packet: value.map(|_| raw(&text)).transpose()?.map(Packed::Value),
            ..Data::default()
        };
        return envelope(kind::ACK, &data, uid, namespace);
    }
    let value = value.unwrap_or_default();
    let mut out = Writer::with_capacity(120 + value.len());
    open(kind::ACK, 2, &mut out);
    out.text("requestId");
    out.text(id);
    out.text("packet");
    out.raw(value);
    close(uid, namespace, out)
}

/// Begins a message whose data has that many entries.
fn open(kind: i64, entries: u32, out: &mut Writer) {
    out.map(4);
    out.text("type");
    out.unsigned(kind.unsigned_abs());
    out.text("data");
    out.map(entries);
}

fn close(uid: &str, namespace: &str, mut out: Writer) -> Result<Bytes, EncodeError> {
    out.text("uid");
    out.text(uid);
    out.text("nsp");
    out.text(namespace);
    finished(out)
}

fn envelope(kind: i64, data: &Data<'_>, uid: &str, nsp: &str) -> Result<Bytes, EncodeError> {
    #[derive(Serialize)]
    struct Message<'a> {
        #[serde(rename = "type")]
        kind: i64,
        data: &'a Data<'a>,
        uid: &'a str,
        nsp: &'a str,
    }
    json(&Message {
        kind,
        data,
        uid,
        nsp,
    })
}

/// The data of any message, in the order in which Node writes it: the id stands in different places.
#[derive(Default, Serialize)]
struct Data<'a> {
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    first_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packet: Option<Packed<'a>>,
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opts: Option<Opts<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    close: Option<bool>,
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    last_id: Option<&'a str>,
    #[serde(flatten)]
    form: FormFields<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sockets: Option<&'a RawValue>,
    #[serde(rename = "clientCount", skip_serializing_if = "Option::is_none")]
    clients: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sizes: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Packed<'a> {
    Event {
        #[serde(rename = "type")]
        kind: u8,
        data: &'a RawValue,
    },
    Value(&'a RawValue),
}

#[derive(Serialize)]
struct Opts<'a> {
    rooms: &'a [String],
    except: &'a [String],
    flags: Flags,
}

#[derive(Serialize)]
struct Flags {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    volatile: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    compress: Option<bool>,
    #[serde(
        rename = "expectSingleResponse",
        skip_serializing_if = "std::ops::Not::not"
    )]
    expects_one: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
    #[serde(rename = "traceparent", skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
}

impl<'a> Opts<'a> {
    fn of(targets: &'a Targets) -> Self {
        let flags = targets.flags;
        let milliseconds = |timeout: std::time::Duration| timeout.as_millis();
        Self {
            rooms: &targets.rooms,
            except: &targets.except,
            flags: Flags {
                volatile: flags.volatile,
                compress: flags.compress,
                expects_one: flags.expects_one,
                timeout: flags
                    .timeout
                    .map(|timeout| u64::try_from(milliseconds(timeout)).unwrap_or(u64::MAX)),
                trace: flags.trace.map(|trace| trace.to_string()),
            },
        }
    }
}

/// The fields of any message.
#[derive(Default)]
struct Fields<'a> {
    uid: Option<String>,
    namespace: String,
    kind: Option<i64>,
    id: Option<String>,
    targets: Option<Targets>,
    rooms: Vec<String>,
    close: bool,
    form: FormReader,
    clients: Option<u64>,
    count: Option<u64>,
    sizes: Option<&'a [u8]>,
    packet: Option<&'a [u8]>,
    sockets: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn read(message: &'a [u8]) -> Result<Self, DecodeError> {
        let mut fields = Self {
            namespace: "/".to_owned(),
            ..Self::default()
        };
        each_field(message, |key, reader| {
            match key {
                "type" => fields.kind = integer(reader)?,
                "uid" => fields.uid = text(reader)?,
                "nsp" => match reader.token()? {
                    Token::Text(text) => fields.namespace = text.into_owned(),
                    _ => return malformed("its namespace is not a text"),
                },
                "data" => fields.read_data(reader)?,
                _ => skip(reader, DEPTH)?,
            }
            Ok(())
        })?;
        Ok(fields)
    }

    fn read_data(&mut self, reader: &mut Reader<'a>) -> Result<(), DecodeError> {
        let mut ahead = reader.clone();
        let Token::Map(len) = ahead.token()? else {
            skip(reader, DEPTH)?;
            return Ok(());
        };
        *reader = ahead;
        let counted = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
        for _ in 0..len {
            match &*key(reader)? {
                "requestId" => self.id = text(reader)?,
                "opts" => {
                    let mut ahead = reader.clone();
                    skip(reader, DEPTH)?;
                    self.targets = Some(options::read(&mut ahead)?);
                }
                "rooms" => self.rooms = rooms(reader)?,
                "close" => self.close = boolean(reader)?.unwrap_or(false),
                "clientCount" => self.clients = counted(integer(reader)?),
                "count" => self.count = counted(integer(reader)?),
                "packet" => self.packet = Some(slice(reader)?),
                "sizes" => self.sizes = Some(slice(reader)?),
                "sockets" => self.sockets = Some(slice(reader)?),
                key if self.form.read(key, reader)? => {}
                _ => skip(reader, DEPTH)?,
            }
        }
        Ok(())
    }
}
