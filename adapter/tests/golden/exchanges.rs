//! What holds for every request and response, and for any bytes in place of one.

use bytes::Bytes;
use proptest::{collection::vec, option, prelude::*};
use roomcast_adapter::wire::{
    Answer, Flags, Form, Question, Request, Response, Targets, decode_request, decode_response,
    encode_ask, encode_request, encode_response, unified,
};
use serde_json::json;
use socketioxide_core::Value;

use super::{requests::load, vectors::unhex};

fn names() -> impl Strategy<Value = Vec<String>> {
    vec(".{0,20}", 0..20)
}

fn targets() -> impl Strategy<Value = Targets> {
    (names(), names()).prop_map(|(rooms, except)| Targets {
        rooms,
        except,
        flags: Flags::default(),
    })
}

/// A list as JSON text, in the one form in which it is written.
fn list() -> impl Strategy<Value = String> {
    let values = (".{0,20}", any::<i64>(), any::<bool>(), names());
    values.prop_map(|(text, number, truth, names)| {
        json!([text, number, truth, null, {"a": names}]).to_string()
    })
}

fn question() -> impl Strategy<Value = Question<'static>> {
    let of_one = false;
    prop_oneof![
        names().prop_map(|rooms| Question::Sockets { rooms }),
        Just(Question::Rooms),
        (targets(), names()).prop_map(move |(targets, rooms)| Question::Join {
            targets,
            rooms,
            of_one
        }),
        (targets(), names()).prop_map(move |(targets, rooms)| Question::Leave {
            targets,
            rooms,
            of_one
        }),
        (targets(), any::<bool>()).prop_map(move |(targets, close)| Question::Disconnect {
            targets,
            close,
            of_one
        }),
        (targets(), form()).prop_map(|(targets, form)| Question::Fetch { targets, form }),
        list().prop_map(|data| Question::ServerSideEmit { data }),
    ]
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        Just(Form::Sockets),
        Just(Form::Count),
        Just(Form::Sizes),
        (option::of(".*"), any::<u32>()).prop_map(|(after, limit)| Form::Page { after, limit }),
    ]
}

fn answer() -> impl Strategy<Value = Answer<'static>> {
    prop_oneof![
        names().prop_map(Answer::Rooms),
        list().prop_map(Answer::Sockets),
        (0..=u64::MAX >> 1).prop_map(Answer::Count),
        Just(Answer::Sizes(r#"{"red":2}"#.to_owned())),
        option::of(list()).prop_map(Answer::Value),
        (0..=u64::MAX >> 1).prop_map(Answer::Clients),
        Just(Answer::Ack(None)),
        Just(Answer::Ack(Some(b"\x93\xc0\x01\xa1a"))),
        Just(Answer::Done),
    ]
}

proptest! {
    // There is no file for failures beside an integration test; what fails is printed in full and becomes a test.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_request_arrives_as_it_was_asked(
        uid in option::of(".{0,20}"),
        id in option::of(".{0,20}"),
        question in question(),
    ) {
        let request = Request { uid, id, question };

        let message = unified(&encode_request(&request).unwrap()).unwrap();
        let arrived = decode_request(&message).unwrap().unwrap();

        prop_assert_eq!(format!("{arrived:?}"), format!("{request:?}"));
    }

    #[test]
    fn any_event_that_is_to_be_acknowledged_arrives_as_it_was_asked(
        event in list(),
        mut targets in targets(),
        milliseconds in option::of(any::<u32>()),
    ) {
        targets.flags.timeout = milliseconds.map(|value| std::time::Duration::from_millis(value.into()));
        let data = Value::Str(event.clone().into(), None);

        let message = encode_ask("uid", "id", "/chat", &data, &targets).unwrap();
        let arrived = decode_request(&message).unwrap().unwrap();

        let Question::Broadcast { namespace, data, targets: arrived } = arrived.question else {
            panic!("it is another question");
        };
        prop_assert_eq!(namespace, "/chat");
        prop_assert_eq!(data.to_json().0, event);
        prop_assert_eq!(arrived, targets);
    }

    #[test]
    fn any_response_arrives_as_it_was_answered(
        id in ".{0,20}",
        uid in option::of(".{0,20}"),
        answer in answer(),
    ) {
        let response = Response { id, uid, answer };

        let message = unified(&encode_response(&response).unwrap()).unwrap();
        let arrived = decode_response(&message).unwrap();

        prop_assert_eq!(format!("{arrived:?}"), format!("{response:?}"));
    }

    #[test]
    fn any_bytes_are_a_request_and_a_response_or_neither(bytes in vec(any::<u8>(), 0..200)) {
        exercise(&bytes);
    }

    #[test]
    fn any_damage_to_a_request_or_response_is_survived(
        which: prop::sample::Index,
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut: prop::sample::Index,
        shortened: bool,
    ) {
        let vectors = load();
        let mut bytes = unhex(&vectors[which.index(vectors.len())].hex).to_vec();
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

/// Reads bytes as either; what was read can be written, and is then read as the same.
fn exercise(bytes: &[u8]) {
    let Ok(message) = unified(&Bytes::copy_from_slice(bytes)) else {
        return;
    };
    if let Ok(Some(request)) = decode_request(&message) {
        let written = encode_request(&request).unwrap();
        let message = unified(&written).unwrap();
        let again = decode_request(&message).unwrap().unwrap();
        assert_eq!((&again.uid, &again.id), (&request.uid, &request.id));
        assert_eq!(encode_request(&again).unwrap(), written);
    }
    if let Ok(response) = decode_response(&message) {
        let written = encode_response(&response).unwrap();
        let message = unified(&written).unwrap();
        let again = decode_response(&message).unwrap();
        assert_eq!((&again.uid, &again.id), (&response.uid, &response.id));
        assert_eq!(encode_response(&again).unwrap(), written);
    }
}
