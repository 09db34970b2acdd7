//! Any bytes on a channel of responses are decoded or refused; what is decoded can be answered again, and is then the same.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use roomcast_adapter::wire::{decode_response, encode_response, unified};

fuzz_target!(|message: &[u8]| {
    let Ok(message) = unified(&Bytes::copy_from_slice(message)) else {
        return;
    };
    let Ok(response) = decode_response(&message) else {
        return;
    };

    let written = encode_response(&response).expect("what was read can be written");
    let message = unified(&written).expect("what was written begins as one of the two forms");
    let again = decode_response(&message).expect("what was written can be read");

    assert_eq!((&again.uid, &again.id), (&response.uid, &response.id));
    let written_again = encode_response(&again).expect("what was read can be written");
    assert_eq!(written_again, written);
});
