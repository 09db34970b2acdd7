//! The steps of a broadcast by themselves: encode, decode, transcode, and finding the members of a room.

#![allow(missing_docs, clippy::unwrap_used, reason = "this is a benchmark")]

use bytes::Bytes;
use divan::{Bencher, black_box};
use roomcast_adapter::{bench::Rooms, wire};
use socketioxide_core::Value;

fn main() {
    divan::main();
}

const SIZES: [usize; 3] = [128, 1024, 16 * 1024];

/// An event whose JSON has about so many bytes.
fn event(bytes: usize) -> Value {
    let data = "x".repeat(bytes.saturating_sub(60));
    let text = format!(r#"["roomMsg",{{"publisher":1,"sequence":42,"pad":"{data}"}}]"#);
    Value::Str(text.into(), None)
}

fn targets() -> wire::Targets {
    wire::Targets {
        rooms: vec!["room".to_owned()],
        ..wire::Targets::default()
    }
}

fn encoded(bytes: usize) -> Bytes {
    wire::encode_broadcast("abcdef", "/", &event(bytes), &targets()).unwrap()
}

#[divan::bench(args = SIZES)]
fn encode_broadcast(bencher: Bencher<'_, '_>, bytes: usize) {
    let (event, targets) = (event(bytes), targets());
    bencher.bench(|| wire::encode_broadcast("abcdef", "/", black_box(&event), &targets).unwrap());
}

#[divan::bench(args = SIZES)]
fn decode_broadcast_for_json_clients(bencher: Bencher<'_, '_>, bytes: usize) {
    let message = encoded(bytes);
    bencher.bench(|| {
        wire::decode_broadcast(black_box(&message))
            .unwrap()
            .data
            .to_json()
    });
}

#[divan::bench(args = SIZES)]
fn decode_broadcast_for_msgpack_clients(bencher: Bencher<'_, '_>, bytes: usize) {
    let message = encoded(bytes);
    bencher.bench(|| {
        wire::decode_broadcast(black_box(&message))
            .unwrap()
            .data
            .to_msgpack()
    });
}

#[divan::bench(args = SIZES)]
fn own_message_is_recognised(bencher: Bencher<'_, '_>, bytes: usize) {
    let message = encoded(bytes);
    bencher.bench(|| wire::sent_by(black_box(&message), "abcdef"));
}

#[divan::bench(args = SIZES)]
fn json_to_msgpack(bencher: Bencher<'_, '_>, bytes: usize) {
    let Value::Str(text, _) = event(bytes) else {
        unreachable!("the event above is text")
    };
    bencher.bench(|| wire::json_to_msgpack(black_box(&text), &[].into()).unwrap());
}

#[divan::bench(args = [1, 100, 10_000])]
fn members_of_a_room(bencher: Bencher<'_, '_>, members: usize) {
    let mut rooms = Rooms::filled(members);
    bencher.bench_local(|| rooms.select_room());
}

#[divan::bench(args = [1, 100, 10_000])]
fn everyone_but_a_room(bencher: Bencher<'_, '_>, members: usize) {
    let mut rooms = Rooms::filled(members);
    bencher.bench_local(|| rooms.select_all_but_sender());
}

#[divan::bench(args = [1, 100, 10_000])]
fn join_and_leave(bencher: Bencher<'_, '_>, members: usize) {
    let mut rooms = Rooms::filled(members);
    bencher.bench_local(|| rooms.join_and_leave());
}
