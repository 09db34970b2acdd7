//! What emitters send: as nodes send it, but for the sender, which is nobody in particular, and the order of some keys.

use bytes::Bytes;
use serde::Serialize;
use socketioxide_core::Value;

use super::{
    DecodeError, EncodeError, Question, Request, Targets,
    encode::encoded,
    options,
    request::{encode_request, server_side},
    serialize,
};

/// The sender's id of all emitters.
const UID: &str = "emitter";

/// Writes one broadcast byte for byte as `@socket.io/redis-emitter` does.
///
/// # Errors
///
/// As [`encode_broadcast`](super::encode_broadcast), and if the arguments cannot be serialized.
pub(crate) fn encode_emission(
    namespace: &str,
    event: &str,
    arguments: &(impl Serialize + ?Sized),
    targets: &Targets,
) -> Result<Bytes, EncodeError> {
    let data = Value::Bytes(serialize::event(event, arguments)?.into());
    encoded(UID, namespace, &data, targets, options::write_as_emitter)
}

/// Writes an event for the applications of all servers.
///
/// # Errors
///
/// [`EncodeError`] if its name is reserved by servers, or if it has binary values, which JSON has no place for.
pub(crate) fn encode_server_side_emission(
    event: &str,
    arguments: &(impl Serialize + ?Sized),
) -> Result<Bytes, EncodeError> {
    let list = serialize::event(event, arguments)?;
    let (data, attachments) = server_side(&list).map_err(|error| unsent(&error))?;
    if attachments > 0 {
        return Err(EncodeError::Malformed(
            "servers cannot be sent binary values",
        ));
    }
    encode_request(&Request {
        uid: Some(UID.to_owned()),
        id: None,
        question: Question::ServerSideEmit { data },
    })
}

/// Why what no server would take is not sent.
fn unsent(error: &DecodeError) -> EncodeError {
    match *error {
        DecodeError::TooLarge(bytes) => EncodeError::TooLarge(bytes),
        DecodeError::Malformed(what) => EncodeError::Malformed(what),
        DecodeError::ReservedEvent(name) => EncodeError::ReservedEvent(name),
        DecodeError::UnknownType(_) => EncodeError::Malformed("it is no event"),
    }
}
