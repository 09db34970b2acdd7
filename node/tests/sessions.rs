//! Session ids: what a client of long polling holds opens its session, and nothing else does.

#![allow(
    clippy::unwrap_used,
    reason = "the lint leaves out test functions, but not what they call"
)]

mod common;

use common::{TestNode, config, get, send};
use futures_util::StreamExt as _;
use roomcast_adapter::bus::MemoryHub;
use roomcast_loadtest::client::Transport;
use roomcast_node::Config;

/// What an unknown session is answered.
const UNKNOWN: &str = r#"{"code":1,"message":"Session ID unknown"}"#;

const KEY: &str = "a key that all of the nodes share";

/// Opens a session of long polling, with a seat in the chat; its id, and that of its socket.
async fn open(node: &TestNode) -> (String, String) {
    let (status, body) = get(node.address, "/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(status, 200, "{body}");
    let open: serde_json::Value = serde_json::from_str(body.strip_prefix('0').unwrap()).unwrap();
    let sid = open["sid"].as_str().unwrap().to_owned();
    assert_eq!(post(node, &sid, "40").await, (200, "ok".to_owned()));
    let connected = hear(node, &sid, "40").await;
    let connected: serde_json::Value = serde_json::from_str(&connected).unwrap();
    (sid, connected["sid"].as_str().unwrap().to_owned())
}

/// The rest of the first packet that begins so; others are skipped.
async fn hear(node: &TestNode, sid: &str, kind: &str) -> String {
    loop {
        let (status, body) = poll(node, sid).await;
        assert_eq!(status, 200, "{body}");
        let packets = body.split('\u{1e}');
        if let Some(rest) = packets
            .into_iter()
            .find_map(|packet| packet.strip_prefix(kind))
        {
            return rest.to_owned();
        }
    }
}

async fn poll(node: &TestNode, sid: &str) -> (u16, String) {
    get(
        node.address,
        &format!("/socket.io/?EIO=4&transport=polling&sid={sid}"),
    )
    .await
}

async fn post(node: &TestNode, sid: &str, body: &str) -> (u16, String) {
    let request = format!(
        "POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    send(node.address, &request).await
}

/// The same as `send`, for a request to open a WebSocket.
async fn upgrade(node: &TestNode, sid: &str) -> (u16, String) {
    let request = format!(
        "GET /socket.io/?EIO=4&transport=websocket&sid={sid} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    send(node.address, &request).await
}

/// The configuration of a node of a cluster with one key.
fn keyed() -> Config {
    let mut keyed = config();
    let args = ["--session-key", KEY];
    keyed.session = Config::load(args.map(Into::into), []).unwrap().session;
    keyed
}

#[tokio::test]
async fn a_stranger_can_neither_read_nor_post_nor_move_a_session_that_polls() {
    let node = TestNode::start(config(), vec![]).await;
    let (sid, socket) = open(&node).await;
    let (text, mac) = sid.rsplit_once('.').unwrap();
    let (bare, name) = text.split_once('.').unwrap();
    let other_mac: String = mac.chars().rev().collect();
    let (other, _) = open(&node).await;
    let (_, other_mac_of_same_node) = other.rsplit_once('.').unwrap();

    for wrong in [
        bare.to_owned(),
        socket.clone(),
        "nobody".to_owned(),
        String::new(),
        text.to_owned(),
        format!("{text}.{other_mac}"),
        format!("{text}.{other_mac_of_same_node}"),
        format!("{bare}.another.{mac}"),
        format!("{socket}.{name}.{mac}"),
        sid.replace('.', "%2E"),
        format!("{bare}&sid={sid}"),
        format!("{sid}&sid={bare}"),
        format!("{sid}&%73id={bare}"),
    ] {
        let posted = post(&node, &wrong, r#"42["echo",1]"#).await;
        assert_eq!(posted, (400, UNKNOWN.to_owned()), "POST {wrong}");
        let polled = poll(&node, &wrong).await;
        assert_eq!(polled, (400, UNKNOWN.to_owned()), "GET {wrong}");
        let moved = upgrade(&node, &wrong).await;
        assert_eq!(moved, (400, UNKNOWN.to_owned()), "upgrade {wrong}");
    }

    let metric = r#"socket_io_rejected_connections_total{reason="session"}"#;
    assert!((node.metric(metric).await - 39.0).abs() < 0.1);
    // Nobody has touched it: what its own client says is the first that is answered.
    assert_eq!(post(&node, &sid, r#"420["echo",7]"#).await.0, 200);
    assert_eq!(hear(&node, &sid, "43").await, "0[7]");
}

#[tokio::test]
async fn an_id_names_its_node_and_is_unknown_to_others_whatever_their_key() {
    let hub = MemoryHub::default();
    let one = TestNode::on(&hub, keyed(), vec![]).await;
    let other = TestNode::on(&hub, keyed(), vec![]).await;
    let (sid, _) = open(&one).await;

    let parts: Vec<_> = sid.split('.').collect();
    let named: serde_json::Value =
        serde_json::from_str(&get(one.address, "/node.json").await.1).unwrap();
    assert_eq!(parts.len(), 3, "{sid}");
    assert_eq!(parts[1], named["node"], "{sid}");
    assert_eq!(poll(&other, &sid).await, (400, UNKNOWN.to_owned()));
    assert_eq!(post(&one, &sid, r#"420["echo",7]"#).await.0, 200);
}

#[tokio::test]
async fn a_session_that_is_over_is_unknown_too() {
    let node = TestNode::start(config(), vec![]).await;
    let (sid, _) = open(&node).await;
    assert_eq!(post(&node, &sid, "1").await.0, 200);

    assert_eq!(poll(&node, &sid).await, (400, UNKNOWN.to_owned()));
    assert_eq!(post(&node, &sid, "40").await, (400, UNKNOWN.to_owned()));
}

#[tokio::test]
async fn stock_ways_to_connect_go_on_as_before() {
    let node = TestNode::start(keyed(), vec![]).await;
    for transport in [Transport::WebSocket, Transport::Polling] {
        let client = node.client_of("/", transport).await;

        let ack = client.emit_with_ack("echo", &1).await.unwrap();

        assert_eq!(ack, [serde_json::json!(1)]);
    }
}

#[tokio::test]
async fn an_engine_id_that_a_websocket_shows_opens_nothing() {
    let node = TestNode::start(keyed(), vec![]).await;
    let url = format!("ws://{}/socket.io/?EIO=4&transport=websocket", node.address);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let open = socket.next().await.unwrap().unwrap().into_text().unwrap();
    let open: serde_json::Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
    let sid = open["sid"].as_str().unwrap();

    assert_eq!(poll(&node, sid).await, (400, UNKNOWN.to_owned()));
    assert_eq!(post(&node, sid, "41").await, (400, UNKNOWN.to_owned()));
    assert_eq!(upgrade(&node, sid).await, (400, UNKNOWN.to_owned()));
}
