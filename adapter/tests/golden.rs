//! The wire, held against what real Node.js servers wrote and against what earlier versions of this crate wrote.

#![expect(
    clippy::unwrap_used,
    reason = "the lint knows tests, but not the functions that they share"
)]

#[path = "golden/exchanges.rs"]
mod exchanges;
#[path = "golden/properties.rs"]
mod properties;
#[path = "golden/requests.rs"]
mod requests;
#[path = "golden/sharded.rs"]
mod sharded;
#[path = "golden/vectors.rs"]
mod vectors;

use std::collections::VecDeque;

use bytes::Bytes;
use roomcast_adapter::wire::{
    EncodeError, Flags, Targets, decode_broadcast, encode_broadcast, sent_by,
};
use socketioxide_core::Value;

use vectors::{Vector, load};

/// Broadcasts that nodes read but never write: options that this adapter does not have, and the order of keys of emitters, of
/// which ours is compared in `src/emitter.rs`.
const ONLY_READ: [&str; 8] = [
    "broadcast-flag-timeout",
    "broadcast-numeric-room",
    "broadcast-remote-socket",
    "broadcast-socket-emit-ack-csr",
    "emitter-broadcast-all",
    "emitter-broadcast-flags",
    "emitter-broadcast-namespace-binary",
    "emitter-broadcast-one-room",
];

/// Broadcasts with values that an event in JSON cannot hold.
const BEYOND_JSON: [&str; 2] = ["broadcast-dates", "broadcast-floats"];

#[test]
fn every_broadcast_of_node_is_read_as_node_reads_it() {
    for vector in load() {
        let name = &vector.name;
        let message = vector.message();
        let broadcast =
            decode_broadcast(&message).unwrap_or_else(|error| panic!("{name}: {error}"));

        let expected = vector.event();
        let (json, attachments) = broadcast.data.to_json();
        assert_eq!(json, expected.json, "{name}");
        assert_eq!(attachments, expected.attachments, "{name}");
        assert_eq!(broadcast.data.attachments(), attachments.len(), "{name}");
        assert_eq!(broadcast.data.event(), vector.event_name(), "{name}");

        assert_eq!(broadcast.namespace, vector.packet().nsp, "{name}");
        assert_eq!(broadcast.targets.rooms, vector.rooms(), "{name}");
        assert_eq!(broadcast.targets.except, vector.options().except, "{name}");
        assert_eq!(broadcast.targets.flags, vector.flags(), "{name}");

        assert!(sent_by(&message, vector.uid()), "{name}");
        assert!(!sent_by(&message, "another"), "{name}");
    }
}

#[test]
fn an_event_in_json_is_written_byte_for_byte_as_node_writes_it() {
    let compared = written(|vector| {
        if BEYOND_JSON.contains(&vector.name.as_str()) {
            return None;
        }
        let event = vector.event();
        let attachments = (!event.attachments.is_empty()).then(|| event.attachments.into());
        Some(Value::Str(event.json.into(), attachments))
    });
    assert_eq!(compared, load().len() - ONLY_READ.len() - BEYOND_JSON.len());
}

#[test]
fn an_event_in_messagepack_is_written_byte_for_byte_as_node_writes_it() {
    let compared = written(|vector| Some(Value::Bytes(vector.data())));
    assert_eq!(compared, load().len() - ONLY_READ.len());
}

/// Writes each broadcast anew, its event in the form that `data` gives it, and counts how many were compared.
fn written(data: impl Fn(&Vector) -> Option<Value>) -> usize {
    let mut compared = 0;
    for vector in load() {
        let name = &vector.name;
        if ONLY_READ.contains(&name.as_str()) {
            continue;
        }
        let Some(data) = data(&vector) else { continue };
        let targets = Targets {
            rooms: vector.rooms(),
            except: vector.options().except.clone(),
            flags: vector.flags(),
        };

        let message = encode_broadcast(vector.uid(), &vector.packet().nsp, &data, &targets)
            .unwrap_or_else(|error| panic!("{name}: {error}"));

        assert_eq!(message, vector.message(), "{name}");
        compared += 1;
    }
    compared
}

#[test]
fn only_dates_reach_clients_of_the_messagepack_parser_in_another_form() {
    for vector in load() {
        let message = vector.message();
        let data = decode_broadcast(&message).unwrap().data.to_msgpack();

        let as_it_came = vector.name != "broadcast-dates";
        assert_eq!(data == vector.data(), as_it_came, "{}", vector.name);
    }
}

/// The event of both frozen messages, as JSON.
const FROZEN_EVENT: &str = concat!(
    r#"["größe",{"_placeholder":true,"num":0},0,-1,1.5,9007199254740993,-129,null,true,"#,
    r#"{"nested":[{"_placeholder":true,"num":1},[],{}],"text":"👍 \"\\ \u0001"},"#,
    "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]]"
);

#[test]
fn what_version_0_1_0_wrote_is_read_and_written_still() {
    let frozen: [(&[u8], Targets); 2] = [
        (
            include_bytes!("golden/0.1.0-room.msgpack"),
            Targets {
                rooms: vec!["größe #1".into()],
                except: vec!["~0123456789012345678".into()],
                flags: Flags {
                    volatile: true,
                    compress: Some(false),
                    ..Flags::default()
                },
            },
        ),
        (
            include_bytes!("golden/0.1.0-everybody.msgpack"),
            Targets::default(),
        ),
    ];
    for (message, targets) in frozen {
        let broadcast = decode_broadcast(message).unwrap();
        let (json, attachments) = broadcast.data.to_json();

        assert!(sent_by(message, "0123456789abcdef"));
        assert_eq!(broadcast.namespace, "/chat");
        assert_eq!(json, FROZEN_EVENT);
        assert_eq!(attachments, Vec::from(frozen_attachments()));
        assert_eq!(broadcast.targets.rooms, targets.rooms);
        assert_eq!(broadcast.targets.except, targets.except);
        assert_eq!(broadcast.targets.flags, targets.flags);
        assert_eq!(frozen_message(&targets).unwrap(), message);
    }
}

fn frozen_message(targets: &Targets) -> Result<Bytes, EncodeError> {
    let data = Value::Str(FROZEN_EVENT.into(), Some(frozen_attachments()));
    encode_broadcast("0123456789abcdef", "/chat", &data, targets)
}

fn frozen_attachments() -> VecDeque<Bytes> {
    VecDeque::from([Bytes::from_static(b"\x00\xff"), Bytes::from(vec![7; 300])])
}
