//! A binary value inside of JSON.

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use crate::attachments::{self, Placeholder};

/// Bytes anywhere in a body or in what is emitted: a `Buffer`, `ArrayBuffer` or typed array in JavaScript.
///
/// It is no part of the JSON text but travels beside it, so it can only be read from an event and written
/// into one; any other use of serde is an error.
///
/// ```
/// use roomcast_gateway::{Binary, Data, Exception, Socket};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Upload {
///     name: String,
///     content: Binary,
/// }
///
/// async fn upload(socket: Socket, Data(upload): Data<Upload>) -> Result<(), Exception> {
///     socket.broadcast().emit("uploaded", &upload)?;
///     Ok(())
/// }
/// # let _ = roomcast_gateway::Gateway::new("/").on("upload", upload);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Binary(pub Bytes);

impl From<Bytes> for Binary {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Binary {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl AsRef<[u8]> for Binary {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let num = attachments::attach(self.0.clone())
            .ok_or_else(|| ser::Error::custom("binary data can only be part of an event"))?;
        let placeholder = Placeholder {
            is_placeholder: true,
            num,
        };
        placeholder.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Placeholder::deserialize(deserializer)
            .ok()
            .filter(|placeholder| placeholder.is_placeholder)
            .and_then(|placeholder| attachments::being_read().get(placeholder.num).cloned())
            .map(Self)
            .ok_or_else(|| de::Error::custom("expected binary data"))
    }
}
