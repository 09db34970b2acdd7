//! The built-in gateway at `/`, on two nodes, over both transports.

mod common;

use bytes::Bytes;
use common::{TestNode, config};
use roomcast_adapter::bus::MemoryHub;
use roomcast_loadtest::client::Transport;
use serde_json::{Value, json};

#[tokio::test]
async fn a_room_reaches_its_members_on_all_nodes_and_nobody_else() {
    let hub = MemoryHub::default();
    let here = TestNode::on(&hub, config(), vec![]).await;
    let there = TestNode::on(&hub, config(), vec![]).await;
    for transport in [Transport::WebSocket, Transport::Polling] {
        let mut sender = here.client_of("/", transport).await;
        let mut member = there.client_of("/", transport).await;
        let mut stranger = there.client_of("/", transport).await;
        let room = "r#1 日本 *";

        let ack = member.emit_with_ack("joinRoom", &room).await.unwrap();
        assert_eq!(ack, [json!({ "room": room, "joined": true })]);
        let body = json!({ "room": room, "data": { "text": "hi" } });
        let ack = sender.emit_with_ack("sendToRoom", &body).await.unwrap();
        assert_eq!(ack, [json!({ "ok": true })]);
        let event = member.expect("roomMsg").await.unwrap();
        assert_eq!(event.args, [json!({ "text": "hi" })]);

        let ack = member.emit_with_ack("leaveRoom", &room).await.unwrap();
        assert_eq!(ack, [json!({ "room": room, "joined": false })]);
        sender.emit_with_ack("sendToRoom", &body).await.unwrap();
        sender.emit_with_ack("broadcast", &1).await.unwrap();
        for client in [&mut member, &mut stranger, &mut sender] {
            let event = client.next_event().await.unwrap();
            assert_eq!(
                (&*event.name, &event.args[..]),
                ("msgToAll", &[json!(1)][..])
            );
        }
    }
}

#[tokio::test]
async fn the_sender_is_left_out_on_every_node() {
    let hub = MemoryHub::default();
    let here = TestNode::on(&hub, config(), vec![]).await;
    let there = TestNode::on(&hub, config(), vec![]).await;
    let mut sender = here.client().await;
    let mut neighbour = here.client().await;
    let mut far = there.client().await;

    sender
        .emit_with_ack("broadcastOthers", &json!({ "a": 1 }))
        .await
        .unwrap();
    sender.emit_with_ack("broadcast", &"last").await.unwrap();

    for client in [&mut neighbour, &mut far] {
        assert_eq!(client.next_event().await.unwrap().name, "msgToOthers");
        assert_eq!(client.next_event().await.unwrap().name, "msgToAll");
    }
    assert_eq!(sender.next_event().await.unwrap().name, "msgToAll");
}

#[tokio::test]
async fn attachments_pass_between_nodes_unharmed() {
    let hub = MemoryHub::default();
    let here = TestNode::on(&hub, config(), vec![]).await;
    let there = TestNode::on(&hub, config(), vec![]).await;
    let sender = here.client().await;
    let mut member = there.client().await;
    member.emit_with_ack("joinRoom", &"r").await.unwrap();
    let placeholder = |number: u32| json!({ "_placeholder": true, "num": number });
    let binary = [Bytes::from_static(&[0, 255, 1]), Bytes::from_static(b"two")];

    let body = json!({ "room": "r", "data": [placeholder(1), { "deep": placeholder(0) }] });
    sender
        .emit_binary("sendToRoom", &body, &binary)
        .await
        .unwrap();

    let event = member.expect("roomMsg").await.unwrap();
    assert_eq!(
        event.args,
        [json!([placeholder(0), { "deep": placeholder(1) }])]
    );
    assert_eq!(event.attachments, [binary[1].clone(), binary[0].clone()]);
}

#[tokio::test]
async fn what_does_not_fit_is_told_and_harms_nobody() {
    let node = TestNode::start(config(), vec![]).await;
    let mut client = node.client().await;
    let long = "x".repeat(257);
    let bad = [
        ("joinRoom", json!("")),
        ("joinRoom", json!(long)),
        ("joinRoom", json!("a\0b")),
        ("joinRoom", json!("~somebody")),
        ("joinRoom", json!(5)),
        ("sendToRoom", json!({ "data": 1 })),
        ("msgToServer", json!({})),
    ];
    for (event, body) in bad {
        client.emit(event, &body).await.unwrap();
        let exception = client.expect("exception").await.unwrap();
        let told = &exception.args[0];
        assert_eq!(told["status"], "error");
        assert_eq!(
            told["cause"],
            json!({ "pattern": event, "data": body }),
            "{told}"
        );
        assert!(
            told["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    client.emit("nobodyHandlesThis", &1).await.unwrap();
    let ack = client
        .emit_with_ack("echo", &json!([1, null]))
        .await
        .unwrap();
    assert_eq!(ack, [json!([1, null])]);
    let name = "socket_io_events_received_total{event=\"other\",namespace=\"/\"}";
    assert!((node.metric(name).await - 1.0).abs() < 0.1);
}

#[tokio::test]
async fn a_message_over_the_size_limit_closes_that_connection_alone() {
    let node = TestNode::start(config(), vec![]).await;
    let mut big = node.client().await;
    let other = node.client().await;
    let under = Value::from("x".repeat(990_000));
    assert_eq!(big.emit_with_ack("echo", &under).await.unwrap(), [under]);

    big.emit("echo", &"x".repeat(1_000_001)).await.unwrap();

    big.closed().await.unwrap();
    assert_eq!(other.emit_with_ack("echo", &1).await.unwrap(), [json!(1)]);
}
