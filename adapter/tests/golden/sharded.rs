//! The sharded wire: what Node.js servers wrote is read, and written again byte for byte.

use bytes::Bytes;
use roomcast_adapter::wire::{
    Answer, Question, Request, Response, Said, decode_sharded, encode_sharded_broadcast,
    encode_sharded_request, encode_sharded_response, unified,
};
use serde::Deserialize;
use socketioxide_core::Value;

use super::vectors::unhex;

#[derive(Deserialize)]
struct Vector {
    name: String,
    hex: String,
}

fn load() -> Vec<Vector> {
    #[derive(Deserialize)]
    struct File {
        vectors: Vec<Vector>,
    }
    let file: File = serde_json::from_str(include_str!("sharded.json")).unwrap();
    file.vectors
}

#[test]
fn every_message_is_read_and_written_as_node_writes_it() {
    let mut compared = 0;
    for vector in load() {
        let name = &vector.name;
        let message = unhex(&vector.hex);
        let unified = unified(&message).unwrap();
        let envelope = decode_sharded(&unified)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .unwrap_or_else(|| panic!("{name} is of no known type"));
        let (uid, namespace) = (envelope.uid.unwrap(), envelope.namespace);

        let written = match envelope.said {
            Said::Broadcast { data, targets } => {
                let data = Value::Bytes(data.to_msgpack());
                encode_sharded_broadcast(&uid, &namespace, &data, &targets, None)
            }
            Said::Asked(id, question) => {
                let request = Request {
                    uid: Some(uid.clone()),
                    id,
                    question,
                };
                encode_sharded_request(&uid, &namespace, &request)
            }
            Said::Answered(id, answer) => {
                let response = Response {
                    id,
                    uid: Some(uid.clone()),
                    answer,
                };
                encode_sharded_response(&uid, &namespace, &response)
            }
            other => panic!("{name}: {other:?}"),
        };

        compared += 1;
        assert_eq!(written.unwrap(), message, "{name}");
    }
    assert!(compared > 20, "{compared} messages were compared");
}

#[test]
fn garbage_is_refused_and_what_is_unknown_ignored() {
    let read = |text: &'static str| {
        let unified = unified(&Bytes::from_static(text.as_bytes()))?;
        decode_sharded(&unified).map(|envelope| envelope.is_some())
    };

    for text in [
        r#"{"type":3,"data":{"opts":{}},"uid":"a","nsp":"/"}"#,
        r#"{"type":3,"data":{"packet":{"type":2,"data":["x"]}},"uid":"a"}"#,
        r#"{"type":3,"data":{"packet":{"type":3,"data":["x"]},"opts":{}}}"#,
        r#"{"type":4,"data":{"rooms":["x"]},"uid":"a","nsp":"/"}"#,
        r#"{"type":8,"data":{"requestId":"x","sockets":7}}"#,
        r#"{"type":11,"data":{"requestId":"x"}}"#,
        r#"{"type":9,"data":{"packet":["connection"]}}"#,
        r#"{"type":4,"nsp":7}"#,
        "[]",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    for text in [r#"{"type":1,"uid":"a","nsp":"/"}"#, r#"{"type":13}"#, "{}"] {
        assert_eq!(read(text), Ok(false), "{text}");
    }
}

#[test]
fn a_count_is_understood_among_nodes_of_this_crate() {
    let response = Response {
        id: "d5e1c9bd04ef95a7".to_owned(),
        uid: None,
        answer: Answer::Count(3),
    };
    let message = encode_sharded_response("uid", "/", &response).unwrap();
    let unified = unified(&message).unwrap();

    let envelope = decode_sharded(&unified).unwrap().unwrap();

    assert!(matches!(envelope.said, Said::Answered(_, Answer::Count(3))));
    let rooms = Request {
        uid: None,
        id: None,
        question: Question::Rooms,
    };
    assert!(encode_sharded_request("uid", "/", &rooms).is_err());
}
