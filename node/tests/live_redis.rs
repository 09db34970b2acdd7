//! The store in Redis, on a redis-server that each test starts by itself, and nodes that share it.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;
#[path = "live/of.rs"]
mod of;
#[path = "../../adapter/tests/live/server.rs"]
mod server;
mod suite;

use std::time::{Duration, Instant};

use common::{TestNode, config};
use of::{store_of, url_of};
use roomcast_loadtest::client::Transport;
use roomcast_node::{
    Node,
    store::{Fields, Store, StoreError},
};
use serde_json::json;
use server::Redis;

suite::stores!(async {
    let redis = Redis::start().await;
    let store = store_of(&redis, "socket.io").await;
    (redis, store)
});

#[tokio::test]
async fn updates_over_two_connections_at_the_same_time_lose_no_field() {
    let redis = Redis::start().await;

    suite::lose_no_field(
        &store_of(&redis, "socket.io").await,
        &store_of(&redis, "socket.io").await,
    )
    .await;
}

#[tokio::test]
async fn a_node_that_starts_later_sees_the_records_and_gives_no_id_again() {
    let redis = Redis::start().await;
    let first = store_of(&redis, "socket.io").await;
    let kept = first
        .create("Aaa", suite::fields(r#"{"n":1.0}"#))
        .await
        .unwrap();
    let gone = first.create("Aaa", Fields::default()).await.unwrap();
    first.remove("Aaa", gone.id).await.unwrap();
    drop(first);

    let second = store_of(&redis, "socket.io").await;

    let found = second.find_one("Aaa", kept.id).await.unwrap();
    assert_eq!(suite::text(&found), r#"{"id":1,"n":1.0}"#);
    let next = second.create("Aaa", Fields::default()).await.unwrap();
    assert_eq!(next.id.number(), 3);
}

#[tokio::test]
async fn clusters_with_different_keys_do_not_see_each_other() {
    let redis = Redis::start().await;
    let [one, other] = [
        store_of(&redis, "one").await,
        store_of(&redis, "other").await,
    ];

    one.create("Aaa", Fields::default()).await.unwrap();

    assert!(other.find_all("Aaa").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_redis_that_hangs_is_an_error_in_time_and_answers_again_afterwards() {
    let redis = Redis::start().await;
    let store = store_of(&redis, "socket.io").await;
    store.create("Aaa", Fields::default()).await.unwrap();

    redis.hang();
    let start = Instant::now();
    let answer = store.find_all("Aaa").await;
    redis.go_on();

    assert!(
        matches!(answer, Err(StoreError::Unavailable(_))),
        "{answer:?}"
    );
    assert!(start.elapsed() < Duration::from_secs(10));
    common::wait_for("the store to answer again", async || {
        store
            .find_all("Aaa")
            .await
            .is_ok_and(|records| records.len() == 1)
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_is_gone_is_an_error_in_time_and_little_is_written_late() {
    let mut redis = Redis::start().await;
    let store = store_of(&redis, "socket.io").await;

    redis.kill();
    let start = Instant::now();
    // The first may find a connection that breaks under it, and the second none.
    for _ in 0..2 {
        let answer = store.create("Aaa", Fields::default()).await;
        assert!(
            matches!(answer, Err(StoreError::Unavailable(_))),
            "{answer:?}"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(15));
    redis.start_again().await;

    common::wait_for("the store to answer again", async || {
        store.find_all("Aaa").await.is_ok()
    })
    .await;
    // What was asked before the loss was noticed waits in the client and may be written after all; nothing else is.
    assert!(store.find_all("Aaa").await.unwrap().len() <= 1);
}

#[tokio::test]
async fn nodes_share_records_and_tell_their_watchers() {
    let redis = Redis::start().await;
    let mut config = config();
    config.redis.url = Some(url_of(&redis));
    let here = TestNode::of(Node::builder(config.clone())).await;
    let there = TestNode::of(Node::builder(config)).await;
    let writer = here.client().await;
    let mut watcher = there.client_of("/", Transport::Polling).await;
    watcher.emit_with_ack("watchAaa", &()).await.unwrap();

    let ack = writer
        .emit_with_ack("createAaa", &json!({ "name": "é" }))
        .await
        .unwrap();

    let record = json!([{ "id": 1, "name": "é" }]);
    assert_eq!(json!(ack), record);
    let told = watcher.expect("AaaCreated").await.unwrap();
    assert_eq!(json!(told.args), record);
    let all = watcher.emit_with_ack("findAllAaa", &()).await.unwrap();
    assert_eq!(all, [record]);
}

#[tokio::test]
async fn a_node_ends_although_redis_is_gone() {
    let mut redis = Redis::start().await;
    let mut config = config();
    config.redis.url = Some(url_of(&redis));
    let mut node = TestNode::of(Node::builder(config)).await;

    node.shut_down();
    redis.kill();

    node.ended().await;
}
