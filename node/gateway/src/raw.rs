//! JSON that passes through as it is.

use std::{collections::HashMap, fmt, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser};
use serde_json::value::RawValue;

use crate::{Exception, attachments, body};

/// A JSON value that is never parsed, and the binary attachments that it refers to.
///
/// As an argument of a handler it is the whole body, or null where the event had none. As a field it is
/// that part of the body, and can be emitted again as it came. Clones share the text.
///
/// serde cannot keep text unparsed below `#[serde(flatten)]` or in an untagged enum; a `Raw` there is an error.
///
/// ```
/// use roomcast_gateway::{Ack, Data, Exception, Raw, RoomName, Server};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct SendToRoom {
///     room: RoomName,
///     data: Raw,
/// }
///
/// async fn send_to_room(
///     server: Server,
///     Data(message): Data<SendToRoom>,
/// ) -> Result<Ack<bool>, Exception> {
///     server.to(message.room).emit("roomMsg", &message.data)?;
///     Ok(Ack(true))
/// }
///
/// async fn echo(body: Raw) -> Ack<Raw> {
///     Ack(body)
/// }
/// # let _ = roomcast_gateway::Gateway::new("/").on("sendToRoom", send_to_room).on("echo", echo);
/// ```
#[derive(Clone)]
pub struct Raw(Arc<Parts>);

struct Parts {
    json: Box<RawValue>,
    attachments: Arc<[Bytes]>,
}

impl Raw {
    /// Encodes `value` once, to be emitted any number of times.
    ///
    /// # Errors
    ///
    /// If `value` has no form in JSON, as a map with keys that are no strings.
    pub fn new<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        let (text, attachments) = attachments::encode(value)?;
        Ok(Self::from_parts(
            RawValue::from_string(text)?,
            attachments.into(),
        ))
    }

    /// The first value of an array in JSON, none if it is empty: what a client answered. For platforms.
    ///
    /// # Errors
    ///
    /// If `array` is no array.
    pub fn first_of(
        array: impl AsRef<[u8]>,
        attachments: Vec<Bytes>,
    ) -> Result<Option<Self>, serde_json::Error> {
        let values: Vec<Box<RawValue>> = serde_json::from_slice(array.as_ref())?;
        let first = values.into_iter().next();
        Ok(first.map(|json| Self::from_parts(json, attachments.into())))
    }

    /// The value null.
    pub fn null() -> Self {
        Self::from_parts(RawValue::NULL.to_owned(), Arc::default())
    }

    /// The JSON text, with no whitespace around it.
    pub fn get(&self) -> &str {
        self.0.json.get()
    }

    /// True for null, which is also what an event without a body gives.
    pub fn is_null(&self) -> bool {
        self.get() == "null"
    }

    /// What the text's placeholders refer to. There may be more than those, if this is a part of a body.
    pub fn attachments(&self) -> &[Bytes] {
        &self.0.attachments
    }

    /// Parses the value after all.
    ///
    /// # Errors
    ///
    /// An exception that names the field that does not fit, and what was expected of it.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Exception> {
        body::parse(self)
    }

    pub(crate) fn from_parts(json: Box<RawValue>, attachments: Arc<[Bytes]>) -> Self {
        Self(Arc::new(Parts { json, attachments }))
    }

    /// Runs `read` on the text, with the attachments at hand.
    pub(crate) fn read<R>(&self, read: impl FnOnce(&str) -> R) -> R {
        attachments::reading(&self.0.attachments, || read(self.get()))
    }

    /// The text for the event being written, to which the attachments are added under new numbers.
    fn renumbered<E: ser::Error>(&self) -> Result<Box<RawValue>, E> {
        let mut numbers = HashMap::new();
        let mut is_in_event = true;
        let text = attachments::rewrite(self.get(), |old| {
            if let Some(new) = numbers.get(&old) {
                return Some(*new);
            }
            let bytes = self.0.attachments.get(old)?;
            let new = attachments::attach(bytes.clone());
            is_in_event &= new.is_some();
            numbers.insert(old, new?);
            new
        });
        if !is_in_event {
            return Err(E::custom("binary data can only be part of an event"));
        }
        RawValue::from_string(text).map_err(E::custom)
    }
}

impl Default for Raw {
    fn default() -> Self {
        Self::null()
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Raw").field(&self.get()).finish()
    }
}

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.attachments.is_empty() {
            self.0.json.serialize(serializer)
        } else {
            self.renumbered::<S::Error>()?.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self::from_parts(json, attachments::being_read()))
    }
}
