//! Arguments of events: JSON that passes through as it is, and binary values, which JSON has no place for.
//!
//! `{"$binary":"base64"}` stands for bytes, in what is emitted and in what clients answer.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use roomcast_gateway::{Binary, Raw, platform::inline};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::Error as _,
    ser::{SerializeMap, SerializeSeq},
};
use serde_json::{Value, value::RawValue};

/// The key that stands for bytes.
const BINARY: &str = "$binary";

/// Base64 as everybody writes it, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One argument of an event.
#[derive(Debug)]
pub(super) enum Argument {
    /// Without binary values.
    Plain(Box<RawValue>),
    /// With some.
    Tree(Tree),
}

/// A value in which every `$binary` has been read.
#[derive(Debug)]
pub(super) enum Tree {
    Binary(Binary),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
    Other(Value),
}

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if !raw.get().contains(BINARY) {
            return Ok(Self::Plain(raw));
        }
        let value = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        Tree::read(value).map(Self::Tree).map_err(D::Error::custom)
    }
}

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(raw) => raw.serialize(serializer),
            Self::Tree(tree) => tree.serialize(serializer),
        }
    }
}

impl Tree {
    fn read(value: Value) -> Result<Self, &'static str> {
        Ok(match value {
            Value::Array(items) => {
                let items: Result<_, _> = items.into_iter().map(Self::read).collect();
                Self::List(items?)
            }
            Value::Object(fields) if fields.contains_key(BINARY) => match &fields[BINARY] {
                Value::String(text) if fields.len() == 1 => {
                    let bytes = BASE64.decode(text);
                    Self::Binary(bytes.map_err(|_| "a $binary is not base64")?.into())
                }
                _ => return Err("a $binary stands alone in its object, and is a text in base64"),
            },
            Value::Object(fields) => {
                let fields = fields.into_iter();
                let read: Result<_, &'static str> = fields
                    .map(|(name, value)| Ok((name, Self::read(value)?)))
                    .collect();
                Self::Object(read?)
            }
            other => Self::Other(other),
        })
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Binary(binary) => binary.serialize(serializer),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Object(fields) => {
                let mut object = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    object.serialize_entry(name, value)?;
                }
                object.end()
            }
            Self::Other(value) => value.serialize(serializer),
        }
    }
}

/// What a client answered, as JSON.
pub(super) fn answer(raw: &Raw) -> Box<RawValue> {
    let text = inline(raw.get(), raw.attachments(), |bytes| {
        format!(r#"{{"{BINARY}":"{}"}}"#, BASE64.encode(bytes))
    });
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use roomcast_gateway::platform::Outgoing;

    use super::*;

    fn sent(args: &str) -> (String, Vec<bytes::Bytes>) {
        let arguments: Vec<Argument> = serde_json::from_str(args).unwrap();
        Outgoing::with_arguments("e", &arguments)
            .unwrap()
            .into_parts()
    }

    #[test]
    fn what_holds_no_bytes_passes_through_as_it_is() {
        let (text, attachments) = sent(r#"[1.50, {"a": 12345678901234567890123}, "$"]"#);

        assert_eq!(text, r#"["e",1.50,{"a": 12345678901234567890123},"$"]"#);
        assert!(attachments.is_empty());
    }

    #[test]
    fn bytes_travel_beside_the_text() {
        let (text, attachments) =
            sent(r#"[{"z":{"$binary":"AQI="},"a":[{"$binary":"Aw"}]},{"$binary":""}]"#);

        assert_eq!(
            text,
            r#"["e",{"a":[{"_placeholder":true,"num":0}],"z":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":2}]"#
        );
        assert_eq!(attachments, [&[3][..], &[1, 2], &[]]);
    }

    #[test]
    fn what_only_looks_like_bytes_is_refused() {
        for args in [
            r#"[{"$binary":"?"}]"#,
            r#"[{"$binary":1}]"#,
            r#"[{"$binary":"AQI=","more":1}]"#,
        ] {
            assert!(
                serde_json::from_str::<Vec<Argument>>(args).is_err(),
                "{args}"
            );
        }
    }

    #[test]
    fn bytes_in_an_answer_are_told_in_the_same_form() {
        let array = r#"[{"a":{"_placeholder":true,"num":0}}]"#;
        let raw = Raw::first_of(array, vec![vec![1, 2].into()])
            .unwrap()
            .unwrap();

        assert_eq!(answer(&raw).get(), r#"{"a":{"$binary":"AQI="}}"#);
    }
}
