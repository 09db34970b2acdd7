//! Which rooms a client of the built-in gateways is in: those that it may join, and that of its user.

#![allow(
    clippy::unwrap_used,
    reason = "the lint leaves out test functions, but not what they call"
)]

mod common;

use std::time::{SystemTime, UNIX_EPOCH};

use common::{TestNode, config, raw::Raw, wait_for};
use jsonwebtoken::{EncodingKey, Header, encode};
use roomcast_adapter::bus::MemoryHub;
use roomcast_loadtest::client::{Client, ConnectError, Transport};
use roomcast_node::{
    Config,
    auth::User,
    gateway::{Exception, Gateway, Server, Socket, SocketData},
};
use serde_json::{Value, json};

const SECRET: &str = "a secret of more than thirty-two bytes";

/// A configuration with tokens in `/` and `/chat`, in `/members`, and these flags.
fn guarded(more: &[&str]) -> Config {
    let args = ["--jwt-secret", SECRET, "--jwt-namespaces", "/,/members"];
    let mut guarded = Config::load(args.iter().chain(more).map(Into::into), []).unwrap();
    let free = config();
    (guarded.listen, guarded.admin, guarded.drain) = (free.listen, free.admin, free.drain);
    guarded
}

fn token(mut claims: Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    claims["exp"] = (now.as_secs() + 600).into();
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    encode(&Header::default(), &claims, &key).unwrap()
}

/// A client of a namespace with a token of these claims, over either platform.
enum Peer {
    SocketIo(Client),
    Raw(Raw),
}

impl Peer {
    async fn all(node: &TestNode, namespace: &str, claims: &Value) -> [Self; 3] {
        let token = token(claims.clone());
        let path = namespace.trim_end_matches('/');
        [
            Self::socketio(node, namespace, Transport::WebSocket, &token).await,
            Self::socketio(node, namespace, Transport::Polling, &token).await,
            Self::Raw(Raw::connect(node, &format!("/ws{path}?token={token}")).await),
        ]
    }

    async fn socketio(node: &TestNode, namespace: &str, via: Transport, token: &str) -> Self {
        let client = Client::builder(&node.url())
            .namespace(namespace)
            .transport(via)
            .auth(json!({ "token": token }));
        Self::SocketIo(client.connect().await.unwrap())
    }

    /// The data of the next event of this name.
    async fn expect(&mut self, event: &str) -> Value {
        match self {
            Self::SocketIo(client) => client.expect(event).await.unwrap().args.remove(0),
            Self::Raw(raw) => raw.expect(event).await,
        }
    }

    /// The value that an event's handler returns, or the message of its exception.
    async fn ask(&mut self, event: &str, data: Value) -> Result<Value, String> {
        let message = |exception: &Value| Err(exception["message"].as_str().unwrap().to_owned());
        match self {
            Self::SocketIo(client) => {
                // Both are waited for by the order of events: an echo is answered behind whatever came of the first.
                client.emit_args(event, &[data]).await.unwrap();
                client.emit_with_ack("echo", &0).await.unwrap();
                match client.try_event() {
                    Some(told) if told.name == "exception" => message(&told.args[0]),
                    _ => Ok(Value::Null),
                }
            }
            Self::Raw(raw) => {
                raw.emit(event, data).await;
                let answer = raw.message().await;
                match answer["event"].as_str() {
                    Some("exception") => message(&answer["data"]),
                    _ => Ok(answer["data"].clone()),
                }
            }
        }
    }
}

fn refused(room: &str) -> Result<Value, String> {
    Err(format!("room not allowed: {room}"))
}

#[tokio::test]
async fn only_rooms_that_the_configuration_and_the_token_allow_can_be_joined() {
    let flags = ["--rooms-joinable", "news,team-*"];
    let node = TestNode::start(guarded(&flags), vec![]).await;

    for mut peer in Peer::all(&node, "/", &json!({ "sub": "a" })).await {
        for room in ["news", "team-", "team-1"] {
            assert!(peer.ask("joinRoom", json!(room)).await.is_ok(), "{room}");
        }
        for room in ["newsroom", "my-team-1", "*"] {
            assert_eq!(peer.ask("joinRoom", json!(room)).await, refused(room));
        }
        assert!(peer.ask("leaveRoom", json!("newsroom")).await.is_ok());
    }
    let claims = json!({ "sub": "a", "rooms": ["*-1", "news", "mine"] });
    for mut peer in Peer::all(&node, "/", &claims).await {
        for room in ["news", "team-1"] {
            assert!(peer.ask("joinRoom", json!(room)).await.is_ok(), "{room}");
        }
        for room in ["mine", "team-2", "other-1"] {
            assert_eq!(peer.ask("joinRoom", json!(room)).await, refused(room));
        }
    }
    for mut peer in Peer::all(&node, "/", &json!({ "rooms": [] })).await {
        assert_eq!(peer.ask("joinRoom", json!("news")).await, refused("news"));
    }
}

#[tokio::test]
async fn the_chat_has_the_same_rules_and_no_pattern_opens_the_rooms_of_others() {
    let node = TestNode::start(guarded(&[]), vec![]).await;
    let token = token(json!({ "sub": "a", "rooms": ["*"] }));
    let mut raw = Raw::connect(&node, &format!("/ws/chat?token={token}")).await;
    raw.expect("onlineUsers").await;

    for room in ["~user/b", "~watch/Aaa"] {
        raw.emit("joinRoom", json!(room)).await;
        let told = raw.expect("exception").await;
        assert_eq!(
            told["message"],
            "body: a room that begins with ~ cannot be joined"
        );
    }
    raw.emit("joinRoom", json!("g")).await;
    assert_eq!(
        raw.expect("joinRoom").await,
        json!({ "room": "g", "joined": true })
    );
}

#[tokio::test]
async fn an_empty_list_of_the_configuration_is_no_room_at_all() {
    let node = TestNode::start(guarded(&["--rooms-joinable", ""]), vec![]).await;

    for mut peer in Peer::all(&node, "/", &json!({ "sub": "a" })).await {
        assert_eq!(peer.ask("joinRoom", json!("a")).await, refused("a"));
    }
}

#[tokio::test]
async fn a_token_whose_rooms_are_no_list_of_patterns_is_not_taken() {
    let node = TestNode::start(guarded(&[]), vec![]).await;
    for rooms in [
        json!("*"),
        json!([7]),
        json!([""]),
        json!(null),
        json!({ "a": "*" }),
    ] {
        let token = token(json!({ "sub": "a", "rooms": rooms }));

        let refused = Client::builder(&node.url()).auth(json!({ "token": token }));
        match refused.connect().await {
            Err(ConnectError::Refused { data, .. }) => {
                assert_eq!(data.unwrap(), json!({ "code": "token_invalid" }));
            }
            other => panic!("{other:?} with {rooms}"),
        }
        let mut raw = Raw::connect(&node, &format!("/ws?token={token}")).await;
        assert_eq!(raw.closed().await.unwrap().0, 4401, "{rooms}");
    }
}

/// A gateway that tells a client, when it has connected, whether it is in its user's room; and calls users.
fn members() -> Gateway {
    Gateway::new("/members")
        .on_connection(async |socket: Socket, SocketData(user): SocketData<User>| {
            let room = user.room().map(String::from);
            let is_in = room.is_some_and(|room| socket.rooms().contains(&room));
            socket.emit("welcome", &is_in)?;
            Ok::<_, Exception>(())
        })
        .on("call", async |server: Server, socket: Socket| {
            socket.emit("calling", &())?;
            server.to("~user/alice").emit("called", &"alice")?;
            Ok::<_, Exception>(())
        })
}

#[tokio::test]
async fn a_user_is_reached_on_all_devices_of_all_nodes_and_both_platforms() {
    let hub = MemoryHub::default();
    let one = TestNode::on(&hub, guarded(&[]), vec![members()]).await;
    let other = TestNode::on(&hub, guarded(&[]), vec![members()]).await;
    let mut alices = Vec::new();
    for node in [&one, &other] {
        alices.extend(Peer::all(node, "/members", &json!({ "sub": "alice" })).await);
    }
    let mut bob = Raw::connect(
        &other,
        &format!("/ws/members?token={}", token(json!({ "sub": "bob" }))),
    )
    .await;
    for alice in &mut alices {
        assert_eq!(alice.expect("welcome").await, true, "before on_connection");
    }
    assert_eq!(bob.message().await["event"], "welcome");

    bob.emit("call", Value::Null).await;

    for alice in &mut alices {
        assert_eq!(alice.expect("called").await, "alice");
    }
    bob.emit("call", Value::Null).await;
    assert_eq!(bob.message().await["event"], "calling");
    assert_eq!(bob.message().await["event"], "calling", "and is not called");
}

#[tokio::test]
async fn a_socket_cannot_leave_the_room_of_its_user() {
    let node = TestNode::start(guarded(&[]), vec![]).await;
    for mut peer in Peer::all(&node, "/", &json!({ "sub": "alice" })).await {
        assert_eq!(
            peer.ask("leaveRoom", json!("~user/alice")).await,
            Err("a socket stays in the room of its user".to_owned())
        );
    }
}

#[tokio::test]
async fn who_has_no_usable_sub_is_let_in_and_in_no_users_room() {
    let node = TestNode::start(guarded(&[]), vec![members()]).await;
    for claims in [
        json!({}),
        json!({ "sub": "" }),
        json!({ "sub": "a".repeat(251) }),
    ] {
        for mut peer in Peer::all(&node, "/members", &claims).await {
            assert_eq!(peer.expect("welcome").await, false, "{claims}");
        }
    }
}

#[tokio::test]
async fn nothing_is_left_subscribed_of_users_that_are_gone() {
    let hub = MemoryHub::default();
    let node = TestNode::on(&hub, guarded(&[]), vec![]).await;
    let rooms = async || {
        node.metric(r#"socket_io_cluster_subscriptions{kind="room"}"#)
            .await
    };
    let before = rooms().await;
    let alices = Peer::all(&node, "/", &json!({ "sub": "alice" })).await;
    wait_for("three sockets and a user", async || {
        (rooms().await - before - 4.0).abs() < 0.1
    })
    .await;

    for alice in alices {
        match alice {
            Peer::SocketIo(client) => client.disconnect().await,
            Peer::Raw(raw) => drop(raw),
        }
    }

    wait_for("no room to be left", async || {
        (rooms().await - before).abs() < 0.1
    })
    .await;
}
