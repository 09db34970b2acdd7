//! Events as they arrive and as they leave.

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
    ser::SerializeSeq as _,
};
use serde_json::value::RawValue;

use super::EmitError;
use crate::{Raw, attachments};

/// An event on its way to clients, encoded once for all of them.
#[derive(Debug, Clone)]
pub struct Outgoing {
    event: String,
    text: String,
    attachments: Vec<Bytes>,
}

impl Outgoing {
    /// Encodes `event` with one argument.
    ///
    /// # Errors
    ///
    /// [`EmitError::Reserved`] for a name that Socket.IO keeps for itself, [`EmitError::Encode`] for data that
    /// has no form in JSON.
    pub fn new<T: Serialize + ?Sized>(event: &str, data: &T) -> Result<Self, EmitError> {
        Self::encoded(event, &(event, data))
    }

    /// Encodes `event` with any number of arguments.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_arguments<T: Serialize>(event: &str, arguments: &[T]) -> Result<Self, EmitError> {
        Self::encoded(event, &Arguments { event, arguments })
    }

    fn encoded(event: &str, array: &impl Serialize) -> Result<Self, EmitError> {
        if is_reserved(event) {
            return Err(EmitError::Reserved(event.to_owned()));
        }
        let (text, attachments) = attachments::encode(array).map_err(EmitError::Encode)?;
        Ok(Self {
            event: event.to_owned(),
            text,
            attachments,
        })
    }

    /// The event's name.
    pub fn event(&self) -> &str {
        &self.event
    }

    /// The complete JSON array `["event",argument…]`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the placeholders of the text refer to, by their number.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// The text and the attachments.
    pub fn into_parts(self) -> (String, Vec<Bytes>) {
        (self.text, self.attachments)
    }
}

/// The array of a name and any number of arguments.
struct Arguments<'a, T> {
    event: &'a str,
    arguments: &'a [T],
}

impl<T: Serialize> Serialize for Arguments<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(1 + self.arguments.len()))?;
        array.serialize_element(self.event)?;
        for argument in self.arguments {
            array.serialize_element(argument)?;
        }
        array.end()
    }
}

/// True for the names that Socket.IO's clients and servers refuse to emit.
pub(crate) fn is_reserved(event: &str) -> bool {
    matches!(
        event,
        "connect"
            | "connect_error"
            | "disconnect"
            | "disconnecting"
            | "newListener"
            | "removeListener"
    )
}

/// The id by which a client finds the event that an ack answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AckId(pub i64);

/// What an ack carries: one argument, encoded.
#[derive(Debug, Clone)]
pub struct AckPayload {
    text: String,
    attachments: Vec<Bytes>,
}

impl AckPayload {
    /// Encodes the one argument.
    ///
    /// # Errors
    ///
    /// [`EmitError::Encode`] for data that has no form in JSON.
    pub fn new<T: Serialize + ?Sized>(data: &T) -> Result<Self, EmitError> {
        let (text, attachments) = attachments::encode(&(data,)).map_err(EmitError::Encode)?;
        Ok(Self { text, attachments })
    }

    /// The same argument as an event.
    ///
    /// # Errors
    ///
    /// [`EmitError::Reserved`].
    pub(crate) fn into_event(self, event: &str) -> Result<Outgoing, EmitError> {
        if is_reserved(event) {
            return Err(EmitError::Reserved(event.to_owned()));
        }
        let name = serde_json::to_string(event).map_err(EmitError::Encode)?;
        let argument = self.text.strip_prefix('[').unwrap_or(&self.text);
        Ok(Outgoing {
            event: event.to_owned(),
            text: format!("[{name},{argument}"),
            attachments: self.attachments,
        })
    }

    /// The JSON array of arguments, `[argument]`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the placeholders of the text refer to, by their number.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// The text and the attachments.
    pub fn into_parts(self) -> (String, Vec<Bytes>) {
        (self.text, self.attachments)
    }
}

/// An event as it arrived: its name is read, its body is not, until a handler asks for it.
#[derive(Debug, Clone)]
pub struct Incoming {
    event: String,
    body: Option<Raw>,
    wants_ack: bool,
}

/// Why an event could not be read: it is no JSON array that begins with a name.
#[derive(Debug, thiserror::Error)]
#[error("malformed event")]
pub struct MalformedEvent(#[source] serde_json::Error);

impl Incoming {
    /// Reads `text`, the JSON array of the event's name and its arguments in UTF-8. `attachments` are what
    /// its placeholders refer to.
    ///
    /// # Errors
    ///
    /// If `text` is anything else. What lies inside the arguments is only checked to be JSON.
    pub fn parse(
        text: impl AsRef<[u8]>,
        attachments: Vec<Bytes>,
        wants_ack: bool,
    ) -> Result<Self, MalformedEvent> {
        let Array { event, body } =
            serde_json::from_slice(text.as_ref()).map_err(MalformedEvent)?;
        Ok(Self {
            event,
            body: body.map(|json| Raw::from_parts(json, attachments.into())),
            wants_ack,
        })
    }

    /// An event that arrives in another form than an array: its name, and its body if it has one.
    pub fn new(event: impl Into<String>, body: Option<Raw>, wants_ack: bool) -> Self {
        Self {
            event: event.into(),
            body,
            wants_ack,
        }
    }

    /// The event's name.
    pub fn event(&self) -> &str {
        &self.event
    }

    /// The message body: the single argument, or the array of several. None without any.
    pub fn body(&self) -> Option<&Raw> {
        self.body.as_ref()
    }

    /// Whether the client waits for an ack. What a handler is told goes by the id that
    /// [`dispatch`](crate::Gateway::dispatch) is given.
    pub fn wants_ack(&self) -> bool {
        self.wants_ack
    }
}

struct Array {
    event: String,
    body: Option<Box<RawValue>>,
}

impl<'de> Deserialize<'de> for Array {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;

        impl<'de> Visitor<'de> for Parts {
            type Value = Array;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array of an event's name and its arguments")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Array, A::Error> {
                let event = items
                    .next_element()?
                    .ok_or_else(|| de::Error::invalid_length(0, &self))?;
                let Some(first) = items.next_element::<&RawValue>()? else {
                    return Ok(Array { event, body: None });
                };
                let Some(second) = items.next_element::<&RawValue>()? else {
                    let body = Some(first.to_owned());
                    return Ok(Array { event, body });
                };
                let mut arguments = vec![first, second];
                while let Some(argument) = items.next_element()? {
                    arguments.push(argument);
                }
                let body = serde_json::value::to_raw_value(&arguments)
                    .map(Some)
                    .map_err(de::Error::custom)?;
                Ok(Array { event, body })
            }
        }

        deserializer.deserialize_seq(Parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Option<String> {
        let event = Incoming::parse(text, Vec::new(), false).unwrap();
        event.body().map(|body| body.get().to_owned())
    }

    #[test]
    fn the_body_is_the_argument_the_array_of_several_or_missing() {
        assert_eq!(body(r#"["e"]"#), None);
        assert_eq!(body(r#"["e", {"a": 1.50} ]"#).unwrap(), r#"{"a": 1.50}"#);
        assert_eq!(body(r#"["e",null]"#).unwrap(), "null");
        assert_eq!(body(r#"["e",[1,2]]"#).unwrap(), "[1,2]");
        assert_eq!(body(r#"["e", 1, "2" ,[3]]"#).unwrap(), r#"[1,"2",[3]]"#);
    }

    #[test]
    fn anything_but_an_array_that_begins_with_a_name_is_malformed() {
        for text in [
            "", "[]", "[1]", "[null,1]", "{}", "\"e\"", "[\"e\",]", "[\"e\"", "[\"e\"]]",
        ] {
            assert!(Incoming::parse(text, Vec::new(), false).is_err(), "{text}");
        }
        assert!(Incoming::parse(b"[\"e\",\"\xff\"]", Vec::new(), false).is_err());
        assert!(Incoming::parse(b"[\"\xff\"]", Vec::new(), false).is_err());
    }

    #[test]
    fn reserved_names_are_not_emitted() {
        for event in [
            "connect",
            "connect_error",
            "disconnect",
            "disconnecting",
            "newListener",
            "removeListener",
        ] {
            assert!(
                matches!(Outgoing::new(event, &()), Err(EmitError::Reserved(name)) if name == event)
            );
        }
        assert_eq!(
            Outgoing::new("Connect", &1).unwrap().text(),
            r#"["Connect",1]"#
        );
    }

    #[test]
    fn an_event_has_as_many_arguments_as_it_is_given() {
        let none = Outgoing::with_arguments::<()>("e", &[]).unwrap();
        let two = Outgoing::with_arguments("e", &["a", "b"]).unwrap();

        assert_eq!(none.text(), r#"["e"]"#);
        assert_eq!(two.text(), r#"["e","a","b"]"#);
    }

    #[test]
    fn data_without_a_form_in_json_is_an_error() {
        let unencodable = std::collections::HashMap::from([((1, 2), 3)]);

        assert!(matches!(
            Outgoing::new("e", &unencodable),
            Err(EmitError::Encode(_))
        ));
        assert!(matches!(
            AckPayload::new(&unencodable),
            Err(EmitError::Encode(_))
        ));
    }
}
