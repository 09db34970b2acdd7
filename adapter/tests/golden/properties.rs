//! What holds for every event and for any bytes.

use std::collections::VecDeque;

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use roomcast_adapter::wire::{
    DecodeError, EncodeError, Flags, Targets, decode_broadcast, encode_broadcast, sent_by,
};
use serde_json::{Value as Json, json};
use socketioxide_core::Value;

use super::vectors::load;

/// Any JSON value; `{"_placeholder":true,…}` cannot come up among its keys.
fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-1000_i64..1000).prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        (-1000_i32..1000).prop_map(|value| Json::from(f64::from(value))),
        ".{0,40}".prop_map(Json::from),
        "[a-z\"\\\\\u{0}-\u{1f}]{0,100}".prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 48, 20, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..20).prop_map(Json::from),
            vec((".{0,10}", inner), 0..20)
                .prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

/// Whether `seen` is `sent`, as JavaScript sees it: a float without a fraction is an integer. serde_json, as it is built
/// here, reads floats with an error in the last place; that they arrive exactly is tested by themselves.
fn is_alike(seen: &Json, sent: &Json) -> bool {
    match (seen, sent) {
        (Json::Number(seen), Json::Number(sent)) if sent.is_f64() => {
            let (seen, sent) = (seen.as_f64().unwrap(), sent.as_f64().unwrap());
            (seen - sent).abs() <= sent.abs() * 1e-15 || (seen - sent).abs() <= f64::MIN_POSITIVE
        }
        (Json::Array(seen), Json::Array(sent)) => {
            seen.len() == sent.len()
                && seen
                    .iter()
                    .zip(sent)
                    .all(|(seen, sent)| is_alike(seen, sent))
        }
        (Json::Object(seen), Json::Object(sent)) => {
            seen.len() == sent.len()
                && sent
                    .iter()
                    .all(|(key, sent)| seen.get(key).is_some_and(|seen| is_alike(seen, sent)))
        }
        _ => seen == sent,
    }
}

/// The value with the bytes of its attachments in place of their placeholders.
fn filled(value: Json, attachments: &[Bytes]) -> Json {
    match value {
        Json::Object(entries) if entries.get("_placeholder") == Some(&Json::Bool(true)) => {
            let number = entries["num"].as_u64().unwrap() as usize;
            json!({ "binary": attachments[number].to_vec() })
        }
        Json::Array(values) => values
            .into_iter()
            .map(|value| filled(value, attachments))
            .collect(),
        Json::Object(entries) => entries
            .into_iter()
            .map(|(key, value)| (key, filled(value, attachments)))
            .collect(),
        other => other,
    }
}

proptest! {
    // There is no file for failures beside an integration test; what fails is printed in full and becomes a test.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_float_arrives_exactly_and_without_a_needless_fraction(value in prop::num::f64::ANY) {
        prop_assume!(value.is_finite());
        let data = Value::Str(format!("[\"event\",{value:e}]").into(), None);

        let message = encode_broadcast("uid", "/", &data, &Targets::default()).unwrap();
        let (json, _) = decode_broadcast(&message).unwrap().data.to_json();

        let text = json.strip_prefix("[\"event\",").unwrap().strip_suffix(']').unwrap();
        prop_assert_eq!(text.parse::<f64>().unwrap(), value);
        prop_assert!(!text.ends_with(".0"));
    }

    #[test]
    fn any_event_arrives_as_javascript_would_see_it(
        arguments in vec(json(), 0..20),
        rooms in vec(".{0,20}", 0..20),
        except in vec(".{0,20}", 0..20),
        volatile: bool,
        compress: Option<bool>,
    ) {
        let mut event = vec![json!("event")];
        event.extend(arguments);
        let event = Json::from(event);
        let targets = Targets { rooms, except, flags: Flags { volatile, compress, ..Flags::default() } };
        let data = Value::Str(event.to_string().into(), None);

        let message = encode_broadcast("uid", "/chat", &data, &targets).unwrap();
        let broadcast = decode_broadcast(&message).unwrap();

        let (json, attachments) = broadcast.data.to_json();
        prop_assert!(attachments.is_empty());
        let seen: Json = serde_json::from_str(&json).unwrap();
        prop_assert!(is_alike(&seen, &event), "{seen} was sent as {event}");
        prop_assert_eq!(broadcast.namespace, "/chat");
        prop_assert_eq!(broadcast.targets.rooms, targets.rooms);
        prop_assert_eq!(broadcast.targets.except, targets.except);
        prop_assert_eq!(broadcast.targets.flags, targets.flags);
        prop_assert!(sent_by(&message, "uid"));
    }

    #[test]
    fn any_binary_values_arrive_in_their_places(
        arguments in vec(json(), 0..4),
        numbers in vec(0..5_usize, 1..20),
        attachments in vec(vec(any::<u8>(), 0..300), 5),
    ) {
        let mut event = vec![json!("event")];
        event.extend(numbers.iter().map(|number| json!([{"k": {"_placeholder": true, "num": number}}])));
        event.extend(arguments);
        let attachments: VecDeque<Bytes> = attachments.into_iter().map(Bytes::from).collect();
        let event = Json::from(event);
        let data = Value::Str(event.to_string().into(), Some(attachments.clone()));

        let message = encode_broadcast("uid", "/", &data, &Targets::default()).unwrap();
        let (json, arrived) = decode_broadcast(&message).unwrap().data.to_json();

        prop_assert_eq!(arrived.len(), numbers.len());
        let seen = filled(serde_json::from_str(&json).unwrap(), &arrived);
        let expected = filled(event, &Vec::from(attachments));
        prop_assert!(is_alike(&seen, &expected), "{seen} was sent as {expected}");
    }

    #[test]
    fn an_event_in_messagepack_survives_the_way_through_a_node(arguments in vec(json(), 0..20)) {
        let mut event = vec![json!("event")];
        event.extend(arguments);
        let data = Value::Str(Json::from(event).to_string().into(), None);
        let message = encode_broadcast("uid", "/", &data, &Targets::default()).unwrap();
        let msgpack = decode_broadcast(&message).unwrap().data.to_msgpack();

        let again = encode_broadcast("uid", "/", &Value::Bytes(msgpack), &Targets::default()).unwrap();

        prop_assert_eq!(again, message);
    }

    #[test]
    fn json_is_taken_exactly_if_it_is_json(
        arguments in vec(json(), 0..4),
        place: prop::sample::Index,
        damage in "[\\[\\]{}\",:\\\\ue0-9.+ntrulfas \u{0}-\u{1f}\u{7f}-\u{90}]{0,2}",
    ) {
        let mut event = vec![json!("event")];
        event.extend(arguments);
        let text = Json::from(event).to_string();
        let (start, replaced) = text.char_indices().nth(place.index(text.chars().count())).unwrap();
        let text = format!("{}{damage}{}", &text[..start], &text[start + replaced.len_utf8()..]);

        // Ignored, since as values serde_json refuses lone surrogates and 1e400, which JavaScript takes.
        let is_json = serde_json::from_str::<Vec<serde::de::IgnoredAny>>(&text).is_ok();
        let encoded = encode_broadcast("uid", "/", &Value::Str(text.into(), None), &Targets::default());

        match encoded {
            Ok(message) => {
                prop_assert!(is_json);
                prop_assert!(decode_broadcast(&message).is_ok());
            }
            Err(EncodeError::Json { .. }) => prop_assert!(!is_json),
            // The damage is to the list itself or to the event's name.
            Err(_) => prop_assert!(start < "[\"event\"".len()),
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        exercise(&bytes);
    }

    #[test]
    fn any_damage_to_a_message_is_survived(
        which: prop::sample::Index,
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut: prop::sample::Index,
        shortened: bool,
    ) {
        let vectors = load();
        let mut bytes = vectors[which.index(vectors.len())].message().to_vec();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if shortened {
            bytes.truncate(cut.index(bytes.len()));
        }
        exercise(&bytes);
    }
}

/// Decodes and uses all there is to use.
fn exercise(bytes: &[u8]) {
    match decode_broadcast(bytes) {
        Ok(broadcast) => {
            let data = broadcast.data;
            let (json, attachments) = data.to_json();
            let seen: Vec<serde::de::IgnoredAny> = serde_json::from_str(&json).unwrap();
            assert!(!seen.is_empty());
            assert_eq!(attachments.len(), data.attachments());

            // What has been read may be sent on, and is then read as the same.
            let again = Value::Bytes(data.to_msgpack());
            let message = encode_broadcast("uid", "/", &again, &Targets::default()).unwrap();
            assert!(sent_by(&message, "uid"));
            let read_again = decode_broadcast(&message).unwrap().data;
            assert_eq!(read_again.attachments(), data.attachments());
            assert_eq!(read_again.event(), data.event());
        }
        Err(error) => {
            let causes = ["malformed", "unknown_type", "reserved"];
            assert!(causes.contains(&error.cause()));
            assert!(!matches!(error, DecodeError::TooLarge(_)));
            // The leading id may be readable all the same; asking must not fail.
            let _ = sent_by(bytes, "uid");
        }
    }
}
