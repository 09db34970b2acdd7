//! The built-in resource, and one of an application's own, on two nodes that share a store.

mod common;

use std::sync::Arc;

use common::{TestNode, config};
use roomcast_adapter::bus::MemoryHub;
use roomcast_node::{
    Node,
    config::BuiltIn,
    gateway::Gateway,
    gateways::Resource,
    store::{Fields, MemoryStore, Store},
};
use serde_json::json;

async fn nodes() -> (TestNode, TestNode) {
    let (hub, store) = (MemoryHub::default(), Arc::new(MemoryStore::default()));
    let node = async || {
        let builder = Node::builder(config()).bus(hub.connect());
        TestNode::of(builder.store(store.clone())).await
    };
    (node().await, node().await)
}

#[tokio::test]
async fn who_watches_on_any_node_is_told_of_every_change_until_it_unwatches() {
    let (here, there) = nodes().await;
    let writer = here.client().await;
    let mut near = here.client().await;
    let mut far = there.client().await;
    for watcher in [&near, &far] {
        let ack = watcher.emit_with_ack("watchAaa", &()).await.unwrap();
        assert_eq!(ack, [json!({ "watching": true })]);
    }

    writer
        .emit_with_ack("createAaa", &json!({ "a": 1 }))
        .await
        .unwrap();
    writer
        .emit_with_ack("updateAaa", &json!({ "id": 1, "b": [] }))
        .await
        .unwrap();
    let ack = writer.emit_with_ack("removeAaa", &1).await.unwrap();

    assert_eq!(ack, [json!({ "id": 1, "a": 1, "b": [] })]);
    for watcher in [&mut near, &mut far] {
        for (event, record) in [
            ("AaaCreated", json!({ "id": 1, "a": 1 })),
            ("AaaUpdated", json!({ "id": 1, "a": 1, "b": [] })),
            ("AaaRemoved", json!({ "id": 1, "a": 1, "b": [] })),
        ] {
            let told = watcher.next_event().await.unwrap();
            assert_eq!((&*told.name, &told.args[..]), (event, &[record][..]));
        }
        let ack = watcher.emit_with_ack("unwatchAaa", &()).await.unwrap();
        assert_eq!(ack, [json!({ "watching": false })]);
    }
    writer.emit_with_ack("createAaa", &json!({})).await.unwrap();
    writer.emit_with_ack("broadcast", &"last").await.unwrap();
    for watcher in [&mut near, &mut far] {
        assert_eq!(watcher.next_event().await.unwrap().name, "msgToAll");
    }
}

#[tokio::test]
async fn nobody_watches_by_joining_the_room() {
    let (node, _) = nodes().await;
    let mut client = node.client().await;

    client.emit("joinRoom", &"~watch/Aaa").await.unwrap();

    let refused = client.expect("exception").await.unwrap();
    assert_eq!(
        refused.args[0]["message"],
        "body: a room that begins with ~ cannot be joined"
    );
}

#[tokio::test]
async fn a_record_that_is_not_there_is_an_exception_with_its_cause() {
    let (node, _) = nodes().await;
    let mut client = node.client().await;

    client.emit("findOneAaa", &42).await.unwrap();

    let refused = client.expect("exception").await.unwrap();
    assert_eq!(
        refused.args,
        [json!({
            "status": "error",
            "message": "Aaa #42 not found",
            "cause": { "pattern": "findOneAaa", "data": 42 },
        })]
    );
}

#[tokio::test]
async fn the_key_gateways_turns_each_on_by_itself() {
    let with = async |gateways: &[BuiltIn]| {
        let mut config = config();
        config.gateways = gateways.to_vec();
        TestNode::start(config, vec![]).await
    };

    let resource_alone = with(&[BuiltIn::Resource]).await;
    let events_alone = with(&[BuiltIn::Events]).await;

    let client = resource_alone.client().await;
    let ack = client.emit_with_ack("createAaa", &json!({})).await.unwrap();
    assert_eq!(ack, [json!({ "id": 1 })]);
    // One socket's events are handled in order: had there been a handler, its answer would have come first.
    client.emit("echo", &1).await.unwrap();
    client.emit_with_ack("findAllAaa", &()).await.unwrap();
    let ignored = r#"socket_io_events_received_total{event="other",namespace="/"}"#;
    assert_eq!(resource_alone.metric(ignored).await, 1.0);
    let client = events_alone.client().await;
    client.emit("createAaa", &json!({})).await.unwrap();
    client.emit_with_ack("echo", &1).await.unwrap();
    assert_eq!(events_alone.metric(ignored).await, 1.0);
}

#[tokio::test]
async fn an_application_mounts_a_resource_where_it_likes() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let notes = Resource::<Fields>::named("Note", store).mount(Gateway::new("/notes"));
    let node = TestNode::start(config(), vec![notes]).await;
    let client = node
        .client_of("/notes", roomcast_loadtest::client::Transport::WebSocket)
        .await;

    let ack = client
        .emit_with_ack("createNote", &json!({ "text": "milk" }))
        .await
        .unwrap();

    assert_eq!(ack, [json!({ "id": 1, "text": "milk" })]);
}
