//! Event texts as a client's parser wants them, and back.

use std::collections::VecDeque;

use bytes::Bytes;
use roomcast_adapter::wire;
use roomcast_gateway::platform::EmitError;
use socketioxide_core::Value;

/// How packets to clients are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Msgpack,
}

impl Encoding {
    /// A JSON array, its placeholders pointing at `attachments`, as this encoding has it.
    pub(super) fn value(self, text: String, attachments: Vec<Bytes>) -> Result<Value, EmitError> {
        match self {
            Self::Json => {
                let attachments = (!attachments.is_empty()).then(|| attachments.into());
                Ok(Value::Str(text.into(), attachments))
            }
            Self::Msgpack => match wire::json_to_msgpack(&text, &attachments.into()) {
                Ok(bytes) => Ok(Value::Bytes(bytes)),
                Err(error) => Err(EmitError::refused(error)),
            },
        }
    }
}

impl Encoding {
    /// A packet that answers a client's request for a seat: 0 grants it, 4 refuses it (Socket.IO protocol 5). The data is
    /// JSON.
    pub(super) fn answer(self, kind: u8, namespace: &str, data: &str) -> Value {
        match self {
            Self::Json if namespace == "/" => Value::Str(format!("{kind}{data}").into(), None),
            Self::Json => Value::Str(format!("{kind}{namespace},{data}").into(), None),
            Self::Msgpack => {
                // In the order in which the parser of the clients of this version writes them.
                let namespace = serde_json::Value::from(namespace);
                let packet = format!(r#"{{"type":{kind},"nsp":{namespace},"data":{data}}}"#);
                let bytes = wire::json_to_msgpack(&packet, &VecDeque::new());
                Value::Bytes(bytes.expect("it has no placeholder, and is short"))
            }
        }
    }

    /// An ack's list of values that has none.
    pub(super) fn nothing(self) -> Value {
        match self {
            Self::Json => Value::Str("[]".into(), None),
            Self::Msgpack => Value::Bytes(Bytes::from_static(&[0x90])),
        }
    }
}

/// How many bytes of a client's event are kept until it is handled.
pub(super) fn size(value: &Value) -> usize {
    let attachments = match value {
        Value::Str(_, Some(attachments)) => attachments.iter().map(Bytes::len).sum(),
        _ => 0,
    };
    value.len() + attachments
}

/// What a client sent, as a JSON array and the attachments that its placeholders point at; `None` if it is no such thing.
pub(super) fn text(value: Value) -> Option<(Bytes, Vec<Bytes>)> {
    match value {
        Value::Str(text, attachments) => {
            Some((text.into(), attachments.map(Vec::from).unwrap_or_default()))
        }
        Value::Bytes(bytes) => {
            let (text, attachments) = wire::msgpack_to_json(&bytes).ok()?;
            Some((text.into(), attachments))
        }
    }
}
