use serde_json::{Value as Json, json};

use super::{pack, with_argument};
use crate::wire::{DecodeError, MAX, MAX_PARTS, decode_broadcast};

fn cause(message: &[u8]) -> &'static str {
    decode_broadcast(message)
        .expect_err("it should have been refused")
        .cause()
}

fn with_packet(packet: &Json) -> Vec<u8> {
    pack(&json!(["other", packet, {}]))
}

#[test]
fn what_is_no_broadcast_is_malformed() {
    let packet = json!({"type": 2, "data": ["e"], "nsp": "/"});
    for message in [
        json!(null),
        json!("other"),
        json!({}),
        json!([]),
        json!(["other"]),
        json!(["other", packet]),
        json!([packet]),
        json!([packet, null]),
        json!(["other", null, {}]),
        json!(["other", packet, null]),
        json!(["other", packet, "rooms"]),
        json!(["other", packet, ["rooms"]]),
        json!(["other", {"type": 2}, {}]),
        json!(["other", {"type": 2, "data": ["e"], "nsp": null}, {}]),
        json!(["other", {"type": 2, "data": ["e"], "nsp": 1}, {}]),
    ] {
        assert_eq!(cause(&pack(&message)), "malformed", "{message}");
    }
    assert_eq!(cause(b""), "malformed");
}

#[test]
fn data_that_clients_would_close_the_connection_at_is_malformed() {
    for data in [
        json!(null),
        json!("e"),
        json!({}),
        json!([]),
        json!([null]),
        json!([["e"]]),
        json!([true]),
    ] {
        let message = with_packet(&json!({"type": 2, "data": data}));
        assert_eq!(cause(&message), "malformed", "{data}");
    }
}

#[test]
fn reserved_names_are_refused_and_similar_ones_are_not() {
    for name in [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ] {
        let message = with_packet(&json!({"type": 2, "data": [name, 1]}));
        assert_eq!(
            decode_broadcast(&message).unwrap_err(),
            DecodeError::ReservedEvent(name)
        );
    }
    for name in ["connection", "Connect", "error", ""] {
        assert!(decode_broadcast(&with_packet(&json!({"type": 2, "data": [name]}))).is_ok());
    }
}

#[test]
fn packets_of_other_types_are_refused_whatever_their_data() {
    for (kind, known) in [
        (json!(3), Some(3)),
        (json!(0), Some(0)),
        (json!(-2), Some(-2)),
        (json!("2"), None),
        (json!(2.5), None),
    ] {
        let message = with_packet(&json!({"data": "no list", "type": kind}));
        assert_eq!(
            decode_broadcast(&message).unwrap_err(),
            DecodeError::UnknownType(known)
        );
    }
    let without = decode_broadcast(&with_packet(&json!({"data": ["e"]}))).unwrap_err();
    assert_eq!(
        without.to_string(),
        "neither an event nor a request that is known"
    );
    let acknowledgement = DecodeError::UnknownType(Some(3));
    assert_eq!(
        acknowledgement.to_string(),
        "neither an event nor a request that is known: its type is 3"
    );
}

#[test]
fn a_room_that_is_none_is_not_left_out_silently() {
    for rooms in [
        json!([["a"]]),
        json!([1.5]),
        json!([true]),
        json!({"a": 1}),
        json!(true),
    ] {
        for key in ["rooms", "except"] {
            let message = pack(&json!(["other", {"type": 2, "data": ["e"]}, {key: rooms}]));
            assert_eq!(cause(&message), "malformed", "{key} {rooms}");
        }
    }
}

#[test]
fn every_shortened_message_is_malformed_and_so_is_a_longer_one() {
    let mut message =
        with_packet(&json!({"type": 2, "data": ["e", {"a": [1.5, "text"]}], "nsp": "/"}));
    for len in 0..message.len() {
        assert_eq!(cause(&message[..len]), "malformed", "{len} bytes");
    }
    message.push(0xc0);
    assert_eq!(cause(&message), "malformed");
}

#[test]
fn nesting_has_a_bound() {
    let nested = |levels: usize| {
        let mut argument = vec![0x91; levels - 1];
        argument.push(0x90);
        with_argument(&argument)
    };

    // The list of the arguments is a level, too.
    assert!(decode_broadcast(&nested(127)).is_ok());
    assert_eq!(cause(&nested(128)), "malformed");
    assert_eq!(cause(&nested(1_000_000)), "malformed");
}

#[test]
fn sizes_have_a_bound() {
    let mut binary = vec![0xc6];
    binary.extend((MAX as u32).to_be_bytes());
    binary.resize(5 + MAX, 0);
    assert_eq!(cause(&with_argument(&binary)), "too_large");

    let many = vec![""; MAX_PARTS + 1];
    let rooms = pack(&json!(["other", {"type": 2, "data": ["e"]}, {"rooms": many}]));
    assert_eq!(cause(&rooms), "malformed");

    let mut attachments = vec![0xdd];
    attachments.extend((MAX_PARTS as u32 + 1).to_be_bytes());
    attachments.extend([0xc4, 0].repeat(MAX_PARTS + 1));
    assert_eq!(cause(&with_argument(&attachments)), "malformed");
}

#[test]
fn what_looks_like_a_placeholder_is_refused_only_beside_binary_values() {
    let lookalike = pack(&json!({"_placeholder": true, "num": 99}));
    assert!(decode_broadcast(&with_argument(&lookalike)).is_ok());

    let mut beside = vec![0x92, 0xc4, 1, 7];
    beside.extend(&lookalike);
    assert_eq!(cause(&with_argument(&beside)), "malformed");

    let mut harmless = vec![0x92, 0xc4, 1, 7];
    harmless.extend(pack(
        &json!([{"_placeholder": false}, {"_placeholder": [true]}, {"_placeholder": null}, true]),
    ));
    assert!(decode_broadcast(&with_argument(&harmless)).is_ok());
}
