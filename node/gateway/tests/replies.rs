//! What the sender sees of each thing that a handler can return.

use std::{collections::HashMap, io};

use roomcast_gateway::{
    Ack, Data, Exception, Gateway, Outcome, Raw, Socket, WsResponse,
    platform::Incoming,
    testing::{Client, Sent, block_on},
};
use serde::Serialize;
use serde_json::{Value, json};

/// Emits `event` with the body 7, and returns how it ended and what was sent.
fn emit(gateway: Gateway, event: &str) -> (Outcome, Vec<Sent>) {
    let client = Client::of(gateway);
    let outcome = block_on(client.emit(event, &7));
    (outcome, client.sent())
}

fn emit_with_ack(gateway: Gateway, event: &str) -> (Outcome, Vec<Sent>) {
    let client = Client::of(gateway);
    let outcome = block_on(client.emit_with_ack(event, &7));
    (outcome, client.sent())
}

fn exception(message: &str) -> Vec<Sent> {
    vec![Sent::event(
        "exception",
        json!({ "status": "error", "message": message, "cause": { "pattern": "e", "data": 7 } }),
    )]
}

fn failed(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed(why) => why,
        other => panic!("{other:?} is no failure"),
    }
}

#[test]
fn nothing_sends_nothing_and_never_calls_the_ack() {
    let gateway = || Gateway::new("/").on("e", async || {});

    assert_eq!(emit(gateway(), "e"), (Outcome::Handled, vec![]));
    assert_eq!(emit_with_ack(gateway(), "e"), (Outcome::Handled, vec![]));
}

#[test]
fn a_value_is_the_ack_if_one_was_asked_for() {
    let gateway = || Gateway::new("/").on("e", async || Ack(json!({ "event": "no event" })));

    assert_eq!(emit(gateway(), "e"), (Outcome::Handled, vec![]));
    assert_eq!(
        emit_with_ack(gateway(), "e"),
        (
            Outcome::Handled,
            vec![Sent::ack(json!({ "event": "no event" }))]
        )
    );
}

#[test]
fn null_is_a_value() {
    for gateway in [
        Gateway::new("/").on("e", async || Ack(Option::<()>::None)),
        Gateway::new("/").on("e", async || Ack(())),
        Gateway::new("/").on("e", async || Ack(Raw::null())),
    ] {
        let (_, sent) = emit_with_ack(gateway, "e");

        assert_eq!(sent, [Sent::ack(Value::Null)]);
    }
}

#[test]
fn a_value_that_nobody_asked_for_is_not_even_encoded() {
    struct Unencodable;

    impl Serialize for Unencodable {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("encoded")
        }
    }

    let (outcome, sent) = emit(Gateway::new("/").on("e", async || Ack(Unencodable)), "e");

    assert_eq!((outcome, sent), (Outcome::Handled, vec![]));
}

#[test]
fn a_ws_response_is_an_event_and_the_ack_is_not_called() {
    let gateway = || Gateway::new("/").on("e", async || WsResponse::new("other", [1, 2]));
    let other = vec![Sent::event("other", json!([1, 2]))];

    assert_eq!(emit(gateway(), "e"), (Outcome::Handled, other.clone()));
    assert_eq!(emit_with_ack(gateway(), "e"), (Outcome::Handled, other));
}

#[test]
fn a_ws_response_without_data_carries_null() {
    let (_, sent) = emit(
        Gateway::new("/").on("e", async || WsResponse::empty("other")),
        "e",
    );

    assert_eq!(sent, [Sent::event("other", Value::Null)]);
}

#[test]
fn an_ok_result_is_what_it_holds() {
    let gateway = Gateway::new("/")
        .on("nothing", async || Ok::<(), Exception>(()))
        .on("ack", async || Ok::<_, Exception>(Ack(1)))
        .on("event", async || {
            Ok::<_, Exception>(WsResponse::new("other", 2))
        });
    let client = Client::of(gateway);

    for event in ["nothing", "ack", "event"] {
        let outcome = block_on(client.emit_with_ack(event, &()));
        assert_eq!(outcome, Outcome::Handled);
    }

    assert_eq!(
        client.sent(),
        [Sent::ack(json!(1)), Sent::event("other", json!(2))]
    );
}

async fn refuse() -> Result<Ack<u8>, Exception> {
    Err(Exception::new("数据不能为空！"))
}

#[test]
fn an_exception_with_a_message_names_its_cause() {
    let (outcome, sent) = emit_with_ack(Gateway::new("/").on("e", refuse), "e");

    assert_eq!(outcome, Outcome::Exception);
    assert_eq!(sent, exception("数据不能为空！"));
}

#[test]
fn the_cause_has_no_data_where_there_was_no_body() {
    let client = Client::of(Gateway::new("/").on("e", refuse));

    block_on(client.receive(Incoming::parse(r#"["e"]"#, vec![], false).unwrap()));

    let cause = json!({ "pattern": "e" });
    let told = json!({ "status": "error", "message": "数据不能为空！", "cause": cause });
    assert_eq!(client.sent(), [Sent::event("exception", told)]);
}

#[test]
fn a_body_of_null_is_in_the_cause() {
    let client = Client::of(Gateway::new("/").on("e", refuse));

    block_on(client.emit("e", &()));

    let cause = json!({ "pattern": "e", "data": null });
    let told = json!({ "status": "error", "message": "数据不能为空！", "cause": cause });
    assert_eq!(client.sent(), [Sent::event("exception", told)]);
}

#[test]
fn a_setting_leaves_the_cause_out() {
    let gateway = Gateway::new("/").on("e", refuse).exception_cause(false);

    let (_, sent) = emit(gateway, "e");

    let told = json!({ "status": "error", "message": "数据不能为空！" });
    assert_eq!(sent, [Sent::event("exception", told)]);
}

#[test]
fn an_exception_with_an_object_is_that_object() {
    let object = json!({ "code": 4, "why": ["because"] });
    let gateway = Gateway::new("/").on("e", async || {
        Err::<(), _>(Exception::object(&json!({ "code": 4, "why": ["because"] })))
    });

    let (outcome, sent) = emit(gateway, "e");

    assert_eq!(outcome, Outcome::Exception);
    assert_eq!(sent, [Sent::event("exception", object)]);
}

#[derive(Debug, thiserror::Error)]
#[error("cannot save")]
struct SaveError(#[source] io::Error);

async fn save() -> Result<(), Exception> {
    Err(SaveError(io::Error::other("disk 7 is full")))?;
    Ok(())
}

#[test]
fn another_error_is_told_to_the_log_alone() {
    let (outcome, sent) = emit(Gateway::new("/").on("e", save), "e");

    assert_eq!(failed(outcome), "cannot save: disk 7 is full");
    assert_eq!(sent, exception("Internal server error"));
}

async fn panic_at_once(Data(number): Data<u32>) {
    assert_ne!(number, 7, "seven");
}

async fn panic_later() {
    pending_once().await;
    panic!("later")
}

/// Pending the first time, as anything that waits is.
async fn pending_once() {
    let mut is_ready = false;
    std::future::poll_fn(|context| {
        if is_ready {
            return std::task::Poll::Ready(());
        }
        is_ready = true;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

struct PanicOnDrop;

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        panic!("in drop")
    }
}

async fn panic_in_drop() -> Ack<u8> {
    let _held = PanicOnDrop;
    Ack(1)
}

#[test]
fn a_panic_is_an_internal_server_error() {
    for (gateway, why) in [
        (Gateway::new("/").on("e", panic_at_once), "seven"),
        (Gateway::new("/").on("e", panic_later), "later"),
        (Gateway::new("/").on("e", panic_in_drop), "in drop"),
    ] {
        let (outcome, sent) = emit_with_ack(gateway, "e");

        let outcome = failed(outcome);
        assert!(outcome.starts_with("the handler panicked: "), "{outcome}");
        assert!(outcome.contains(why), "{outcome}");
        assert_eq!(sent, exception("Internal server error"));
    }
}

#[test]
fn a_panic_while_arguments_are_taken_or_replies_encoded_is_caught_too() {
    #[derive(Debug)]
    struct Panics;

    impl<'de> serde::Deserialize<'de> for Panics {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            panic!("while reading")
        }
    }

    impl Serialize for Panics {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("while writing")
        }
    }

    for gateway in [
        Gateway::new("/").on("e", async |_: Data<Panics>| {}),
        Gateway::new("/").on("e", async || Ack(Panics)),
    ] {
        let (outcome, sent) = emit_with_ack(gateway, "e");

        assert!(failed(outcome).contains("while "));
        assert_eq!(sent, exception("Internal server error"));
    }
}

#[test]
fn a_gateway_lives_on_after_a_panic() {
    let client = Client::of(
        Gateway::new("/")
            .on("e", panic_at_once)
            .on("f", async || Ack(1)),
    );

    block_on(client.emit("e", &7));
    client.sent();
    block_on(client.emit_with_ack("f", &()));

    assert_eq!(client.sent(), [Sent::ack(json!(1))]);
}

#[test]
fn a_reserved_name_is_a_failure_however_it_is_emitted() {
    let gateway = Gateway::new("/")
        .on("response", async || WsResponse::new("disconnect", 1))
        .on("emit", async |socket: Socket| {
            Ok::<_, Exception>(socket.emit("connect", &1)?)
        })
        .on("broadcast", async |socket: Socket| {
            Ok::<_, Exception>(socket.broadcast().emit("newListener", &1)?)
        });
    let client = Client::of(gateway);

    for (event, name) in [
        ("response", "disconnect"),
        ("emit", "connect"),
        ("broadcast", "newListener"),
    ] {
        let outcome = block_on(client.emit(event, &()));

        assert_eq!(
            failed(outcome),
            format!("the event name `{name}` is reserved")
        );
        assert!(matches!(
            &*client.sent(),
            [Sent::Event { event, data, .. }]
                if event == "exception" && data["message"] == "Internal server error"
        ));
    }
}

#[test]
fn a_value_without_a_form_in_json_is_a_failure() {
    let gateway = Gateway::new("/").on("e", async || Ack(HashMap::from([((1, 2), 3)])));

    let (outcome, sent) = emit_with_ack(gateway, "e");

    assert_eq!(
        failed(outcome),
        "cannot encode the data: key must be a string"
    );
    assert_eq!(sent, exception("Internal server error"));
}

#[test]
fn an_event_without_a_handler_is_ignored() {
    let gateway = Gateway::new("/").on("e", async || Ack(1));

    assert_eq!(emit_with_ack(gateway, "f"), (Outcome::Ignored, vec![]));
}

#[test]
fn a_client_that_left_meanwhile_is_no_failure() {
    let gateway = Gateway::new("/")
        .on("ack", async |socket: Socket| {
            socket.disconnect();
            Ack(1)
        })
        .on("emit", async |socket: Socket| {
            Ok::<_, Exception>(socket.emit("f", &1)?)
        })
        .on("refuse", refuse);
    let client = Client::of(gateway);

    assert_eq!(block_on(client.emit_with_ack("ack", &())), Outcome::Handled);
    assert_eq!(block_on(client.emit("emit", &())), Outcome::Handled);
    assert_eq!(block_on(client.emit("refuse", &())), Outcome::Exception);
    assert!(!client.is_connected());
    assert_eq!(client.sent(), []);
}

#[test]
fn nothing_happens_before_a_dispatch_is_polled() {
    let client = Client::of(Gateway::new("/").on("e", async || WsResponse::empty("f")));

    drop(client.emit("e", &()));

    assert_eq!(client.sent(), []);
}

#[test]
fn a_handler_that_waits_replies_when_it_is_done() {
    let client = Client::of(Gateway::new("/").on("e", async || {
        pending_once().await;
        Ack(1)
    }));

    assert_eq!(block_on(client.emit_with_ack("e", &())), Outcome::Handled);
    assert_eq!(client.sent(), [Sent::ack(json!(1))]);
}
