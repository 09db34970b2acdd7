//! Binary values find their way through bodies, replies and emits, whatever numbers they had.

use std::collections::HashMap;

use bytes::Bytes;
use proptest::prelude::*;
use roomcast_gateway::{
    Ack, Binary, Data, EmitError, Exception, Gateway, Raw, Socket, WsResponse, field,
    platform::{AckPayload, Incoming, Outgoing},
    testing::{Client, Sent, block_on},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const CAT: Bytes = Bytes::from_static(b"cat");
const DOG: Bytes = Bytes::from_static(b"dog");
const COW: Bytes = Bytes::from_static(b"cow");

field!(struct Inner = "inner");

fn placeholder(num: usize) -> Value {
    json!({ "_placeholder": true, "num": num })
}

/// What the client is sent after an event `e` with `body` arrived, with an ack asked for.
fn after(gateway: Gateway, body: &Value, attachments: Vec<Bytes>) -> Vec<Sent> {
    let client = Client::of(gateway);
    let text = json!(["e", body]).to_string();
    let event = Incoming::parse(text, attachments, true).expect("it is an array");
    block_on(client.receive(event));
    client.sent()
}

#[test]
fn binary_values_are_read_and_written_wherever_they_stand() {
    #[derive(Serialize, Deserialize)]
    struct Upload {
        name: String,
        parts: Vec<Binary>,
        preview: Option<Binary>,
        by_name: HashMap<String, Binary>,
    }

    let gateway = Gateway::new("/").on("e", async |Data(mut upload): Data<Upload>| {
        upload.parts.reverse();
        Ack(upload)
    });
    let body = json!({
        "by_name": { "x": placeholder(2) },
        "name": "a",
        "parts": [placeholder(1), placeholder(0)],
        "preview": null,
    });

    let sent = after(gateway, &body, vec![CAT, DOG, COW]);

    let echo = json!({
        "name": "a",
        "parts": [placeholder(0), placeholder(1)],
        "preview": null,
        "by_name": { "x": placeholder(2) },
    });
    assert_eq!(sent, [Sent::ack(echo).with_attachments([CAT, DOG, COW])]);
}

#[test]
fn what_is_no_binary_value_is_an_exception() {
    for (body, attachments) in [
        (json!({ "inner": "text" }), vec![CAT]),
        (json!({ "inner": placeholder(1) }), vec![CAT]),
        (json!({ "inner": placeholder(0) }), vec![]),
        (
            json!({ "inner": { "_placeholder": false, "num": 0 } }),
            vec![CAT],
        ),
        (json!({ "inner": { "_placeholder": true } }), vec![CAT]),
        (
            json!({ "inner": { "_placeholder": true, "num": -1 } }),
            vec![CAT],
        ),
    ] {
        let gateway = Gateway::new("/")
            .on("e", async |_: Inner<Binary>| {})
            .exception_cause(false);

        let sent = after(gateway, &body, attachments);

        let told = json!({ "status": "error", "message": "inner: expected binary data" });
        assert_eq!(sent, [Sent::event("exception", told)], "{body}");
    }
}

#[test]
fn an_unparsed_body_keeps_its_binary_values() {
    let gateway = Gateway::new("/").on("e", async |body: Raw| Ack(body));
    let body = json!([placeholder(0), { "deep": placeholder(1) }]);

    let sent = after(gateway, &body, vec![CAT, DOG]);

    assert_eq!(sent, [Sent::ack(body).with_attachments([CAT, DOG])]);
}

#[test]
fn a_part_of_a_body_is_emitted_with_its_own_attachments_alone() {
    let gateway = Gateway::new("/").on("e", async |Inner(part): Inner<Raw>| {
        WsResponse::new("part", part)
    });
    let body = json!({ "before": placeholder(0), "inner": [placeholder(2), placeholder(2)], "after": placeholder(1) });

    let sent = after(gateway, &body, vec![CAT, DOG, COW]);

    let part = json!([placeholder(0), placeholder(0)]);
    assert_eq!(sent, [Sent::event("part", part).with_attachments([COW])]);
}

#[test]
fn parts_of_one_event_can_be_put_together_anew() {
    #[derive(Deserialize)]
    struct Two {
        a: Raw,
        b: Raw,
    }

    let gateway = Gateway::new("/").on("e", async |Data(two): Data<Two>| {
        Ack((Binary(Bytes::from_static(b"new")), two.b, "and", two.a))
    });
    let body = json!({ "a": { "x": placeholder(0) }, "b": [1, placeholder(1)] });

    let sent = after(gateway, &body, vec![CAT, DOG]);

    let put_together = json!([placeholder(0), [1, placeholder(1)], "and", { "x": placeholder(2) }]);
    let attachments = [Bytes::from_static(b"new"), DOG, CAT];
    assert_eq!(
        sent,
        [Sent::ack(put_together).with_attachments(attachments)]
    );
}

#[test]
fn the_cause_of_an_exception_passes_the_body_with_its_attachments() {
    let gateway = Gateway::new("/").on("e", async || Err::<(), _>(Exception::new("no")));

    let sent = after(gateway, &placeholder(0), vec![CAT]);

    let cause = json!({ "pattern": "e", "data": placeholder(0) });
    let told = json!({ "status": "error", "message": "no", "cause": cause });
    assert_eq!(
        sent,
        [Sent::event("exception", told).with_attachments([CAT])]
    );
}

#[test]
fn the_object_of_an_exception_may_hold_binary_values() {
    let gateway = Gateway::new("/").on("e", async || {
        Err::<(), _>(Exception::object(&[Binary(CAT)]))
    });

    let sent = after(gateway, &json!(1), vec![]);

    assert_eq!(
        sent,
        [Sent::event("exception", json!([placeholder(0)])).with_attachments([CAT])]
    );
}

#[test]
fn an_emit_numbers_its_own_attachments() {
    let gateway = Gateway::new("/").on("e", async |socket: Socket, body: Raw| {
        socket.emit("one", &body).unwrap();
        socket.emit("two", &(&body, Binary(DOG))).unwrap();
    });

    let sent = after(gateway, &placeholder(0), vec![CAT]);

    let one = Sent::event("one", placeholder(0)).with_attachments([CAT]);
    let two =
        Sent::event("two", json!([placeholder(0), placeholder(1)])).with_attachments([CAT, DOG]);
    assert_eq!(sent, [one, two]);
}

#[test]
fn an_object_that_only_looks_like_a_placeholder_reaches_no_client_beside_real_ones() {
    let forged = Raw::new(&placeholder(7)).unwrap();

    let alone = Outgoing::new("e", &forged).unwrap();
    let beside = Outgoing::new("e", &(&forged, Binary(CAT))).unwrap();

    assert_eq!(alone.text(), r#"["e",{"_placeholder":true,"num":7}]"#);
    assert_eq!(alone.attachments().len(), 0);
    assert_eq!(
        beside.text(),
        r#"["e",[null,{"_placeholder":true,"num":0}]]"#
    );
    assert_eq!(beside.attachments(), [CAT]);
}

#[test]
fn encoding_inside_of_encoding_does_not_mix_attachments() {
    struct Nested;

    impl Serialize for Nested {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let inner = AckPayload::new(&[Binary(DOG), Binary(COW)]).unwrap();
            serializer.collect_seq([inner.attachments().len()])
        }
    }

    let event = Outgoing::new("e", &(Binary(CAT), Nested, Binary(COW))).unwrap();

    assert_eq!(event.attachments(), [CAT, COW]);
    assert_eq!(
        event.text(),
        r#"["e",[{"_placeholder":true,"num":0},[2],{"_placeholder":true,"num":1}]]"#
    );
}

#[test]
fn a_failed_emit_leaves_nothing_behind_for_the_next() {
    let unencodable = (Binary(CAT), HashMap::from([((1, 2), 3)]));

    assert!(matches!(
        Outgoing::new("e", &unencodable),
        Err(EmitError::Encode(_))
    ));
    assert_eq!(
        Outgoing::new("e", &Binary(DOG)).unwrap().attachments(),
        [DOG]
    );
}

#[test]
fn binary_values_have_no_form_outside_of_events() {
    let event =
        Incoming::parse(r#"["e",{"_placeholder":true,"num":0}]"#, vec![CAT], false).unwrap();

    assert!(serde_json::to_string(&Binary(CAT)).is_err());
    assert!(serde_json::to_string(event.body().unwrap()).is_err());
    assert!(serde_json::from_value::<Binary>(placeholder(0)).is_err());
}

/// JSON with placeholders, as a client could send it beside `count` attachments.
fn body_with(count: usize) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i32>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        (0..count).prop_map(placeholder),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map("[a-z\"\\\\]{0,3}", inner, 0..5).prop_map(Value::from_iter),
        ]
    })
}

/// The body with every placeholder replaced by what it refers to.
fn resolved(value: &Value, attachments: &[Bytes]) -> Value {
    match value {
        Value::Object(fields) if fields.contains_key("_placeholder") => {
            let bytes = fields["num"]
                .as_u64()
                .and_then(|num| attachments.get(usize::try_from(num).ok()?));
            json!(format!(
                "bytes {:?}",
                bytes.expect("it refers to something")
            ))
        }
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (key.clone(), resolved(value, attachments)))
            .collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| resolved(item, attachments))
            .collect(),
        leaf => leaf.clone(),
    }
}

proptest! {
    #[test]
    fn whatever_is_put_together_every_value_stays_the_one_it_was(
        a in body_with(4),
        b in body_with(3),
        swapped: bool,
    ) {
        let first: Vec<Bytes> = (0..4).map(|i| Bytes::from(format!("first {i}"))).collect();
        let second: Vec<Bytes> = (0..3).map(|i| Bytes::from(format!("second {i}"))).collect();
        let read = |body: &Value, attachments: &[Bytes]| {
            let text = json!(["e", body]).to_string();
            Incoming::parse(text, attachments.to_vec(), false).unwrap().body().unwrap().clone()
        };
        let (left, right) = (read(&a, &first), read(&b, &second));
        let (mut expected, mut parts) = (
            vec![resolved(&a, &first), resolved(&b, &second)],
            vec![left, right],
        );
        if swapped {
            expected.reverse();
            parts.reverse();
        }

        let event = Outgoing::new("e", &parts).unwrap();

        let array: Value = serde_json::from_str(event.text()).unwrap();
        prop_assert_eq!(resolved(&array[1], event.attachments()), json!(expected));
    }
}
