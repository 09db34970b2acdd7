//! Any bytes on a channel of requests are decoded or refused; what is decoded can be asked again, and is then the same.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use roomcast_adapter::wire::{decode_request, encode_request, unified};

fuzz_target!(|message: &[u8]| {
    let Ok(message) = unified(&Bytes::copy_from_slice(message)) else {
        return;
    };
    let Ok(Some(request)) = decode_request(&message) else {
        return;
    };

    let written = encode_request(&request).expect("what was read can be written");
    let message = unified(&written).expect("what was written begins as one of the two forms");
    let again = decode_request(&message)
        .expect("what was written can be read")
        .expect("its type is known still");

    // Flags, and the old forms, are not written again: what was written once is.
    assert_eq!((&again.uid, &again.id), (&request.uid, &request.id));
    let written_again = encode_request(&again).expect("what was read can be written");
    assert_eq!(written_again, written);
});
