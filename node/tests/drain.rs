//! Drains by command and by signal, and what nodes know of each other.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{num::NonZeroU32, time::Duration};

use common::{TestNode, config, send, wait_for};
use roomcast_adapter::bus::MemoryHub;
use roomcast_loadtest::client::{Client, Transport};
use roomcast_node::{Ending, Phase};
use serde_json::json;

const FAST: Option<NonZeroU32> = NonZeroU32::new(1000);

/// How many sessions a node has, and where it is.
fn status(node: &TestNode) -> (Phase, usize) {
    let status = node.handle.drain_status();
    (status.state, status.remaining)
}

#[tokio::test]
async fn a_drain_by_command_leaves_an_empty_node_that_takes_clients_again_when_it_is_told() {
    let mut config = config();
    config.drain.grace = Duration::from_secs(1);
    let node = TestNode::start(config, vec![]).await;
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
    wait_for("its drain to be known", async || seen("draining", 0)).await;
}

/// What the control API of a node answers.
async fn call(node: &TestNode, method: &str, path: &str, body: &str) -> (u16, serde_json::Value) {
    let request = format!(
        "{method} /api/v1/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (code, body) = send(node.admin, &request).await;
    (code, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn the_control_api_starts_shows_and_ends_a_drain() {
    let mut config = config();
    config.drain.grace = Duration::from_secs(3600);
    config.drain.deadline = Duration::from_secs(7200);
    let mut node = TestNode::start(config, vec![]).await;
    let _client = node.client().await;

    let (code, serving) = call(&node, "GET", "drain", "").await;
    assert_eq!(
        (code, serving),
        (200, json!({"state": "serving", "remaining": 1}))
    );

    let (code, begun) = call(&node, "POST", "drain", r#"{"rate":7}"#).await;
    assert_eq!(
        (code, begun),
        (
            200,
            json!({"state": "draining", "remaining": 1, "rate": 7, "grace": "1h", "deadline": "2h"})
        )
    );
    for wrong in [r#"{"rate":0}"#, r#"{"deadline":60}"#, r#"{"speed":1}"#] {
        let (code, problem) = call(&node, "POST", "drain", wrong).await;
        assert_eq!(code, 400, "{problem}");
        assert!(problem["field"].is_string(), "{problem}");
    }
    let (_, unchanged) = call(&node, "GET", "drain", "").await;
    assert_eq!(unchanged["rate"], 7);

    let (code, ended) = call(&node, "DELETE", "drain", "").await;
    assert_eq!((code, &ended["state"]), (200, &json!("serving")));

    node.shut_down();
    wait_for("the drain to begin", async || {
        status(&node).0 == Phase::Draining
    })
    .await;
    let (code, problem) = call(&node, "DELETE", "drain", "").await;
    assert_eq!(
        (code, &problem["type"]),
        (409, &json!("urn:roomcast:problem:ending"))
    );
}

#[tokio::test]
async fn a_rebalance_closes_what_each_node_has_above_the_average_and_no_more() {
    let hub = MemoryHub::default();
    let [one, two, three, draining] = [
        TestNode::on(&hub, config(), vec![]).await,
        TestNode::on(&hub, config(), vec![]).await,
        TestNode::on(&hub, config(), vec![]).await,
        TestNode::on(&hub, config(), vec![]).await,
    ];
    draining.handle.drain(FAST, None);
    let mut clients = Vec::new();
    for (node, count) in [(&one, 2), (&two, 25), (&three, 9)] {
        for _ in 0..count {
            clients.push(node.client().await);
        }
    }
    let known = || {
        let nodes = one.handle.nodes();
        let serving = nodes
            .iter()
            .filter(|node| node.about.state.as_deref() == Some("serving"));
        serving
            .filter_map(|node| node.about.connections)
            .sum::<u64>()
    };
    wait_for("the nodes to know of each other", async || {
        known() == 36
            && one
                .handle
                .nodes()
                .iter()
                .any(|node| node.about.state.as_deref() == Some("draining"))
    })
    .await;

    let (code, plan) = call(&one, "POST", "rebalance", r#"{"rate":100}"#).await;

    assert_eq!(code, 202);
    let nodes = plan["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 3, "the one that drains takes no part");
    for node in nodes {
        let surplus = node["connections"].as_u64().unwrap().saturating_sub(12);
        assert_eq!(node["to_close"], surplus, "{node}");
    }
    wait_for("the fullest node to have the average", async || {
        status(&two).1 == 12
    })
    .await;
    let counts = [&one, &two, &three].map(|node| status(node).1);
    assert_eq!(counts, [2, 12, 9]);
    let (code, problem) = call(&one, "POST", "rebalance", r#"{"rate":-1}"#).await;
    assert_eq!((code, &problem["field"]), (400, &json!("rate")));

    let (code, listed) = call(&one, "GET", "nodes", "").await;
    assert_eq!((code, &listed["foreign"]), (200, &json!(0)));
    assert_eq!(listed["nodes"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn the_surplus_of_the_node_that_is_asked_goes_too() {
    let hub = MemoryHub::default();
    let one = TestNode::on(&hub, config(), vec![]).await;
    let two = TestNode::on(&hub, config(), vec![]).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(one.client().await);
    }
    wait_for("the other to be known", async || {
        one.handle.nodes().len() == 2
    })
    .await;

    let shares = one.handle.rebalance(FAST);

    assert_eq!(shares.iter().map(|share| share.to_close).sum::<u64>(), 4);
    wait_for("half to be gone", async || status(&one).1 == 4).await;
    drop(two);
}
