//! What handlers get to see of a body.

use proptest::prelude::*;
use roomcast_gateway::{
    Ack, Data, Exception, Gateway, Outcome, Raw, RoomName, Server, Socket, field,
    platform::{Incoming, Outgoing, Selection},
    testing::{Client, Sent, block_on},
};
use serde::Deserialize;
use serde_json::{Value, json};

field! {
    /// The field `id`.
    pub struct Id = "id";
}

field!(struct Name = "name");

/// What the client of `gateway` is sent after `array` arrived, with an ack asked for.
fn after(gateway: Gateway, array: &str) -> Vec<Sent> {
    let client = Client::of(gateway);
    let event = Incoming::parse(array, vec![], true).expect("the test writes an array");
    block_on(client.receive(event));
    client.sent()
}

/// The message of the one exception in `sent`.
fn message(sent: &[Sent]) -> &str {
    match sent {
        [Sent::Event { event, data, .. }] if event == "exception" => {
            data["message"].as_str().expect("messages are strings")
        }
        other => panic!("{other:?} is no exception"),
    }
}

fn typed() -> Gateway {
    Gateway::new("/")
        .on("text", async |Data(text): Data<String>| Ack(text))
        .on("option", async |Data(text): Data<Option<String>>| Ack(text))
        .on("unit", async |Data(()): Data<()>| Ack("ran"))
        .on("pair", async |Data(pair): Data<(u8, String)>| Ack(pair))
        .on("raw", async |body: Raw| Ack(body))
        .on("id", async |Id(id): Id<Option<u64>>| Ack(id))
        .on("raw id", async |Id(id): Id<Raw>| Ack(id))
        .on("strict id", async |Id(id): Id<u64>| Ack(id))
        .on(
            "both",
            async |Id(id): Id<u64>, Name(name): Name<String>, whole: Raw| Ack((id, name, whole)),
        )
}

#[test]
fn a_single_argument_is_the_body() {
    assert_eq!(after(typed(), r#"["text","hi"]"#), [Sent::ack(json!("hi"))]);
    assert_eq!(
        after(typed(), r#"["raw",[1,2]]"#),
        [Sent::ack(json!([1, 2]))]
    );
}

#[test]
fn several_arguments_are_an_array() {
    assert_eq!(
        after(typed(), r#"["pair",1,"a"]"#),
        [Sent::ack(json!([1, "a"]))]
    );
    assert_eq!(
        after(typed(), r#"["raw",1,[2],{}]"#),
        [Sent::ack(json!([1, [2], {}]))]
    );
}

#[test]
fn a_missing_body_reads_as_null() {
    assert_eq!(after(typed(), r#"["option"]"#), [Sent::ack(Value::Null)]);
    assert_eq!(after(typed(), r#"["unit"]"#), [Sent::ack(json!("ran"))]);
    assert_eq!(after(typed(), r#"["raw"]"#), [Sent::ack(Value::Null)]);
    assert_eq!(after(typed(), r#"["id"]"#), [Sent::ack(Value::Null)]);
    assert_eq!(
        message(&after(typed(), r#"["text"]"#)),
        "body: expected a string"
    );
}

#[test]
fn one_field_can_be_asked_for_and_is_null_where_it_is_not() {
    assert_eq!(
        after(typed(), r#"["id",{"id":42,"x":1}]"#),
        [Sent::ack(json!(42))]
    );
    assert_eq!(
        after(typed(), r#"["raw id",{"id":{"a":[]}}]"#),
        [Sent::ack(json!({ "a": [] }))]
    );
    for body in ["{}", "null", "42", "\"id\"", "[42]"] {
        let sent = after(typed(), &format!(r#"["id",{body}]"#));
        assert_eq!(sent, [Sent::ack(Value::Null)], "{body}");
    }
}

#[test]
fn a_field_that_does_not_fit_is_named() {
    let sent = after(typed(), r#"["strict id",{"id":"42"}]"#);

    assert_eq!(message(&sent), "id: expected an integer of 0 or more");
}

#[test]
fn several_arguments_of_a_handler_can_look_at_the_same_body() {
    let sent = after(typed(), r#"["both",{"id":1,"name":"a"}]"#);

    assert_eq!(sent, [Sent::ack(json!([1, "a", { "id": 1, "name": "a" }]))]);
}

#[test]
fn a_body_that_does_not_fit_is_an_exception_with_the_body_in_its_cause() {
    let sent = after(typed(), r#"["text",{"a":1}]"#);

    let cause = json!({ "pattern": "text", "data": { "a": 1 } });
    let told = json!({ "status": "error", "message": "body: expected a string", "cause": cause });
    assert_eq!(sent, [Sent::event("exception", told)]);
}

#[derive(Deserialize)]
struct Message {
    room: RoomName,
    data: Raw,
}

async fn send_to_room(server: Server, Data(message): Data<Message>) -> Result<(), Exception> {
    server.to(message.room).emit("roomMsg", &message.data)?;
    Ok(())
}

#[test]
fn what_is_not_parsed_passes_through_to_the_byte() {
    let text =
        r#"["sendToRoom",{"room":"a","data":{"z":1.50,"a":12345678901234567890123,"z":[ ]}}]"#;
    let event = Incoming::parse(text, vec![], false).unwrap();
    let message: Message = event.body().unwrap().parse().unwrap();

    assert_eq!(
        message.data.get(),
        r#"{"z":1.50,"a":12345678901234567890123,"z":[ ]}"#
    );
    let echo = Outgoing::new("roomMsg", &message.data).unwrap();
    assert_eq!(
        echo.text(),
        r#"["roomMsg",{"z":1.50,"a":12345678901234567890123,"z":[ ]}]"#
    );
}

#[test]
fn a_field_that_is_not_parsed_is_emitted_as_it_came() {
    let gateway = Gateway::new("/").on("sendToRoom", send_to_room);

    let sent = after(gateway, r#"["sendToRoom",{"room":"a","data":"hello"}]"#);

    let in_a = Selection {
        rooms: vec!["a".to_owned()],
        ..Selection::default()
    };
    assert_eq!(
        sent,
        [Sent::broadcast("/", in_a, "roomMsg", json!("hello"))]
    );
}

#[test]
fn selections_say_who_is_meant() {
    let all = Selection::default;
    let rooms = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let gateway = Gateway::new("/a").on("e", async |socket: Socket, server: Server| {
        server.emit("1", &()).unwrap();
        server
            .to("x")
            .to("y")
            .except("z")
            .local()
            .volatile()
            .emit("2", &())
            .unwrap();
        socket.broadcast().emit("3", &()).unwrap();
        socket.to("x").emit("4", &()).unwrap();
        socket.except("x").emit("5", &()).unwrap();
        server.of("/b").except("x").emit("6", &()).unwrap();
    });

    let sent = after(gateway, r#"["e"]"#);

    let sender = || Some("~client0000000000001".to_owned());
    let expected = [
        ("/a", all()),
        (
            "/a",
            Selection {
                rooms: rooms(&["x", "y"]),
                except: rooms(&["z"]),
                volatile: true,
                local: true,
                sender: None,
            },
        ),
        (
            "/a",
            Selection {
                sender: sender(),
                ..all()
            },
        ),
        (
            "/a",
            Selection {
                rooms: rooms(&["x"]),
                sender: sender(),
                ..all()
            },
        ),
        (
            "/a",
            Selection {
                except: rooms(&["x"]),
                sender: sender(),
                ..all()
            },
        ),
        (
            "/b",
            Selection {
                except: rooms(&["x"]),
                ..all()
            },
        ),
    ];
    let expected: Vec<_> = (1..)
        .zip(expected)
        .map(|(event, (namespace, selection))| {
            Sent::broadcast(namespace, selection, event.to_string(), Value::Null)
        })
        .collect();
    assert_eq!(sent, expected);
}

proptest! {
    #[test]
    fn no_event_makes_a_gateway_panic(
        text in prop_oneof![
            any::<String>(),
            r#"\["(text|pair|raw|id|both)"(,[\[\]{}",:0-9a-z]*){0,3}\]"#,
        ],
        count in 0_usize..3,
    ) {
        let client = Client::of(typed());
        let attachments = vec![vec![0].into(); count];

        if let Ok(event) = Incoming::parse(text, attachments, true) {
            let outcome = block_on(client.receive(event));
            prop_assert!(!matches!(outcome, Outcome::Failed(_)), "{:?}", outcome);
        }
    }
}
