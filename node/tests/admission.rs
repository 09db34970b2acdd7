//! Tokens at the door of a namespace: who is let in, what the others are told, and what becomes of a seat whose token
//! expires.

#![allow(
    clippy::unwrap_used,
    reason = "the lint leaves out test functions, but not what they call"
)]

mod common;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{TestNode, config, get, send, wait_for};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use jsonwebtoken::{EncodingKey, Header, encode};
use roomcast_loadtest::client::{Builder, Client, ConnectError, Transport};
use roomcast_node::{
    Config,
    auth::User,
    gateway::{Ack, Gateway, SocketData},
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

const SECRET: &str = "a secret of more than thirty-two bytes";

/// A gateway that tells a client its claims and the name that it goes by.
fn members() -> Gateway {
    Gateway::new("/members").on("whoAmI", async |SocketData(user): SocketData<User>| {
        Ack((user.name().map(ToString::to_string), user.claims().clone()))
    })
}

fn guarded() -> Config {
    let args = ["--jwt-secret", SECRET, "--jwt-namespaces", "/members"];
    let mut guarded = config();
    guarded.jwt = Config::load(args.map(Into::into), []).unwrap().jwt;
    guarded
}

fn token(claims: &Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::default(), claims, &key).unwrap()
}

/// The time in so many seconds, as tokens have it.
fn within(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + seconds
}

fn client(node: &TestNode, transport: Transport) -> Builder {
    Client::builder(&node.url())
        .namespace("/members")
        .transport(transport)
}

/// What the client is told that comes without being let in.
async fn refusal(client: Builder) -> (String, Value) {
    match client.connect().await {
        Err(ConnectError::Refused { message, data, .. }) => (message, data.unwrap_or_default()),
        other => panic!("{other:?} is no refusal"),
    }
}

#[tokio::test]
async fn a_token_is_found_in_the_payload_the_query_or_the_header() {
    let node = TestNode::start(guarded(), vec![members()]).await;
    let token = token(&json!({ "sub": "user-1", "name": " Ann ", "exp": within(60) }));

    for transport in [Transport::WebSocket, Transport::Polling] {
        let bearer = format!("Bearer {token}");
        for client in [
            client(&node, transport).auth(json!({ "token": token })),
            client(&node, transport).query("token", &token),
            client(&node, transport).header("authorization", &bearer),
        ] {
            let client = client.connect().await.unwrap();

            let answer = client.emit_with_ack("whoAmI", &()).await.unwrap();

            assert_eq!(answer[0][0], "Ann");
            assert_eq!(answer[0][1]["sub"], "user-1");
        }
    }
}

#[tokio::test]
async fn who_has_no_good_token_is_told_why_in_words_and_by_a_code() {
    let node = TestNode::start(guarded(), vec![members()]).await;
    let expired = token(&json!({ "sub": "user-1", "exp": within(-60) }));

    for transport in [Transport::WebSocket, Transport::Polling] {
        let bearer = |token: &str| client(&node, transport).auth(json!({ "token": token }));

        let told = refusal(client(&node, transport)).await;
        assert_eq!(
            told,
            ("未提供认证令牌".into(), json!({ "code": "token_missing" }))
        );
        let told = refusal(bearer("garbage")).await;
        assert_eq!(
            told,
            ("无效的认证令牌".into(), json!({ "code": "token_invalid" }))
        );
        let told = refusal(bearer(&expired)).await;
        assert_eq!(
            told,
            ("无效的认证令牌".into(), json!({ "code": "token_expired" }))
        );
    }
    node.client().await;
}

#[tokio::test]
async fn who_was_refused_and_has_gone_does_not_count() {
    let node = TestNode::start(guarded(), vec![members()]).await;
    let polling = "/socket.io/?EIO=4&transport=polling";
    let (_, opened) = get(node.address, polling).await;
    let opened: Value = serde_json::from_str(&opened[1..]).unwrap();
    let poll = format!("{polling}&sid={}", opened["sid"].as_str().unwrap());
    let post = |packet: &str| {
        let length = packet.len();
        format!(
            "POST {poll} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{packet}"
        )
    };
    send(node.address, &post("40/members,")).await;
    let (_, refused) = get(node.address, &poll).await;
    assert!(refused.contains("token_missing"), "{refused}");
    assert_eq!(node.metric("socket_io_connections").await, 1.0);

    assert_eq!(send(node.address, &post("1")).await.0, 200);
    refusal(client(&node, Transport::WebSocket)).await;

    wait_for("nobody to be left", async || {
        let (_, drain) = node.get("/api/v1/drain").await;
        let left = node.metric("socket_io_connections").await;
        drain.contains("\"remaining\":0") && left == 0.0
    })
    .await;
}

#[tokio::test]
async fn a_client_whose_token_expires_is_told_and_disconnected() {
    let node = TestNode::start(guarded(), vec![members()]).await;
    let token = token(&json!({ "sub": "user-1", "exp": within(2) }));
    let mut client = client(&node, Transport::WebSocket)
        .auth(json!({ "token": token }))
        .deadline(Duration::from_secs(10))
        .connect()
        .await
        .unwrap();

    let told = client.expect("exception").await.unwrap();

    let expected = json!({ "status": "error", "message": "token expired" });
    assert_eq!(told.args, [expected]);
    client.closed().await.unwrap();
}

/// Opens a raw WebSocket of the namespace, with this query.
async fn raw(
    node: &TestNode,
    query: &str,
) -> impl Stream<Item = Result<Message, tungstenite::Error>> + Sink<Message> + Unpin {
    let url = format!("ws://{}/ws/members{query}", node.address);
    tokio_tungstenite::connect_async(url).await.unwrap().0
}

#[tokio::test]
async fn a_raw_websocket_without_a_good_token_is_closed_with_a_code_and_a_reason() {
    let node = TestNode::start(guarded(), vec![members()]).await;

    for (query, reason) in [("", "未提供认证令牌"), ("?token=garbage", "无效的认证令牌")]
    {
        let mut client = raw(&node, query).await;
        let closed = client.next().await.unwrap().unwrap();

        let Message::Close(Some(frame)) = closed else {
            panic!("{closed:?} is no close")
        };
        assert_eq!((u16::from(frame.code), &*frame.reason), (4401, reason));
    }

    let token = token(&json!({ "sub": "user-1", "exp": within(60) }));
    let query = format!("?token={token}");
    let mut client = raw(&node, &query).await;
    let ask = Message::text(r#"{"event":"whoAmI"}"#);
    assert!(client.send(ask).await.is_ok());
    let answer = client.next().await.unwrap().unwrap();
    assert!(
        answer.to_text().unwrap().contains(r#""sub":"user-1""#),
        "{answer}"
    );
}
