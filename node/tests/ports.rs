//! What each port serves, and how a node ends.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::time::Duration;

use common::{TestNode, config, get, send, wait_for};
use roomcast_loadtest::client::{Client, Transport};
use roomcast_node::{Config, Node};
use serde_json::json;

#[tokio::test]
async fn metrics_and_health_are_on_the_admin_port_alone() {
    let node = TestNode::start(config(), vec![]).await;

    assert_eq!(node.get("/live").await.0, 200);
    assert_eq!(node.get("/ready").await, (200, "ready\n".to_owned()));
    assert!(
        node.get("/metrics")
            .await
            .1
            .contains("socket_io_connected 0")
    );
    for path in ["/metrics", "/live", "/ready", "/api/v1/nodes"] {
        assert_eq!(
            get(node.address, path).await.0,
            404,
            "{path} on the public port"
        );
    }
    assert_eq!(node.get("/socket.io/?EIO=4&transport=polling").await.0, 404);
}

#[tokio::test]
async fn probes_are_answered_while_redis_is_waited_for() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = free.local_addr().unwrap();
    drop(free);
    let mut waiting = config();
    waiting.admin.listen = admin;
    // Nobody listens there, which is no reason to give up before half a minute has passed.
    let flags = ["--redis-url", "redis://127.0.0.1:1"];
    waiting.redis = Config::load(flags.map(Into::into), []).unwrap().redis;
    let asked = async {
        wait_for("the admin port to answer", async || {
            get(admin, "/live").await.0 == 200
        })
        .await;
        let ready = get(admin, "/ready").await;
        assert_eq!(ready, (503, "not ready: starting\n".to_owned()));
        let (status, problem) = get(admin, "/api/v1/nodes").await;
        let problem: serde_json::Value = serde_json::from_str(&problem).unwrap();
        assert_eq!(status, 503);
        assert_eq!(problem["type"], "urn:roomcast:problem:starting");
        assert_eq!(get(admin, "/metrics").await.0, 503);
        assert_eq!(get(admin, "/").await.0, 404);
    };

    tokio::select! {
        () = asked => {}
        bound = Node::builder(waiting).bind() => panic!("it is there: {:?}", bound.err()),
    }
}

#[tokio::test]
async fn the_page_is_served_with_a_policy_and_the_client_from_its_cdn() {
    let node = TestNode::start(config(), vec![]).await;

    let (status, page) = get(node.address, "/").await;
    assert_eq!(status, 200);
    assert!(page.contains("<title>"));
    assert_eq!(get(node.address, "/app.js").await.0, 200);
    assert_eq!(get(node.address, "/socket.io/socket.io.js").await.0, 307);
    assert_eq!(get(node.address, "/../Cargo.toml").await.0, 404);
    let (_, text) = get(node.address, "/node.json").await;
    let about: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_in_the_words_of_engine_io() {
    let node = TestNode::start(config(), vec![]).await;
    let upgrade = |query: &str, more: &str| {
        format!(
            "GET /socket.io/?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
        )
    };
    for (request, status, words) in [
        (upgrade("EIO=3&transport=websocket", ""), 400, "Unsupported protocol version"),
        (upgrade("EIO=4&transport=carrier-pigeon", ""), 400, "Transport unknown"),
        (upgrade("EIO=4&transport=websocket&sid=nobody", ""), 400, "Session ID unknown"),
        (upgrade("EIO=4&transport=websocket", "Origin: https://evil.example\r\n"), 403, "Origin not allowed"),
        (
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
            400,
            "Bad request",
        ),
    ] {
        let (found, body) = send(node.address, &request).await;
        assert_eq!(found, status, "{request}");
        assert!(body.contains(words), "{body}");
    }
    let rejected = node
        .metric("socket_io_rejected_connections_total{reason=\"origin\"}")
        .await;
    assert!((rejected - 1.0).abs() < 0.1);
}

#[tokio::test]
async fn a_drain_lets_every_client_go_and_takes_no_new_ones() {
    let mut config = config();
    config.drain.grace = Duration::from_millis(500);
    config.drain.rate = 20;
    let mut node = TestNode::start(config, vec![]).await;
    let mut clients = Vec::new();
    for number in 0..10 {
        let transport = [Transport::WebSocket, Transport::Polling][number % 2];
        clients.push(node.client_of("/", transport).await);
    }

    node.shut_down();
    wait_for("the node to be not ready", async || {
        node.get("/ready").await.0 == 503
    })
    .await;
    assert!(node.get("/ready").await.1.contains("draining"));
    assert_eq!(node.get("/live").await.0, 200, "it still serves");
    assert_eq!(
        clients[0].emit_with_ack("echo", &1).await.unwrap(),
        [json!(1)]
    );

    for client in &mut clients {
        client.set_deadline(common::DEADLINE);
        client.closed().await.unwrap();
    }
    let address = node.url();
    node.ended().await;
    assert!(Client::connect(&address).await.is_err());
}

/// A client that stops reading beside one that reads, until the metric says that it was disconnected.
async fn stall(config: Config, action: &str) {
    let node = TestNode::start(config, vec![]).await;
    let stalled = Client::builder(&node.url())
        .receive_buffer(4096)
        .connect()
        .await
        .unwrap();
    let mut reader = node.client().await;
    let sender = node.client().await;
    for client in [&stalled, &reader] {
        client.emit_with_ack("joinRoom", &"r").await.unwrap();
    }
    stalled.pause_reading();

    let body = json!({ "room": "r", "data": "x".repeat(50_000) });
    let metric = format!("socket_io_slow_consumer_total{{action=\"{action}\"}}");
    wait_for("the stalled client to be ended", async || {
        sender.emit_with_ack("sendToRoom", &body).await.unwrap();
        reader.expect("roomMsg").await.unwrap();
        node.metric(&metric).await > 0.5
    })
    .await;

    let warned = "socket_io_slow_consumer_total{action=\"warned\"}";
    assert_eq!(
        node.metric(warned).await as u32,
        1,
        "once, before it was out"
    );
    wait_for("its socket to be gone", async || {
        node.metric("socket_io_connected").await < 2.5
    })
    .await;
    assert_eq!(reader.emit_with_ack("echo", &1).await.unwrap(), [json!(1)]);
}

#[tokio::test]
async fn a_client_that_stops_reading_is_out_and_its_neighbours_feel_nothing() {
    let mut config = config();
    config.limits.write_stall = Duration::from_secs(1);
    config.limits.send_queue = 1 << 30;
    stall(config, "stalled").await;
}

#[tokio::test]
async fn a_client_for_which_too_much_waits_is_out_before_its_time_is_up() {
    let mut config = config();
    config.limits.write_stall = Duration::from_secs(1000);
    config.limits.send_queue = 1 << 20;
    stall(config, "overflow").await;
}
