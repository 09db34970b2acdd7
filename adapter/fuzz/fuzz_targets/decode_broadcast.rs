//! Any bytes from Redis are decoded or refused; what is decoded can be shown to clients and sent on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use roomcast_adapter::wire::{decode_broadcast, encode_broadcast, sent_by};
use socketioxide_core::Value;

fuzz_target!(|message: &[u8]| {
    let _ = sent_by(message, "uid");
    let Ok(broadcast) = decode_broadcast(message) else {
        return;
    };
    let data = broadcast.data;

    let (json, attachments) = data.to_json();
    assert_eq!(attachments.len(), data.attachments());
    let list: Result<Vec<serde::de::IgnoredAny>, _> = serde_json::from_str(&json);
    assert!(!list.expect("the text is valid JSON").is_empty());

    let again = Value::Bytes(data.to_msgpack());
    let targets = broadcast.targets;
    // Texts that were no UTF-8 grow when they are mended, so that the largest messages may outgrow the bound: not here,
    // where inputs are short.
    let message = encode_broadcast("uid", &broadcast.namespace, &again, &targets)
        .expect("what was read can be sent on");
    let read_again = decode_broadcast(&message).expect("what was sent can be read");
    assert_eq!(read_again.data.event(), data.event());
    assert_eq!(read_again.data.attachments(), data.attachments());
    assert_eq!(read_again.targets, targets);
});
