//! Any event that a client may have sent, as text with binary values beside it or as MessagePack, is encoded or refused;
//! what is encoded can be decoded.

#![no_main]

use std::collections::VecDeque;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use roomcast_adapter::wire::{EncodeError, Targets, decode_broadcast, encode_broadcast};
use socketioxide_core::Value;

fuzz_target!(|input: (&str, Option<Vec<Vec<u8>>>, &[u8])| {
    let (json, attachments, msgpack) = input;
    let targets = Targets::default();

    let is_json = serde_json::from_str::<Vec<serde::de::IgnoredAny>>(json).is_ok();
    let attachments =
        attachments.map(|values| values.into_iter().map(Bytes::from).collect::<VecDeque<_>>());
    let data = Value::Str(json.to_owned().into(), attachments);
    match encode_broadcast("uid", "/", &data, &targets) {
        Ok(message) => {
            assert!(is_json);
            let broadcast = decode_broadcast(&message).expect("what was sent can be read");
            broadcast.data.to_json();
        }
        Err(EncodeError::Json { .. }) => assert!(!is_json),
        Err(_) => {}
    }

    let data = Value::Bytes(Bytes::copy_from_slice(msgpack));
    if let Ok(message) = encode_broadcast("uid", "/", &data, &targets) {
        let broadcast = decode_broadcast(&message).expect("what was sent can be read");
        broadcast.data.to_json();
        broadcast.data.to_msgpack();
    }
});
