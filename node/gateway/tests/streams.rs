//! Replies that come one by one, and acks that are answered by hand.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt as _, stream};
use roomcast_gateway::{
    Ack, Acknowledge, Exception, Gateway, Outcome, Replies, Socket, WsResponse,
    testing::{Client, Sent, block_on},
};
use serde_json::json;

/// Emits `e`, asks for an ack, and drives what it streams; how the streams ended, and what was sent.
fn streamed(gateway: Gateway) -> (Vec<Outcome>, Vec<Sent>) {
    let client = Client::of(gateway);
    assert_eq!(block_on(client.emit_with_ack("e", &7)), Outcome::Handled);
    (block_on(client.streamed()), client.sent())
}

#[test]
fn each_item_is_an_event_in_its_order() {
    let gateway = Gateway::new("/").on("e", async || {
        Replies(stream::iter([1, 2, 3]).map(|number| WsResponse::new("number", number)))
    });

    let (ended, sent) = streamed(gateway);

    assert_eq!(ended, [Outcome::Handled]);
    assert_eq!(
        sent,
        [1, 2, 3].map(|number| Sent::event("number", json!(number)))
    );
}

#[test]
fn the_first_value_answers_the_ack_and_later_ones_are_dropped() {
    let gateway = Gateway::new("/").on("e", async || Replies(stream::iter([Ack(1), Ack(2)])));

    let (_, sent) = streamed(gateway);

    assert_eq!(sent, [Sent::ack(json!(1))]);
}

#[test]
fn an_exception_ends_a_stream() {
    let gateway = Gateway::new("/").on("e", async || {
        Replies(stream::iter([
            Ok(WsResponse::new("number", 1)),
            Err(Exception::new("no more")),
            Ok(WsResponse::new("number", 2)),
        ]))
    });

    let (ended, sent) = streamed(gateway);

    assert_eq!(ended, [Outcome::Exception]);
    let told =
        json!({ "status": "error", "message": "no more", "cause": { "pattern": "e", "data": 7 } });
    assert_eq!(
        sent,
        [
            Sent::event("number", json!(1)),
            Sent::event("exception", told)
        ]
    );
}

#[test]
fn a_stream_that_panics_is_an_exception() {
    let gateway = Gateway::new("/").on("e", async || {
        Replies(stream::iter([1]).map(|_| -> Ack<u32> { panic!("a bug") }))
    });

    let (ended, sent) = streamed(gateway);

    assert!(matches!(&ended[..], [Outcome::Failed(why)] if why.contains("a bug")));
    assert!(matches!(&sent[..], [Sent::Event { event, .. }] if event == "exception"));
}

/// A stream that is never ready, and holds a count.
struct Endless(#[expect(dead_code, reason = "counts")] Arc<()>);

impl Stream for Endless {
    type Item = Ack<()>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Ack<()>>> {
        Poll::Pending
    }
}

#[test]
fn a_stream_is_dropped_when_its_client_disconnects() {
    let count = Arc::new(());
    let held = count.clone();
    let gateway = Gateway::new("/").on("e", move || {
        let held = held.clone();
        async move { Replies(Endless(held)) }
    });
    let client = Client::of(gateway);
    let _ = block_on(client.emit("e", &()));
    let while_connected = Arc::strong_count(&count);

    client.socket().disconnect();

    assert_eq!(Arc::strong_count(&count), while_connected - 1);
}

#[test]
fn an_ack_by_hand_comes_before_the_handler_ends_and_counts_alone() {
    let gateway = Gateway::new("/").on("e", async |ack: Acknowledge, socket: Socket| {
        ack.answer(&"first")?;
        socket.emit("then", &1)?;
        ack.answer(&"again")?;
        Ok::<_, Exception>(Ack("returned"))
    });

    let (_, sent) = streamed(gateway);

    assert_eq!(
        sent,
        [Sent::ack(json!("first")), Sent::event("then", json!(1))]
    );
}

#[test]
fn an_ack_that_nobody_asked_for_is_not_sent() {
    let gateway = Gateway::new("/").on("e", async |ack: Acknowledge| {
        assert!(!ack.is_wanted());
        ack.answer(&1)?;
        Ok::<_, Exception>(())
    });
    let client = Client::of(gateway);

    assert_eq!(block_on(client.emit("e", &7)), Outcome::Handled);

    assert_eq!(client.sent(), []);
}
