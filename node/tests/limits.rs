//! What a node refuses, and that what is refused or over leaves nothing behind.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod common;

use std::{net::SocketAddr, time::Duration};

use common::{DEADLINE, TestNode, config, get, raw::Raw, send, wait_for};
use roomcast_loadtest::client::{Client, Transport};
use roomcast_node::config::Secret;
use roomcast_node::gateway::{Ack, Data, Exception, Gateway, Server, Socket};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, client::IntoClientRequest as _, protocol::Role},
};

const POLLING: &str = "/socket.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/socket.io/?EIO=4&transport=websocket";

/// A request for a WebSocket.
fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A connection from this address of the machine, and the head of what answers `request`.
async fn ask_from(from: &str, to: SocketAddr, request: &str) -> (TcpStream, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let reading = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    };
    let head = tokio::time::timeout(DEADLINE, reading).await.unwrap();
    (stream, head)
}

async fn wait_for_sessions(node: &TestNode, expected: f64) {
    wait_for("as many sessions", async || {
        (node.metric("socket_io_connections").await - expected).abs() < 0.1
    })
    .await;
}

fn rejected(reason: &str) -> String {
    format!("socket_io_rejected_connections_total{{reason=\"{reason}\"}}")
}

#[tokio::test]
async fn a_full_node_refuses_new_sessions_and_keeps_those_it_has() {
    let mut config = config();
    config.limits.connections = Some(3);
    let node = TestNode::start(config, vec![]).await;
    let websocket = node.client_of("/", Transport::WebSocket).await;
    let polling = node.client_of("/", Transport::Polling).await;
    assert_eq!(node.get("/ready").await.0, 200);
    let (raw, head) = ask_from("127.0.0.1", node.address, &upgrade("/ws")).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");

    assert_eq!(node.metric("socket_io_connections").await as u32, 3);
    assert_eq!(node.metric("socket_io_connections_limit").await as u32, 3);
    assert_eq!(
        node.get("/ready").await,
        (503, "not ready: full\n".to_owned())
    );
    let body = r#"{"code":4,"message":"Too many connections"}"#.to_owned();
    for request in [upgrade(WEBSOCKET), upgrade("/ws"), upgrade("/ws/chat")] {
        let (_, head) = ask_from("127.0.0.1", node.address, &request).await;
        assert!(head.starts_with("HTTP/1.1 503"), "{head}");
        assert!(head.contains("retry-after: 5"), "{head}");
    }
    assert_eq!(get(node.address, POLLING).await, (503, body));
    assert_eq!(node.metric(&rejected("full")).await as u32, 4);

    // Both transports of those that are in go on, and so does the way from one to the other.
    for client in [&websocket, &polling] {
        assert_eq!(client.emit_with_ack("echo", &1).await.unwrap(), [1]);
    }
    let query = format!("{WEBSOCKET}&sid={}", polling.connection_id());
    let (moving, head) = ask_from("127.0.0.1", node.address, &upgrade(&query)).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(node.metric("socket_io_connections").await as u32, 3);

    drop((raw, moving));
    polling.kill();
    wait_for("the node to be ready", async || {
        node.get("/ready").await.0 == 200
    })
    .await;
    let next = node.client().await;
    assert_eq!(next.emit_with_ack("echo", &2).await.unwrap(), [2]);
    next.disconnect().await;
    websocket.kill();
    wait_for_sessions(&node, 0.0).await;
}

#[tokio::test]
async fn one_address_has_its_share_and_no_more() {
    let mut config = config();
    config.limits.connections_per_ip = Some(1);
    let node = TestNode::start(config, vec![]).await;

    let (held, head) = ask_from("127.0.0.1", node.address, &upgrade(WEBSOCKET)).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let (_, head) = ask_from("127.0.0.1", node.address, &upgrade("/ws")).await;
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
    assert_eq!(get(node.address, POLLING).await.0, 429);
    let (_other, head) = ask_from("127.0.0.2", node.address, &upgrade(WEBSOCKET)).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(node.metric(&rejected("address")).await as u32, 2);
    assert_eq!(node.get("/ready").await.0, 200);

    drop(held);
    wait_for_sessions(&node, 1.0).await;
    let (_, head) = ask_from("127.0.0.1", node.address, &upgrade(WEBSOCKET)).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
}

#[tokio::test]
async fn clients_that_come_too_fast_are_told_when_to_come_again() {
    let mut config = config();
    config.limits.connects_per_second = Some(1);
    let node = TestNode::start(config, vec![]).await;

    let mut answers = Vec::new();
    for _ in 0..10 {
        let request =
            format!("GET {POLLING} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        answers.push(ask_from("127.0.0.1", node.address, &request).await.1);
    }

    assert!(answers[0].starts_with("HTTP/1.1 200"), "{}", answers[0]);
    let refused = answers
        .iter()
        .filter(|head| head.starts_with("HTTP/1.1 503") && head.contains("retry-after: 1"));
    let refused = refused.count();
    assert!(refused > 0, "{answers:?}");
    assert_eq!(node.metric(&rejected("rate")).await as usize, refused);
    wait_for("the next second", async || {
        get(node.address, POLLING).await.0 == 200
    })
    .await;
}

#[tokio::test]
async fn connections_that_ask_for_nothing_are_bounded_in_number_and_time() {
    let mut config = config();
    config.limits.connections_per_ip = Some(1);
    config.limits.handshake_timeout = Duration::from_millis(1500);
    let node = TestNode::start(config, vec![]).await;
    let client = node.client().await;

    let mut silent = Vec::new();
    for _ in 0..80 {
        silent.push(TcpStream::connect(node.address).await.unwrap());
    }

    wait_for("some of them to be refused", async || {
        node.metric(&rejected("address")).await > 0.5
    })
    .await;
    assert_eq!(client.emit_with_ack("echo", &1).await.unwrap(), [1]);
    for mut stream in silent {
        let mut buffer = [0; 16];
        let ended = tokio::time::timeout(DEADLINE, stream.read(&mut buffer)).await;
        assert!(matches!(ended.unwrap(), Ok(0) | Err(_)));
    }
    assert_eq!(client.emit_with_ack("echo", &2).await.unwrap(), [2]);
}

#[tokio::test]
async fn a_session_that_joins_no_namespace_in_time_is_ended() {
    let mut config = config();
    config.limits.handshake_timeout = Duration::from_millis(1500);
    let node = TestNode::start(config, vec![]).await;

    let (mut websocket, _) = ask_from("127.0.0.1", node.address, &upgrade(WEBSOCKET)).await;
    assert_eq!(get(node.address, POLLING).await.0, 200);
    assert_eq!(node.metric("socket_io_connections").await as u32, 2);

    wait_for_sessions(&node, 0.0).await;
    let ended = async {
        let mut all = Vec::new();
        let _ = websocket.read_to_end(&mut all).await;
    };
    tokio::time::timeout(DEADLINE, ended).await.unwrap();
}

#[tokio::test]
async fn a_polling_session_whose_client_does_not_poll_is_ended() {
    let mut config = config();
    config.socketio.ping_interval = Duration::from_millis(300);
    config.socketio.ping_timeout = Duration::from_millis(300);
    let node = TestNode::start(config, vec![]).await;
    let (_, open) = get(node.address, POLLING).await;
    let open: serde_json::Value = serde_json::from_str(&open[1..]).unwrap();
    let path = format!("{POLLING}&sid={}", open["sid"].as_str().unwrap());
    let joining = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n40"
    );
    assert_eq!(send(node.address, &joining).await.0, 200);
    assert_eq!(node.metric("socket_io_connected").await as u32, 1);

    wait_for_sessions(&node, 0.0).await;
    wait_for("its socket to be gone", async || {
        node.metric("socket_io_connected").await as u32 == 0
    })
    .await;
}

#[tokio::test]
async fn clients_that_come_and_go_in_every_way_leave_no_count_behind() {
    let mut config = config();
    config.socketio.ping_interval = Duration::from_millis(300);
    config.socketio.ping_timeout = Duration::from_millis(300);
    config.limits.handshake_timeout = Duration::from_millis(500);
    let node = TestNode::start(config, vec![]).await;
    for number in 0..30 {
        let builder = Client::builder(&node.url());
        let client = match number % 2 {
            0 => builder
                .transport(Transport::Polling)
                .connect()
                .await
                .unwrap(),
            _ => builder.connect().await.unwrap(),
        };
        match number % 3 {
            0 => client.kill(),
            _ => client.disconnect().await,
        }
        // Some never read the answer to their handshake.
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        let path = ["/ws", WEBSOCKET, POLLING][number % 3];
        stream.write_all(upgrade(path).as_bytes()).await.unwrap();
    }

    // Polling clients that were killed are missed once they do not answer a ping.
    wait_for_sessions(&node, 0.0).await;
}

/// A node whose clients may send 5 events per second.
async fn paced() -> TestNode {
    let mut config = config();
    config.limits.events_per_second = Some(5);
    TestNode::start(config, vec![]).await
}

#[tokio::test]
async fn events_over_the_rate_are_refused_with_an_exception_on_both_transports() {
    let node = paced().await;
    for transport in [Transport::WebSocket, Transport::Polling] {
        let before = node.metric("socket_io_rate_limited_total").await;
        let mut client = node.client_of("/", transport).await;
        for number in 0..20 {
            client
                .emit(
                    "sendToRoom",
                    &serde_json::json!({"room": "a", "data": number}),
                )
                .await
                .unwrap();
        }

        let told = client.expect("exception").await.unwrap();
        let told = &told.args[0];
        assert_eq!(told["status"], "error");
        assert_eq!(told["message"], "rate limited");
        assert_eq!(told["cause"]["pattern"], "sendToRoom");
        assert_eq!(told["cause"]["data"]["room"], "a");
        wait_for("the others to be refused", async || {
            node.metric("socket_io_rate_limited_total").await > before + 5.0
        })
        .await;
        // With time, events are handled again.
        wait_for("an event to be handled", async || {
            client.set_deadline(Duration::from_millis(500));
            client.emit_with_ack("echo", &1).await.is_ok()
        })
        .await;
    }
    let handled =
        node.metric("socket_io_events_received_total{event=\"sendToRoom\",namespace=\"/\"}");
    assert!(handled.await < 15.0);
    assert_eq!(
        node.metric("socket_io_rate_limited_disconnects_total")
            .await as u32,
        0
    );
}

#[tokio::test]
async fn a_client_that_floods_is_told_a_bounded_number_of_times_and_is_out() {
    let node = paced().await;
    let neighbour = node.client().await;
    for transport in [Transport::WebSocket, Transport::Polling] {
        let mut client = node.client_of("/", transport).await;
        for _ in 0..2000 {
            if client.emit("broadcast", &1).await.is_err() {
                break;
            }
        }
        client.closed().await.unwrap();
        let mut told = 0;
        while let Some(event) = client.try_event() {
            told += usize::from(event.name == "exception");
        }
        assert!(told <= 51, "{told} exceptions");
    }
    let outs = "socket_io_rate_limited_disconnects_total";
    assert_eq!(node.metric(outs).await as u32, 2);
    wait_for_sessions(&node, 1.0).await;
    assert_eq!(neighbour.emit_with_ack("echo", &1).await.unwrap(), [1]);
}

#[tokio::test]
async fn a_raw_websocket_that_floods_is_refused_and_closed_with_a_reason() {
    let node = paced().await;
    let mut client = Raw::connect(&node, "/ws").await;
    for number in 0..6 {
        client.emit("echo", serde_json::json!(number)).await;
    }
    client.send("no json").await;

    let told = client.expect("exception").await;
    assert_eq!(
        told,
        serde_json::json!({"status": "error", "message": "rate limited", "cause": {"pattern": "echo", "data": 5}})
    );
    let told = client.expect("exception").await;
    assert_eq!(
        told,
        serde_json::json!({"status": "error", "message": "rate limited"})
    );

    for _ in 0..60 {
        client.emit("echo", serde_json::json!(1)).await;
    }
    let close = client.closed().await.unwrap();
    assert_eq!(close, (1008, "rate limited".to_owned()));
}

/// A gateway that tells each client the address that its handshake has.
fn mirror() -> Gateway {
    Gateway::new("/mirror").on("who", async |socket: Socket| {
        Ack(socket.handshake().address().map(|it| it.to_string()))
    })
}

/// Node that trusts 127.0.0.2, one session per address.
async fn behind_proxies() -> TestNode {
    let mut config = config();
    config.proxies.trusted = vec!["127.0.0.2".parse::<std::net::IpAddr>().unwrap().into()];
    config.limits.connections_per_ip = Some(1);
    TestNode::start(config, vec![mirror()]).await
}

const TEXT: &str = "PROXY TCP4 192.0.2.7 127.0.0.1 5000 3000\r\n";

/// Asks over a WebSocket at this namespace who it is, behind this start of the connection.
async fn who(node: &TestNode, from: &str, start: &[u8], headers: &str) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(node.address).await.unwrap();
    stream.write_all(start).await.unwrap();
    let url = format!("ws://{}/ws/mirror", node.address);
    let mut request = url.into_client_request().unwrap();
    for line in headers.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let (stream, _) = match tokio_tungstenite::client_async(request, stream).await {
        Ok(opened) => opened,
        Err(Error::Http(answer)) => return answer.status().as_u16().to_string(),
        Err(error) => return error.to_string(),
    };
    let mut client = Raw(stream);
    client.emit("who", serde_json::json!(null)).await;
    client.expect("who").await.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_trusted_proxy_says_whose_a_connection_is() {
    let node = behind_proxies().await;
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x08\x7f\0\0\x01\x13\x88\x0b\xb8";
    let six = "PROXY TCP6 2001:db8::1 ::1 5000 3000\r\n".as_bytes();
    let by_proxy = "127.0.0.2";

    assert_eq!(who(&node, by_proxy, TEXT.as_bytes(), "").await, "192.0.2.7");
    assert_eq!(who(&node, by_proxy, binary, "").await, "192.0.2.8");
    assert_eq!(who(&node, by_proxy, six, "").await, "2001:db8::1");
    let header = "x-forwarded-for: 6.6.6.6, 192.0.2.9";
    assert_eq!(who(&node, by_proxy, b"", header).await, "192.0.2.9");
    assert_eq!(who(&node, by_proxy, b"", "").await, "127.0.0.2");
    // Its one connection has to be over.
    wait_for_sessions(&node, 0.0).await;
    // The client of a PROXY header is no proxy itself.
    assert_eq!(
        who(&node, by_proxy, TEXT.as_bytes(), header).await,
        "192.0.2.7"
    );
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let node = behind_proxies().await;
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

    let header = "x-forwarded-for: 192.0.2.9";
    assert_eq!(who(&node, "127.0.0.3", b"", header).await, "127.0.0.3");
    for start in [TEXT.as_bytes(), binary] {
        assert_eq!(who(&node, "127.0.0.3", start, "").await, "400");
    }
    assert_eq!(node.metric(&rejected("proxy")).await as u32, 2);
    // Nor is a trusted one that cannot be understood.
    assert_eq!(
        who(&node, "127.0.0.2", b"PROXY TCP9 x\r\n", "").await,
        "400"
    );
}

#[tokio::test]
async fn limits_hold_for_the_address_behind_the_proxy() {
    let node = behind_proxies().await;
    let request = |client: &str| {
        format!(
            "GET {POLLING} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\nConnection: close\r\n\r\n"
        )
    };

    for (client, status) in [
        ("192.0.2.1", "200"),
        ("192.0.2.2", "200"),
        ("192.0.2.1", "429"),
    ] {
        let (_, head) = ask_from("127.0.0.2", node.address, &request(client)).await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}")),
            "{client}: {head}"
        );
    }
    let (_, head) = ask_from(
        "127.0.0.2",
        node.address,
        &format!("PROXY TCP4 192.0.2.2 127.0.0.1 1 2\r\n{}", upgrade("/ws")),
    )
    .await;
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
    let (_, head) = ask_from("127.0.0.3", node.address, &request("192.0.2.1")).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

#[tokio::test]
async fn a_socket_joins_as_many_rooms_as_it_may_and_leaves_make_room() {
    let mut config = config();
    config.limits.rooms_per_socket = 2;
    let movers = Gateway::new("/movers")
        .on("join", async |socket: Socket, Data(room): Data<String>| {
            socket.join(room).await?;
            Ok::<_, Exception>(Ack(socket.rooms().len()))
        })
        .on("leave", async |socket: Socket, Data(room): Data<String>| {
            socket.leave(room);
        })
        .on("moveAll", async |server: Server| {
            server.sockets_join("everyone")?.await;
            Ok::<_, Exception>(Ack(true))
        });
    let node = TestNode::start(config, vec![movers]).await;
    let refused = "too many rooms: a socket may be in 2";
    for transport in [Transport::WebSocket, Transport::Polling] {
        let mut client = node.client_of("/movers", transport).await;
        assert_eq!(client.emit_with_ack("join", "a").await.unwrap(), [2]);
        assert_eq!(client.emit_with_ack("join", "b").await.unwrap(), [3]);
        assert_eq!(client.emit_with_ack("join", "b").await.unwrap(), [3]);

        client.emit("join", "c").await.unwrap();
        let told = client.expect("exception").await.unwrap();
        assert_eq!(told.args[0]["message"], refused);

        client.emit("leave", "a").await.unwrap();
        assert_eq!(client.emit_with_ack("join", "c").await.unwrap(), [3]);
        // What a server does with its sockets is its own business.
        client.emit_with_ack("moveAll", &()).await.unwrap();
        assert_eq!(client.emit_with_ack("join", "everyone").await.unwrap(), [4]);
        client.disconnect().await;
    }
    let mut raw = Raw::connect(&node, "/ws/movers").await;
    for room in ["a", "b", "c"] {
        raw.emit("join", serde_json::json!(room)).await;
    }
    assert_eq!(raw.expect("exception").await["message"], refused);
}

#[tokio::test]
async fn a_connection_is_in_as_many_namespaces_as_it_may_be() {
    let mut config = config();
    config.limits.namespaces_per_connection = 2;
    let node = TestNode::start(config, vec![]).await;
    let (stream, _) = ask_from("127.0.0.1", node.address, &upgrade(WEBSOCKET)).await;
    let mut client = Raw(WebSocketStream::from_raw_socket(stream, Role::Client, None).await);

    for (packet, answer) in [
        ("40", r#"40{"sid":"#),
        ("40/events,", r#"40/events,{"sid":"#),
        ("40/chat,", r#"44/chat,{"message":"too many namespaces"}"#),
        ("421[\"echo\",1]", "431[1]"),
    ] {
        client.send(packet).await;
        client.hear(answer).await;
    }
    client.send("41/events,").await;
    client.send("40/chat,").await;
    client.hear(r#"40/chat,{"sid":"#).await;
    client.send("40/events,").await;
    client
        .hear(r#"44/events,{"message":"too many namespaces"}"#)
        .await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_answered_and_counted() {
    let node = TestNode::start(config(), vec![]).await;
    let counted =
        |transport| format!("socket_io_oversized_messages_total{{transport=\"{transport}\"}}");

    for (path, start) in [(WEBSOCKET, b"\x81\xff"), ("/ws", b"\x82\xff")] {
        let (mut stream, _) = ask_from("127.0.0.1", node.address, &upgrade(path)).await;
        // The header of a frame of two megabytes is enough.
        stream.write_all(start).await.unwrap();
        stream
            .write_all(&2_000_000_u64.to_be_bytes())
            .await
            .unwrap();
        stream.write_all(&[0; 4]).await.unwrap();
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        tokio::time::timeout(DEADLINE, ended)
            .await
            .unwrap()
            .unwrap();
        let close = b"\x88\x11\x03\xf1message too big";
        assert!(answer.ends_with(close), "{path}: {answer:?}");
    }
    assert_eq!(node.metric(&counted("websocket")).await as u32, 2);

    let (_, open) = get(node.address, POLLING).await;
    let open: serde_json::Value = serde_json::from_str(&open[1..]).unwrap();
    let path = format!("{POLLING}&sid={}", open["sid"].as_str().unwrap());
    let body = "4".repeat(1_000_001);
    let (_, answer) = ask_from(
        "127.0.0.1",
        node.address,
        &format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert_eq!(node.metric(&counted("polling")).await as u32, 1);
}

#[tokio::test]
async fn limits_change_under_sessions_that_go_on() {
    let mut config = config();
    config.session.keys = vec![Secret::new("the old key")];
    config.limits.rooms_per_socket = 1;
    let node = TestNode::start(config.clone(), vec![]).await;
    let mut websocket = node.client_of("/", Transport::WebSocket).await;
    let polling = node.client_of("/", Transport::Polling).await;

    config.session.keys = vec![Secret::new("the new key"), Secret::new("the old key")];
    config.limits.connections = Some(1);
    config.limits.events_per_second = Some(1);
    config.limits.events_burst = Some(3);
    config.limits.rooms_per_socket = 2;
    node.handle.reload(&config).unwrap();

    // There are more than may be: nobody comes, and nobody has to go.
    assert_eq!(node.get("/ready").await.1, "not ready: full\n");
    assert_eq!(node.metric("socket_io_connections_limit").await as u32, 1);
    assert_eq!(get(node.address, POLLING).await.0, 503);
    for client in [&websocket, &polling] {
        for room in ["a", "b"] {
            client.emit("joinRoom", &room).await.unwrap();
        }
        assert_eq!(client.emit_with_ack("echo", &1).await.unwrap(), [1]);
    }
    // The rate is that of a session which is older than it.
    for number in 0..20 {
        websocket.emit("echo", &number).await.unwrap();
    }
    let told = websocket.expect("exception").await.unwrap();
    assert_eq!(told.args[0]["message"], "rate limited");

    config.limits.connections = None;
    config.limits.events_per_second = Some(1000);
    config.limits.events_burst = None;
    node.handle.reload(&config).unwrap();

    assert_eq!(node.get("/ready").await.0, 200);
    assert_eq!(node.metric("socket_io_connections_limit").await as u32, 0);
    assert_eq!(get(node.address, POLLING).await.0, 200);
    for number in 0..50 {
        websocket.emit("echo", &number).await.unwrap();
    }
    assert_eq!(websocket.emit_with_ack("echo", &3).await.unwrap(), [3]);
    // An id of the old key is good as long as that is among the keys.
    assert_eq!(polling.emit_with_ack("echo", &4).await.unwrap(), [4]);
    config.session.keys.truncate(1);
    node.handle.reload(&config).unwrap();
    let path = format!("{POLLING}&sid={}", polling.connection_id());
    assert_eq!(get(node.address, &path).await.0, 400);
}

#[tokio::test]
async fn an_address_has_its_share_of_what_came_before_the_limit() {
    let mut config = config();
    let node = TestNode::start(config.clone(), vec![]).await;
    let (first, head) = ask_from("127.0.0.1", node.address, &upgrade(WEBSOCKET)).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");

    config.limits.connections_per_ip = Some(1);
    node.handle.reload(&config).unwrap();

    let (_, head) = ask_from("127.0.0.1", node.address, &upgrade(WEBSOCKET)).await;
    assert!(head.starts_with("HTTP/1.1 429"), "{head}");
    drop(first);
    wait_for_sessions(&node, 0.0).await;
    let (_other, head) = ask_from("127.0.0.1", node.address, &upgrade(WEBSOCKET)).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
}
