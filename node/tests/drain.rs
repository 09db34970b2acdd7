//! Drains by command and by signal, and what nodes know of each other.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{num::NonZeroU32, time::Duration};

use common::{TestNode, config, wait_for};
use roomcast_adapter::bus::MemoryHub;
use roomcast_loadtest::client::{Client, Transport};
use roomcast_node::{Ending, Phase};

const FAST: Option<NonZeroU32> = NonZeroU32::new(1000);

/// How many sessions a node has, and where it is.
fn status(node: &TestNode) -> (Phase, usize) {
    let status = node.handle.drain_status();
    (status.state, status.remaining)
}

#[tokio::test]
async fn a_drain_by_command_leaves_an_empty_node_that_takes_clients_again_when_it_is_told() {
    let node = TestNode::start(config(), vec![]).await;
    let mut clients = Vec::new();
    for transport in [Transport::WebSocket, Transport::Polling] {
        clients.push(node.client_of("/", transport).await);
    }
    assert_eq!(status(&node), (Phase::Serving, 2));

    let begun = node.handle.drain(FAST, None);

    assert_eq!((begun.state, begun.rate), (Phase::Draining, Some(1000)));
    let (code, body) = node.get("/ready").await;
    assert_eq!((code, &*body), (503, "not ready: draining\n"));
    assert_eq!(node.metric("socket_io_drain_state").await, 1.0);
    wait_for("the node to be empty", async || {
        status(&node) == (Phase::Drained, 0)
    })
    .await;
    assert_eq!(node.metric("socket_io_drain_state").await, 2.0);
    assert_eq!(node.metric("socket_io_drain_remaining").await, 0.0);
    assert!(
        Client::connect(&node.url()).await.is_err(),
        "it takes nobody"
    );
    assert_eq!(node.get("/ready").await.0, 503);
    assert_eq!(node.handle.drain(None, None).state, Phase::Drained);

    let ended = node.handle.end_drain().unwrap();

    assert_eq!(ended.state, Phase::Serving);
    assert_eq!(node.get("/ready").await.0, 200);
    assert_eq!(node.metric("socket_io_drain_state").await, 0.0);
    let _back = node.client().await;
    assert_eq!(status(&node), (Phase::Serving, 1));
}

#[tokio::test]
async fn a_drain_that_is_ended_in_the_middle_lets_those_stay_that_are_left() {
    let node = TestNode::start(config(), vec![]).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(node.client().await);
    }

    node.handle.drain(NonZeroU32::new(10), None);
    wait_for("some to be gone", async || status(&node).1 < 18).await;
    node.handle.end_drain().unwrap();

    assert_eq!(status(&node).0, Phase::Serving);
    assert!(status(&node).1 > 0);
    assert_eq!(node.metric("socket_io_drain_remaining").await, 0.0);
}

#[tokio::test]
async fn the_deadline_of_a_command_ends_the_rest() {
    let node = TestNode::start(config(), vec![]).await;
    let mut clients = Vec::new();
    for transport in [Transport::WebSocket, Transport::Polling] {
        for _ in 0..5 {
            clients.push(node.client_of("/", transport).await);
        }
    }

    node.handle
        .drain(NonZeroU32::new(1), Some(Duration::from_millis(150)));

    wait_for("the node to be empty", async || {
        status(&node) == (Phase::Drained, 0)
    })
    .await;
}

#[tokio::test]
async fn a_node_that_is_asked_to_end_goes_on_with_the_drain_that_it_is_in() {
    let mut config = config();
    config.drain.grace = Duration::from_secs(3600);
    config.drain.deadline = Duration::from_secs(7200);
    let mut node = TestNode::start(config, vec![]).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(node.client().await);
    }
    // This ends the grace of an hour; one that began again would not end.
    node.handle.drain(FAST, Some(Duration::ZERO));
    wait_for("the node to be empty", async || {
        status(&node) == (Phase::Drained, 0)
    })
    .await;

    node.shut_down();

    node.ended().await;
}

#[tokio::test]
async fn a_node_that_ends_takes_no_clients_again_and_can_be_hurried() {
    let mut config = config();
    config.drain.grace = Duration::from_secs(3600);
    config.drain.deadline = Duration::from_secs(7200);
    let mut node = TestNode::start(config, vec![]).await;
    let _client = node.client().await;
    node.shut_down();
    wait_for("the drain to begin", async || {
        status(&node).0 == Phase::Draining
    })
    .await;

    assert_eq!(node.handle.end_drain(), Err(Ending));
    node.handle.hurry();

    node.ended().await;
}

#[tokio::test]
async fn nodes_know_of_each_other_what_they_are() {
    let hub = MemoryHub::default();
    let one = TestNode::on(&hub, config(), vec![]).await;
    let two = TestNode::on(&hub, config(), vec![]).await;
    let _client = two.client().await;

    let seen = |state: &'static str, connections| {
        let nodes = one.handle.nodes();
        let other = nodes
            .iter()
            .find(|node| node.about.address == Some(two.address.to_string()));
        other.is_some_and(|node| {
            node.about.state.as_deref() == Some(state)
                && node.about.connections == Some(connections)
                && node.about.version.as_deref() == Some(roomcast_node::VERSION)
                && node.about.started_at.is_some()
        })
    };
    wait_for("the other to be known", async || seen("serving", 1)).await;
    assert_eq!(one.handle.nodes().len(), 2);

    two.handle.drain(FAST, None);
    wait_for("its drain to be known", async || seen("drained", 0)).await;
}
