//! Raw WebSockets: their messages, their connections, and the cluster that they share with Socket.IO.

mod common;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use common::{TestNode, config, get, raw::Raw, wait_for};
use futures_util::SinkExt as _;
use roomcast_adapter::bus::MemoryHub;
use roomcast_loadtest::client::Transport;
use roomcast_node::gateway::{Gateway, Socket, State};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

#[tokio::test]
async fn rooms_are_shared_with_socketio_in_both_directions_and_across_nodes() {
    let hub = MemoryHub::default();
    for parser in [
        roomcast_node::config::Parser::Json,
        roomcast_node::config::Parser::Msgpack,
    ] {
        let mut msgpack = config();
        msgpack.socketio.parser = parser;
        let here = TestNode::on(&hub, config(), vec![]).await;
        let there = TestNode::on(&hub, msgpack, vec![]).await;
        let mut stock = here.client_of("/", Transport::WebSocket).await;
        let mut polling = here.client_of("/", Transport::Polling).await;
        let mut raw_here = Raw::connect(&here, "/ws").await;
        let mut raw_there = Raw::connect(&there, "/ws/").await;
        for client in [&stock, &polling] {
            client.emit_with_ack("joinRoom", &"red").await.unwrap();
        }
        for client in [&mut raw_here, &mut raw_there] {
            client.emit("joinRoom", json!("red")).await;
            assert_eq!(
                client.message().await,
                json!({ "event": "joinRoom", "data": { "room": "red", "joined": true } })
            );
        }

        let from_stock = json!({ "room": "red", "data": { "from": "stock" } });
        stock.emit("sendToRoom", &from_stock).await.unwrap();
        for client in [&mut raw_here, &mut raw_there] {
            assert_eq!(
                client.message().await,
                json!({ "event": "roomMsg", "data": { "from": "stock" } })
            );
        }
        stock.expect("roomMsg").await.unwrap();
        polling.expect("roomMsg").await.unwrap();

        raw_there
            .emit("sendToRoom", json!({ "room": "red", "data": [1.5, "二"] }))
            .await;
        for client in [&mut stock, &mut polling] {
            let event = client.expect("roomMsg").await.unwrap();
            assert_eq!(event.args, [json!([1.5, "二"])]);
        }
        assert_eq!(raw_here.expect("roomMsg").await, json!([1.5, "二"]));
        raw_there.emit("broadcastOthers", json!(1)).await;
        assert_eq!(raw_here.expect("msgToOthers").await, json!(1));
        assert_eq!(raw_there.expect("broadcastOthers").await["ok"], json!(true));
    }
}

#[tokio::test]
async fn attachments_arrive_as_base64_on_every_node() {
    let hub = MemoryHub::default();
    let here = TestNode::on(&hub, config(), vec![]).await;
    let there = TestNode::on(&hub, config(), vec![]).await;
    let stock = here.client_of("/", Transport::WebSocket).await;
    let mut near = Raw::connect(&here, "/ws").await;
    let mut far = Raw::connect(&there, "/ws").await;
    // The answer to an event of one's own: one is in the namespace by then.
    for client in [&mut near, &mut far] {
        client.emit("echo", json!(1)).await;
        client.message().await;
    }

    let data = json!({ "a": { "_placeholder": true, "num": 0 } });
    let bytes = [Bytes::from_static(b"\x00\x01\xfe\xff")];
    stock.emit_binary("broadcast", &data, &bytes).await.unwrap();

    for client in [&mut near, &mut far] {
        assert_eq!(client.expect("msgToAll").await, json!({ "a": "AAH+/w==" }));
    }
}

#[tokio::test]
async fn a_returned_value_is_an_event_of_the_same_name_also_in_a_stream() {
    let node = TestNode::start(config(), vec![]).await;
    let mut client = Raw::connect(&node, "/ws/events").await;

    client.send(r#"{"event":"events","data":"text"}"#).await;
    assert_eq!(
        client.message().await,
        json!({ "event": "events", "data": "text" })
    );
    client.send(r#"{"event":"events"}"#).await;
    assert_eq!(
        client.message().await,
        json!({ "event": "exception", "data": {
            "status": "error", "message": "数据不能为空！", "cause": { "pattern": "events" },
        }})
    );
    client
        .send(r#"{"event":"identity","data":{"id":42}}"#)
        .await;
    assert_eq!(
        client.message().await,
        json!({ "event": "identity", "data": 42 })
    );
    client.send(r#"{"event":"stream"}"#).await;
    for number in 1..=3 {
        assert_eq!(
            client.message().await,
            json!({ "event": "events", "data": number })
        );
    }
}

#[tokio::test]
async fn garbage_is_answered_and_the_connection_stays() {
    let node = TestNode::start(config(), vec![]).await;
    let mut client = Raw::connect(&node, "/ws").await;
    let invalid = json!({ "event": "exception", "data": {
        "status": "error", "message": "Invalid message",
    }});

    for text in [
        "",
        "{",
        "[]",
        "[\"echo\",1]",
        "42[\"echo\",1]",
        "{\"event\":7}",
        "null",
    ] {
        client.send(text).await;
        assert_eq!(client.message().await, invalid, "{text}");
    }
    client.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(client.message().await, invalid);
    client.send(r#"{"event":"nobody knows it","data":1}"#).await;
    client.emit("echo", json!("still here")).await;
    assert_eq!(client.expect("echo").await, json!("still here"));
    let unknown = "socket_io_events_received_total{event=\"other\",namespace=\"/\"}";
    let counted = node.metric(unknown).await;
    assert!((counted - 9.0).abs() < 0.1, "{counted}");
}

#[tokio::test]
async fn a_message_over_the_limit_closes_its_connection_alone() {
    let mut config = config();
    config.limits.message_size = 1024;
    let node = TestNode::start(config, vec![]).await;
    let mut client = Raw::connect(&node, "/ws").await;
    let mut other = Raw::connect(&node, "/ws").await;

    let fits = "x".repeat(1024 - r#"{"event":"echo","data":""}"#.len());
    client.emit("echo", json!(fits)).await;
    assert_eq!(client.expect("echo").await, json!(fits));
    client.emit("echo", json!(format!("{fits}x"))).await;

    assert_eq!(client.closed().await.unwrap().0, 1009);
    other.emit("echo", json!(1)).await;
    assert_eq!(other.expect("echo").await, json!(1));
}

#[tokio::test]
async fn frames_against_the_protocol_are_a_close_with_the_code_for_it() {
    let node = TestNode::start(config(), vec![]).await;
    for (frame, code) in [
        // Masked text that is no UTF-8, an unmasked text, an unknown opcode.
        (&b"\x81\x81\x00\x00\x00\x00\xff"[..], 1007),
        (b"\x81\x01a", 1002),
        (b"\x83\x80\x00\x00\x00\x00", 1002),
    ] {
        let mut client = Raw::connect(&node, "/ws").await;

        client.0.get_mut().write_all(frame).await.unwrap();

        assert_eq!(client.closed().await.unwrap().0, code, "{frame:?}");
    }
}

#[tokio::test]
async fn requests_that_cannot_be_served_are_told_why() {
    let node = TestNode::start(config(), vec![]).await;

    assert_eq!(Raw::try_connect(&node, "/ws/nobody").await.err(), Some(404));
    assert_eq!(get(node.address, "/ws").await.0, 400);
    assert_eq!(get(node.address, "/ws/nobody").await.0, 404);
    let stream = TcpStream::connect(node.address).await.unwrap();
    let mut foreign = format!("ws://{}/ws", node.address)
        .into_client_request()
        .unwrap();
    foreign
        .headers_mut()
        .insert("origin", "https://foreign.example".parse().unwrap());
    let refused = tokio_tungstenite::client_async(foreign, stream).await;
    assert!(refused.unwrap_err().to_string().contains("403"));

    let mut off = config();
    off.ws.enabled = false;
    let node = TestNode::start(off, vec![]).await;
    assert!(Raw::try_connect(&node, "/ws").await.is_err());
}

#[tokio::test]
async fn a_connection_that_has_carried_http_can_be_upgraded() {
    let node = TestNode::start(config(), vec![]).await;
    let mut stream = TcpStream::connect(node.address).await.unwrap();
    stream
        .write_all(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }

    let url = format!("ws://{}/ws", node.address);
    let mut client = Raw::over(stream, &url).await.unwrap();
    client.emit("echo", json!(1)).await;

    assert_eq!(client.expect("echo").await, json!(1));
}

#[tokio::test]
async fn a_client_that_answers_no_ping_is_closed_and_one_that_does_is_not() {
    let mut config = config();
    config.socketio.ping_interval = Duration::from_millis(200);
    config.socketio.ping_timeout = Duration::from_secs(1);
    let node = TestNode::start(config, vec![]).await;
    let _silent = Raw::connect(&node, "/ws").await;
    let mut alive = Raw::connect(&node, "/ws").await;

    // It is read from, so that its pings are answered.
    let reading = tokio::time::timeout(Duration::from_secs(2), alive.message());
    assert!(reading.await.is_err(), "nothing is sent to it");
    alive.emit("echo", json!(1)).await;
    alive.expect("echo").await;

    let timeouts = "socket_io_disconnect_total{namespace=\"/\",reason=\"ping timeout\"}";
    wait_for("the silent one to be closed", async || {
        node.metric(timeouts).await > 0.5
    })
    .await;
    assert!((node.metric("socket_io_connected").await - 1.0).abs() < 0.1);
}

#[tokio::test]
async fn half_closed_and_closed_connections_end() {
    let node = TestNode::start(config(), vec![]).await;
    let mut half = Raw::connect(&node, "/ws").await;
    let mut polite = Raw::connect(&node, "/ws").await;

    half.0.get_mut().shutdown().await.unwrap();
    polite.0.close(None).await.unwrap();

    assert_eq!(half.closed().await, None);
    assert!(polite.closed().await.is_some());
    let gone = "socket_io_disconnect_total{namespace=\"/\",reason=\"transport close\"}";
    wait_for("both to be gone", async || node.metric(gone).await > 1.5).await;
}

#[tokio::test]
async fn a_client_that_stops_reading_is_cut_and_holds_back_nobody() {
    let mut config = config();
    config.limits.send_queue = 64 * 1024;
    config.limits.write_stall = Duration::from_secs(1);
    let node = TestNode::start(config, vec![]).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(node.address).await.unwrap();
    let url = format!("ws://{}/ws", node.address);
    let stalled = Raw::over(stream, &url).await.unwrap();
    let mut sender = Raw::connect(&node, "/ws").await;

    let large = "x".repeat(32 * 1024);
    for _ in 0..64 {
        sender.emit("broadcast", json!(large)).await;
        sender.expect("msgToAll").await;
    }

    wait_for("the slow consumer to be counted", async || {
        let counted = |action| format!("socket_io_slow_consumer_total{{action=\"{action}\"}}");
        node.metric(&counted("overflow")).await + node.metric(&counted("stalled")).await > 0.5
    })
    .await;
    wait_for("it to be gone", async || {
        (node.metric("socket_io_connected").await - 1.0).abs() < 0.1
    })
    .await;
    drop(stalled);
}

#[tokio::test]
async fn a_client_that_pings_and_does_not_read_is_cut() {
    let mut config = config();
    config.limits.send_queue = 64 * 1024;
    config.limits.write_stall = Duration::from_secs(15);
    let node = TestNode::start(config, vec![]).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(node.address).await.unwrap();
    let url = format!("ws://{}/ws", node.address);
    let mut client = Raw::over(stream, &url).await.unwrap();

    let mut ping = vec![0x89, 0x80 | 125];
    ping.resize(2 + 4 + 125, 0);
    let pings = ping.repeat(1000);
    let flood = async { while client.0.get_mut().write_all(&pings).await.is_ok() {} };

    tokio::time::timeout(common::DEADLINE, flood)
        .await
        .expect("the flood was taken for ever");
    let overflow = "socket_io_slow_consumer_total{action=\"overflow\"}";
    wait_for("the overflow to be counted", async || {
        node.metric(overflow).await > 0.5
    })
    .await;
}

#[tokio::test]
async fn a_handler_sees_how_its_client_connected() {
    let gateway = Gateway::new("/seen").on_connection(async |socket: Socket| {
        let seen = socket.handshake();
        let address = seen.address().map(|address| address.to_string());
        let seen = json!({
            "url": seen.url(),
            "token": seen.query("token"),
            "upgrade": seen.header("upgrade"),
            "address": address,
        });
        socket.emit("seen", &seen).ok();
    });
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = Raw::connect(&node, "/ws/seen?token=a%20b").await;

    assert_eq!(
        client.expect("seen").await,
        json!({
            "url": "/ws/seen?token=a%20b",
            "token": "a b",
            "upgrade": "websocket",
            "address": "127.0.0.1",
        })
    );
}

#[tokio::test]
async fn a_drain_closes_raw_connections_with_1012_and_lets_no_new_ones_in() {
    let mut config = config();
    config.drain.rate = 10;
    let mut node = TestNode::start(config, vec![]).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(Raw::connect(&node, "/ws").await);
    }
    let stock = node.client_of("/", Transport::WebSocket).await;

    node.shut_down();
    let first = clients[0].closed();
    let code = |closed: Option<(u16, String)>| closed.unwrap().0;
    assert_eq!(code(first.await), 1012);
    let refused = Raw::try_connect(&node, "/ws").await;
    assert_eq!(refused.err(), Some(503));
    for client in &mut clients[1..] {
        assert_eq!(code(client.closed().await), 1012);
    }
    node.ended().await;
    drop(stock);
}

#[tokio::test]
async fn a_socket_that_a_gateway_keeps_holds_up_no_drain() {
    let kept = Arc::new(Mutex::new(Vec::<Socket>::new()));
    let gateway = Gateway::new("/kept").state(kept.clone()).on_connection(
        async |State(kept): State<Arc<Mutex<Vec<Socket>>>>, socket: Socket| {
            if let Ok(mut kept) = kept.lock() {
                kept.push(socket);
            }
        },
    );
    let mut config = config();
    config.drain.deadline = Duration::from_secs(60);
    let mut node = TestNode::start(config, vec![gateway]).await;
    drop(Raw::connect(&node, "/ws/kept").await);
    wait_for("the client to come and go", async || {
        node.metric("socket_io_connect_total{namespace=\"/kept\"}")
            .await
            > 0.5
            && node.metric("socket_io_connected").await < 0.5
    })
    .await;

    node.shut_down();
    node.ended().await;

    assert_eq!(kept.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_handler_that_disconnects_its_client_closes_with_1000() {
    let gateway = Gateway::new("/out").on("out", async |socket: Socket| {
        socket.emit("bye", &1).ok();
        socket.disconnect();
    });
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = Raw::connect(&node, "/ws/out").await;

    client.emit("out", json!(null)).await;

    assert_eq!(client.expect("bye").await, json!(1));
    assert_eq!(client.closed().await.unwrap().0, 1000);
}

#[tokio::test]
async fn an_id_is_a_room_that_reaches_one_socket() {
    let gateway = Gateway::new("/id").on_connection(async |socket: Socket| {
        socket.emit("id", socket.id()).ok();
        assert_eq!(socket.rooms(), [socket.id()]);
        socket.server().to(socket.id()).emit("own", &true).ok();
    });
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = Raw::connect(&node, "/ws/id").await;

    let id = client.expect("id").await;
    assert_eq!(client.expect("own").await, json!(true));

    let id = id.as_str().unwrap();
    assert!(id.starts_with('~') && id.len() == 20, "{id}");
}
