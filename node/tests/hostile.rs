//! Clients that vanish, trick or repeat themselves, byte by byte over plain TCP.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod common;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{DEADLINE, TestNode, config, get, send, wait_for};
use roomcast_node::gateway::{Ack, Gateway, Socket, State};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
};

/// A WebSocket without a library: text frames out, one frame after the other in.
struct Raw(TcpStream);

fn upgrade(query: &str) -> String {
    format!(
        "GET /socket.io/?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

impl Raw {
    /// Opens a session and reads nothing of it.
    async fn open(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = upgrade("EIO=4&transport=websocket");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(stream)
    }

    /// Reads the answer to the upgrade; its first line.
    async fn answer(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        head.lines().next().unwrap_or_default().to_owned()
    }

    /// Sends a text of less than 126 bytes, masked with zeros.
    async fn say(&mut self, text: &str) {
        let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
        frame.extend_from_slice(text.as_bytes());
        self.0.write_all(&frame).await.unwrap();
    }

    /// The next text that begins with `start`.
    async fn hear(&mut self, start: &str) -> String {
        let hearing = async {
            loop {
                let mut head = [0; 2];
                self.0.read_exact(&mut head).await.unwrap();
                let length = match head[1] {
                    126 => usize::from(self.0.read_u16().await.unwrap()),
                    length => usize::from(length),
                };
                let mut text = vec![0; length];
                self.0.read_exact(&mut text).await.unwrap();
                if text.starts_with(start.as_bytes()) {
                    return String::from_utf8(text).unwrap();
                }
            }
        };
        let heard = tokio::time::timeout(DEADLINE, hearing).await;
        heard.unwrap_or_else(|_| panic!("waited in vain for {start}"))
    }

    /// Drops the connection without a goodbye.
    fn vanish(self) {
        self.0.set_zero_linger().unwrap();
    }
}

#[tokio::test]
async fn clients_that_vanish_while_they_connect_leave_nothing_behind() {
    let node = TestNode::start(config(), vec![]).await;
    for number in 0..600u64 {
        let mut client = Raw::open(node.address).await;
        client.answer().await;
        client.say("40").await;
        // Anywhere between the CONNECT packet and the end of what it sets off.
        tokio::time::sleep(Duration::from_micros(number % 30 * 50)).await;
        client.vanish();
    }

    let node = &node;
    for metric in [
        "socket_io_connected",
        "socket_io_cluster_subscriptions{kind=\"room\"}",
    ] {
        wait_for("nothing to be left of them", async || {
            node.metric(metric).await.abs() < 0.1
        })
        .await;
    }
}

#[tokio::test]
async fn no_query_opens_a_websocket_past_our_own_upgrade() {
    let node = TestNode::start(config(), vec![]).await;
    for transport in ["websocket=x", "websocket", "", "polling=websocket"] {
        let request = format!(
            "GET /socket.io/?EIO=4&transport={transport} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\n\
             Upgrade: carrier-pigeon\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        assert_eq!(send(node.address, &request).await.0, 400, "{transport}");
    }
}

#[tokio::test]
async fn a_session_moves_to_one_websocket_only() {
    let node = TestNode::start(config(), vec![]).await;
    let (_, open) = get(node.address, "/socket.io/?EIO=4&transport=polling").await;
    let open: serde_json::Value = serde_json::from_str(&open[1..]).unwrap();
    let query = format!(
        "EIO=4&transport=websocket&sid={}",
        open["sid"].as_str().unwrap()
    );

    let mut answers = Vec::new();
    let mut connections = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        stream.write_all(upgrade(&query).as_bytes()).await.unwrap();
        let mut connection = Raw(stream);
        answers.push(connection.answer().await);
        connections.push(connection);
    }

    assert_eq!(
        answers,
        [
            "HTTP/1.1 101 Switching Protocols",
            "HTTP/1.1 400 Bad Request"
        ]
    );
    connections[0].say("2probe").await;
    assert_eq!(connections[0].hear("3").await, "3probe");
}

#[tokio::test]
async fn a_request_with_an_endless_head_is_refused() {
    let node = TestNode::start(config(), vec![]).await;
    let request = format!(
        "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {}\r\n\r\n",
        "x".repeat(200_000)
    );

    assert_ne!(send(node.address, &request).await.0, 200);
}

#[tokio::test]
async fn garbage_closes_its_own_connection_and_no_other() {
    let node = TestNode::start(config(), vec![]).await;
    let neighbour = node.client().await;
    for garbage in ["42[\"echo\",nonsense]", "42{}", "9", "42", "4\u{0}"] {
        let mut client = Raw::open(node.address).await;
        client.answer().await;
        client.say("40").await;
        client.hear("40").await;

        client.say(garbage).await;
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(DEADLINE, client.0.read_to_end(&mut rest)).await;

        assert!(ended.is_ok(), "still open after {garbage}");
        let ack = neighbour.emit_with_ack("echo", &1).await.unwrap();
        assert_eq!(ack, [serde_json::json!(1)]);
    }
}

#[tokio::test]
async fn a_handler_of_a_socket_that_left_does_not_touch_its_successor() {
    let go = Arc::new(Notify::new());
    let gateway = Gateway::new("/t")
        .state(go.clone())
        .on(
            "late",
            async |State(go): State<Arc<Notify>>, socket: Socket| {
                go.notified().await;
                let _gone = socket.join("stale").await;
                let sent = socket.emit("stale", &());
                assert!(sent.is_err());
                Ack("stale")
            },
        )
        .on("rooms", async |socket: Socket| Ack(socket.rooms().len()));
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = Raw::open(node.address).await;
    client.answer().await;
    client.say("40/t,").await;
    client.hear("40/t,").await;
    client.say("42/t,7[\"late\"]").await;

    client.say("41/t,").await;
    wait_for("the socket to be gone", async || {
        node.metric("socket_io_connected").await < 0.5
    })
    .await;
    client.say("40/t,").await;
    client.hear("40/t,").await;
    go.notify_one();

    wait_for("the late handler to end", async || {
        node.metric("socket_io_event_duration_seconds_count{event=\"late\",namespace=\"/t\"}")
            .await
            > 0.5
    })
    .await;
    client.say("42/t,9[\"rooms\"]").await;
    assert_eq!(
        client.hear("4").await,
        "43/t,9[1]",
        "only its own room, and nothing before"
    );
}

#[tokio::test]
async fn a_hook_for_disconnects_still_knows_the_handshake() {
    let seen = Arc::new(Mutex::new(None::<String>));
    let gateway = Gateway::new("/t").state(seen.clone()).on_disconnect(
        async |State(seen): State<Arc<Mutex<Option<String>>>>, socket: Socket| {
            tokio::task::yield_now().await;
            *seen.lock().unwrap() = Some(socket.handshake().url().to_owned());
        },
    );
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = Raw::open(node.address).await;
    client.answer().await;
    client.say("40/t,").await;
    client.hear("40/t,").await;

    client.vanish();

    wait_for("the hook to run", async || seen.lock().unwrap().is_some()).await;
    let url = seen.lock().unwrap().take();
    assert_eq!(
        url.as_deref(),
        Some("/socket.io/?EIO=4&transport=websocket")
    );
}

#[tokio::test]
async fn dropping_a_node_ends_its_connections() {
    let node = TestNode::start(config(), vec![]).await;
    let mut client = node.client().await;
    let mut silent = Raw::open(node.address).await;
    silent.answer().await;

    drop(node);

    client.set_deadline(DEADLINE);
    client.closed().await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(DEADLINE, silent.0.read_to_end(&mut rest)).await;
    assert!(
        ended.is_ok(),
        "the connection without a socket is still open"
    );
}
