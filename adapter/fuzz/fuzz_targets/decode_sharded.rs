//! Any bytes on a sharded channel are decoded or refused; what is decoded can be said again, and is then the same.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use roomcast_adapter::wire::{
    Envelope, Request, Response, Said, decode_sharded, encode_sharded_broadcast,
    encode_sharded_request, encode_sharded_response, unified,
};
use socketioxide_core::Value;

fuzz_target!(|message: &[u8]| {
    let Ok(message) = unified(&Bytes::copy_from_slice(message)) else {
        return;
    };
    let Ok(Some(envelope)) = decode_sharded(&message) else {
        return;
    };

    let written = write(envelope);
    let message = unified(&written).expect("what was written begins as one of the two forms");
    let again = decode_sharded(&message).expect("what was written can be read");
    let again = again.expect("what was written is of a known type");
    assert_eq!(write(again), written);
});

fn write(envelope: Envelope<'_>) -> Bytes {
    let namespace = envelope.namespace;
    let written = match envelope.said {
        Said::Broadcast { data, targets } => {
            let data = Value::Bytes(data.to_msgpack());
            encode_sharded_broadcast("uid", &namespace, &data, &targets, None)
        }
        Said::Asked(id, question) => {
            let request = Request {
                uid: None,
                id,
                question,
            };
            encode_sharded_request("uid", &namespace, &request)
        }
        Said::Answered(id, answer) => {
            let response = Response {
                id,
                uid: None,
                answer,
            };
            encode_sharded_response("uid", &namespace, &response)
        }
        other => unreachable!("{other:?} is not known here"),
    };
    written.expect("what was read can be written")
}
