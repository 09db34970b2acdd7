//! What an emitter publishes, and what nodes make of it, over a redis-server that each test starts.

#![allow(
    clippy::unwrap_used,
    reason = "the lint knows tests, but not the functions that they share"
)]

#[path = "live/clients.rs"]
mod clients;
mod common;
#[path = "live/server.rs"]
mod server;

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use clients::{bus, bus_at, client};
use common::{Node, eventually, per_room};
use fred::{clients::Client, interfaces::ClientLike, types::Builder};
use roomcast_adapter::{BusError, Config, EmitError, Emitter, ServerSide, bus::RedisBus};
use serde::Serialize;
use server::{Redis, RedisCluster};

/// An emitter of the default key, over a client with few settings, as a stranger's would be.
async fn emitter(redis: &Redis) -> (Emitter, Client) {
    let client = client(redis.port, |builder: &mut Builder| {
        builder.with_performance_config(|performance| performance.broadcast_channel_capacity = 32);
    })
    .await;
    (Emitter::new(client.clone(), "socket.io"), client)
}

#[derive(Serialize)]
struct Upload {
    name: &'static str,
    content: Bytes,
}

#[tokio::test]
async fn clients_of_all_nodes_get_what_an_emitter_emits() {
    let redis = Redis::start().await;
    let one = Node::start(bus(redis.port).await, per_room());
    let two = Node::start(bus(redis.port).await, Config::default());
    let (a, b) = (one.serve("/").await, two.serve("/").await);
    let chat = two.serve("/chat").await;
    let (red, blue) = (a.member(&["red"]).await, b.member(&["blue"]).await);
    let (both, other) = (
        b.member(&["red", "blue"]).await,
        chat.member(&["red"]).await,
    );
    let (emitter, _) = emitter(&redis).await;

    emitter.emit("all", &()).await.unwrap();
    emitter.to("red").emit("red", &(1, "two")).await.unwrap();
    let coloured = emitter.to(["red", "blue"]).compress(true);
    coloured.emit("coloured", &[1, 2][..]).await.unwrap();
    let blue_only = emitter.to("blue").except("red").volatile();
    blue_only.emit("blue", &1.5).await.unwrap();
    let upload = Upload {
        name: "a",
        content: Bytes::from_static(&[1, 2, 3]),
    };
    emitter.of("chat").emit("upload", &upload).await.unwrap();
    emitter.to(red.id()).emit("last", &()).await.unwrap();
    emitter.to(blue.id()).emit("last", &()).await.unwrap();
    emitter.to(both.id()).emit("last", &()).await.unwrap();

    let (everybody, in_red, coloured, last) = (
        r#"2["all"]"#,
        r#"2["red",1,"two"]"#,
        r#"2["coloured",[1,2]]"#,
        r#"2["last"]"#,
    );
    assert_eq!(red.take(4).await, [everybody, in_red, coloured, last]);
    assert_eq!(
        blue.take(4).await,
        [everybody, coloured, r#"2["blue",1.5]"#, last]
    );
    assert_eq!(both.take(4).await, [everybody, in_red, coloured, last]);
    assert_eq!(
        other.next().await,
        r#"51-/chat,["upload",{"name":"a","content":{"_placeholder":true,"num":0}}] 010203"#
    );
    assert!(one.counts.all_dropped().is_empty());
    assert!(two.counts.all_dropped().is_empty());
}

/// Keeps the events it gets.
#[derive(Default)]
struct Application(Mutex<Vec<(String, bool)>>);

impl ServerSide for Application {
    fn handle(
        &self,
        event: String,
        wants_answer: bool,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + Send>> {
        self.0.lock().unwrap().push((event, wants_answer));
        Box::pin(std::future::ready(None))
    }
}

#[tokio::test]
async fn an_emitter_moves_and_disconnects_sockets_and_speaks_to_applications() {
    let redis = Redis::start().await;
    let node = Node::start(bus(redis.port).await, per_room());
    let space = node.serve("/").await;
    let application = Arc::<Application>::default();
    space.namespace.on_server_side(application.clone());
    let (moved, stays) = (space.member(&["red"]).await, space.member(&["blue"]).await);
    let rooms_of = |id: String, rooms: &[&str]| {
        let mut rooms: Vec<_> = rooms.iter().map(ToString::to_string).collect();
        rooms.push(id);
        rooms.sort();
        rooms
    };
    let (emitter, _) = emitter(&redis).await;

    emitter.to("red").sockets_join(["x", "y"]).await.unwrap();
    emitter.except("blue").sockets_leave("x").await.unwrap();
    eventually("the socket joins one room and leaves the other", || {
        moved.rooms() == rooms_of(moved.id(), &["red", "y"])
    })
    .await;
    assert_eq!(stays.rooms(), rooms_of(stays.id(), &["blue"]));

    emitter.to("y").disconnect_sockets(true).await.unwrap();
    eventually("the socket is disconnected", || {
        !space.namespace.is_connected(moved.sid)
    })
    .await;
    assert!(space.namespace.is_connected(stays.sid));

    emitter.server_side_emit("evt", &(1, "two")).await.unwrap();
    eventually("the application hears of it", || {
        !application.0.lock().unwrap().is_empty()
    })
    .await;
    let heard = application.0.lock().unwrap().clone();
    assert_eq!(heard, [(r#"["evt",1,"two"]"#.to_owned(), false)]);
    assert!(node.counts.all_dropped().is_empty());
}

#[tokio::test]
async fn an_emitter_on_a_redis_cluster_reaches_every_room() {
    let redis = RedisCluster::start().await;
    let bus = bus_at(&redis.url(), RedisBus::new).await.unwrap();
    let node = Node::start(bus, per_room());
    let space = node.serve("/").await;
    let rooms: Vec<_> = (0..20).map(|number| format!("room {number}")).collect();
    let client = space.connect().await;
    let names: Vec<_> = rooms.iter().map(String::as_str).collect();
    client.join(&names).await;
    let emitter = bus_at(&redis.url(), |client, _| Emitter::new(client, "socket.io")).await;

    // Their channels belong to all three masters.
    for room in &rooms {
        emitter.to(room.clone()).emit("hello", room).await.unwrap();
    }

    let mut packets = client.take(rooms.len()).await;
    packets.sort();
    let mut expected: Vec<_> = rooms
        .iter()
        .map(|room| format!("2[\"hello\",\"{room}\"]"))
        .collect();
    expected.sort();
    assert_eq!(packets, expected);
}

#[tokio::test]
async fn an_emitter_is_subscribed_to_nothing() {
    let redis = Redis::start().await;
    let (emitter, _) = emitter(&redis).await;

    emitter.emit("hello", &()).await.unwrap();

    let none: [String; 0] = [];
    assert_eq!(redis.ask("PUBSUB", &["CHANNELS"]).await, none);
    assert_eq!(redis.ask("PUBSUB", &["NUMPAT"]).await, ["0"]);
}

#[tokio::test]
async fn what_is_emitted_while_redis_is_away_fails_at_once_and_is_not_sent_later() {
    let mut redis = Redis::start().await;
    let node = Node::start(bus(redis.port).await, per_room());
    let space = node.serve("/").await;
    let member = space.connect().await;
    let (emitter, client) = emitter(&redis).await;

    redis.kill();
    eventually("the connection is lost", || !client.is_connected()).await;
    let error = emitter.emit("lost", &()).await.unwrap_err();
    redis.start_again().await;
    let mut hears = node.cluster.hears();
    hears.wait_for(|hears| *hears).await.unwrap();
    eventually("the connection is back", || client.is_connected()).await;
    emitter.emit("again", &()).await.unwrap();

    assert!(matches!(error, EmitError::Publish(BusError::Disconnected)));
    assert_eq!(member.next().await, r#"2["again"]"#);
}
