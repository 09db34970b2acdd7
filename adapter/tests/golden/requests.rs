//! Requests and responses: what Node.js servers wrote is read, and written again byte for byte.

use bytes::Bytes;
use roomcast_adapter::wire::{
    Answer, DecodeError, Question, Request, Targets, decode_request, decode_response, encode_ask,
    encode_broadcast, encode_request, encode_response, unified,
};
use serde::Deserialize;
use socketioxide_core::Value;

use super::vectors::unhex;

#[derive(Deserialize)]
pub(crate) struct Vector {
    name: String,
    channel: String,
    pub(crate) hex: String,
}

/// All captured requests and responses.
pub(crate) fn load() -> Vec<Vector> {
    #[derive(Deserialize)]
    struct File {
        vectors: Vec<Vector>,
    }
    let file: File = serde_json::from_str(include_str!("requests.json")).unwrap();
    file.vectors
}

/// Requests in forms that are read but never written.
fn is_only_read(vector: &Vector) -> bool {
    vector.name.starts_with("legacy-request-remote")
}

#[test]
fn what_node_asks_is_read_and_written_as_node_writes_it() {
    let mut compared = 0;
    for vector in load()
        .iter()
        .filter(|vector| vector.channel.contains("-request#"))
    {
        let name = &vector.name;
        let message = unhex(&vector.hex);
        let unified = unified(&message).unwrap();
        let request = decode_request(&unified)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .unwrap_or_else(|| panic!("{name} is of no known type"));
        if is_only_read(vector) {
            continue;
        }
        compared += 1;
        assert_eq!(encode_request(&request).unwrap(), message, "{name}");
    }
    assert!(compared > 20, "{compared} requests were compared");
}

#[test]
fn what_node_answers_is_read_and_written_as_node_writes_it() {
    let mut compared = 0;
    for vector in load()
        .iter()
        .filter(|vector| vector.channel.contains("-response#"))
    {
        let name = &vector.name;
        let message = unhex(&vector.hex);
        let unified = unified(&message).unwrap();
        let response = decode_response(&unified).unwrap_or_else(|error| panic!("{name}: {error}"));
        compared += 1;
        assert_eq!(encode_response(&response).unwrap(), message, "{name}");
        assert_eq!(response.uid, None, "{name}");
    }
    assert!(compared > 15, "{compared} responses were compared");
}

#[test]
fn an_old_form_selects_one_socket() {
    let request = br#"{"uid":"abcdef","requestId":"REQ002","type":2,"sid":"HW9D","room":"lr"}"#;
    let unified = unified(&Bytes::from_static(request)).unwrap();

    let request = decode_request(&unified).unwrap().unwrap();

    let Question::Join {
        targets,
        rooms,
        of_one,
    } = request.question
    else {
        panic!("{:?}", request.question)
    };
    assert_eq!(
        (targets.rooms, rooms),
        (vec!["HW9D".to_owned()], vec!["lr".to_owned()])
    );
    assert!(of_one);
}

#[test]
fn emitters_and_old_adapters_are_read_leniently() {
    let asked = |text: &'static str| {
        let unified = unified(&Bytes::from_static(text.as_bytes())).unwrap();
        let request = decode_request(&unified).unwrap().unwrap();
        format!("{:?} {:?}", request.uid, request.question)
    };

    let join = asked(r#"{"uid":7,"type":2,"opts":{"rooms":"a","flags":[]},"rooms":"b","more":{}}"#);
    assert!(join.starts_with(r#"Some("7") Join"#), "{join}");
    assert!(
        join.contains(r#"rooms: ["a"]"#) && join.contains(r#"rooms: ["b"]"#),
        "{join}"
    );
    let fetch = asked(r#"{"uid":null,"type":5,"opts":{"rooms":[1,2],"except":null}}"#);
    assert!(
        fetch.contains(r#"rooms: ["1", "2"], except: []"#),
        "{fetch}"
    );
    assert!(fetch.starts_with("None"), "{fetch}");
}

#[test]
fn what_ends_a_node_server_is_refused() {
    let refused = |text: &'static str| {
        let unified = unified(&Bytes::from_static(text.as_bytes()))?;
        decode_request(&unified).map(|request| request.is_none())
    };

    for text in [
        r#"{"type":5,"uid":"a","requestId":"b"}"#,
        r#"{"type":7,"uid":"a","requestId":"b","opts":{}}"#,
        r#"{"type":7,"uid":"a","requestId":"b","packet":{"type":2,"data":["x"]}}"#,
        r#"{"type":6,"uid":"a","requestId":"b"}"#,
        r#"{"type":6,"uid":"a","data":[]}"#,
        r#"{"type":6,"uid":"a","data":[{}]}"#,
        r#"{"type":2,"opts":{"rooms":[{}]},"rooms":["a"]}"#,
        r#"{"type":2"#,
        r#"{} {}"#,
    ] {
        let result = refused(text);
        assert!(
            matches!(result, Err(DecodeError::Malformed(_)) | Ok(true)),
            "{text}: {result:?}"
        );
    }
    assert_eq!(
        refused(r#"{"type":6,"uid":"a","data":["connection",{}]}"#),
        Err(DecodeError::ReservedEvent("connection"))
    );
    for unknown in [r#"{"type":"5","opts":{}}"#, r#"{"type":99}"#, "{}"] {
        assert_eq!(refused(unknown), Ok(true), "{unknown}");
    }
    let deep = format!(r#"{{"type":5,"opts":{}"#, r#"{"a":"#.repeat(10_000));
    assert!(unified(&Bytes::from(deep)).is_err());
    assert!(decode_request(&[0xc0]).is_err());
    assert!(decode_response(&[0xc0]).is_err());
}

#[test]
fn a_number_of_sockets_is_a_list_to_whoever_does_not_know_it() {
    let counted = Bytes::from_static(br#"{"requestId":"r","uid":"u","sockets":[],"count":3}"#);
    let unified = unified(&counted).unwrap();

    let response = decode_response(&unified).unwrap();

    assert!(matches!(response.answer, Answer::Count(3)));
    assert_eq!(encode_response(&response).unwrap(), counted);
}

#[test]
fn data_may_be_as_deep_in_a_request_as_in_a_broadcast() {
    let event = |lists: usize| format!("[\"e\",{}{}]", "[".repeat(lists), "]".repeat(lists));
    let server_side = |lists| {
        let request = Request {
            uid: None,
            id: None,
            question: Question::ServerSideEmit { data: event(lists) },
        };
        let message = unified(&encode_request(&request).unwrap())?;
        decode_request(&message).map(|request| request.is_some())
    };
    let data = |lists| Value::Str(event(lists).into(), None);
    let targets = Targets::default();

    assert_eq!(server_side(127), Ok(true));
    assert!(matches!(server_side(128), Err(DecodeError::Malformed(_))));
    encode_broadcast("uid", "/", &data(127), &targets).unwrap();
    let asked = encode_ask("uid", "id", "/", &data(127), &targets).unwrap();
    assert!(decode_request(&asked).unwrap().is_some());
    assert!(encode_ask("uid", "id", "/", &data(128), &targets).is_err());
}
