//! Pure: `{"event":E,"data":D}` to an event, and events to WebSocket frames.

use std::fmt;

use bytes::Bytes;
use data_encoding::BASE64;
use roomcast_adapter::wire;
use roomcast_gateway::{
    Raw,
    platform::{Incoming, inline},
};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use socketioxide_core::{
    Value,
    packet::{Packet, PacketData},
};

use crate::connection::of_text;

/// What a client sent, if it is an object with a string `event`. Without `data` the event has no body; other fields are
/// nobody's business.
pub(super) fn read(text: &str) -> Option<Incoming> {
    let Message { event, data } = serde_json::from_str(text).ok()?;
    Some(Incoming::new(event, data, false))
}

/// The frame of an event that is the JSON array of its name and its arguments, with attachments beside it. Empty, and so
/// nothing to a client, if it is no such array.
pub(super) fn frame(text: &str, attachments: &[Bytes]) -> Bytes {
    message(text, attachments).map_or_else(Bytes::new, |message| of_text(&message))
}

/// The frame of a packet as either parser has it; empty if it is no event.
pub(super) fn of_packet(packet: &Packet) -> Bytes {
    let (PacketData::Event(value, _) | PacketData::BinaryEvent(value, _)) = &packet.inner else {
        return Bytes::new();
    };
    match value {
        Value::Str(text, None) => frame(text, &[]),
        Value::Str(text, Some(attachments)) => {
            let attachments: Vec<_> = attachments.iter().cloned().collect();
            frame(text, &attachments)
        }
        Value::Bytes(bytes) => wire::msgpack_to_json(bytes).map_or_else(
            |_| Bytes::new(),
            |(text, attachments)| frame(&text, &attachments),
        ),
    }
}

fn message(text: &str, attachments: &[Bytes]) -> Option<String> {
    let array: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let (name, arguments) = array.split_first()?;
    let mut out = String::with_capacity(text.len() + 24);
    out.push_str(r#"{"event":"#);
    if name.get().starts_with('"') {
        out.push_str(name.get());
    } else {
        // Node's servers let a name be a number.
        out.push('"');
        out.extend(name.get().chars().filter(|c| !matches!(c, '"' | '\\')));
        out.push('"');
    }
    match arguments {
        [] => {}
        [one] => {
            out.push_str(r#","data":"#);
            out.push_str(one.get());
        }
        several => {
            out.push_str(r#","data":["#);
            for (index, argument) in several.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(argument.get());
            }
            out.push(']');
        }
    }
    out.push('}');
    if attachments.is_empty() {
        return Some(out);
    }
    // A name is a text, so that no placeholder is in it.
    Some(inline(&out, attachments, |bytes| {
        format!("\"{}\"", BASE64.encode(bytes))
    }))
}

struct Message {
    event: String,
    data: Option<Raw>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Event,
    Data,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Message;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object with an event")
            }

            /// A field given twice counts as its last value, as in JavaScript.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Message, A::Error> {
                let (mut event, mut data) = (None, None);
                while let Some(field) = map.next_key()? {
                    match field {
                        Field::Event => event = Some(map.next_value::<&RawValue>()?),
                        Field::Data => data = Some(map.next_value::<Raw>()?),
                        Field::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                let event = event.ok_or_else(|| de::Error::missing_field("event"))?;
                let event = serde_json::from_str(event.get()).map_err(de::Error::custom)?;
                Ok(Message { event, data })
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(text: &str) -> (String, Option<String>) {
        let event = read(text).unwrap();
        let body = event.body().map(|body| body.get().to_owned());
        (event.event().to_owned(), body)
    }

    fn sent(text: &str, attachments: &[Bytes]) -> String {
        message(text, attachments).unwrap()
    }

    #[test]
    fn a_message_is_an_event_with_or_without_a_body() {
        let event = |name: &str, body: Option<&str>| (name.to_owned(), body.map(str::to_owned));

        assert_eq!(body(r#"{"event":"e"}"#), event("e", None));
        assert_eq!(
            body(r#"{"event":"e","data":null}"#),
            event("e", Some("null"))
        );
        assert_eq!(
            body(r#" {"data": {"a": 1.50} ,"id":[7],"event":"\u00e9"} "#),
            event("é", Some(r#"{"a": 1.50}"#))
        );
        assert_eq!(
            body(r#"{"event":1,"event":"e","data":1,"data":[2,3]}"#),
            event("e", Some("[2,3]"))
        );
    }

    #[test]
    fn anything_but_an_object_with_a_string_event_is_none() {
        for text in [
            "",
            "null",
            "1",
            "\"e\"",
            "[]",
            r#"["e",1]"#,
            "{}",
            r#"{"data":1}"#,
            r#"{"event":1}"#,
            r#"{"event":null,"data":1}"#,
            r#"{"event":"e"}}"#,
            r#"{"event":"e",}"#,
            r#"{"event":"e""#,
            r#"{"event":"e","data":}"#,
            r#"{"event":"\ud800"}"#,
            "42[\"e\"]",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
        assert!(read(&"[".repeat(100_000)).is_none());
        assert!(read(&format!(r#"{{"event":"e","x":{}"#, "[".repeat(100_000))).is_none());
    }

    #[test]
    fn the_arguments_become_the_data() {
        assert_eq!(sent(r#"["e"]"#, &[]), r#"{"event":"e"}"#);
        assert_eq!(sent(r#"["e",null]"#, &[]), r#"{"event":"e","data":null}"#);
        assert_eq!(
            sent(r#"["\"", {"a":1.50}]"#, &[]),
            r#"{"event":"\"","data":{"a":1.50}}"#
        );
        assert_eq!(
            sent(r#"["e",1,"2"]"#, &[]),
            r#"{"event":"e","data":[1,"2"]}"#
        );
        assert_eq!(sent("[7,1]", &[]), r#"{"event":"7","data":1}"#);
    }

    #[test]
    fn attachments_take_the_place_of_their_placeholders_and_only_that() {
        let bytes = [Bytes::from_static(b"\x00\xff"), Bytes::from_static(b"")];
        let text = r#"["e",{"a":{"_placeholder":true,"num":0},"b":[{"_placeholder":true,"num":1}],"c":"{\"_placeholder\":true,\"num\":0}"}]"#;

        assert_eq!(
            sent(text, &bytes),
            r#"{"event":"e","data":{"a":"AP8=","b":[""],"c":"{\"_placeholder\":true,\"num\":0}"}}"#
        );
        assert_eq!(
            sent(r#"["e",{"_placeholder":true,"num":0}]"#, &[]),
            r#"{"event":"e","data":{"_placeholder":true,"num":0}}"#,
            "without attachments it is an object like any other"
        );
        assert_eq!(
            sent(r#"["e",{"_placeholder":true,"num":9}]"#, &bytes),
            r#"{"event":"e","data":null}"#
        );
    }

    #[test]
    fn both_parsers_events_are_the_same_message() {
        let attachments = vec![Bytes::from_static(b"hi")];
        let text = r#"["e",[1,{"_placeholder":true,"num":0}]]"#;
        let msgpack = wire::json_to_msgpack(text, &attachments.clone().into()).unwrap();
        let json = Value::Str(text.into(), Some(attachments.into()));

        let expected = of_text(r#"{"event":"e","data":[1,"aGk="]}"#);
        assert_eq!(of_packet(&Packet::event("/", json)), expected);
        assert_eq!(
            of_packet(&Packet::event("/", Value::Bytes(msgpack))),
            expected
        );
        assert!(of_packet(&Packet::disconnect("/")).is_empty());
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, json_like in r#"[\[\]{},: "\\a0_é]*"#, bytes: Vec<u8>) {
            for text in [&text, &json_like] {
                let _ = read(text);
                let _ = frame(text, &[]);
                let _ = frame(text, &[Bytes::from_static(b"x")]);
            }
            let _ = of_packet(&Packet::event("/", Value::Bytes(bytes.into())));
        }

        #[test]
        fn a_body_passes_through(name: String, numbers: Vec<i64>) {
            let text = serde_json::to_string(&serde_json::json!([name, numbers])).unwrap();
            let message = sent(&text, &[]);

            let event = read(&message).unwrap();

            prop_assert_eq!(event.event(), name);
            let body = event.body().unwrap().get();
            prop_assert_eq!(serde_json::from_str::<Vec<i64>>(body).unwrap(), numbers);
        }
    }
}
