//! What gateways ask of the sockets of all nodes, on both platforms.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::time::Duration;

use common::{TestNode, config, wait_for};
use roomcast_adapter::bus::MemoryHub;
use roomcast_loadtest::client::Transport;
use roomcast_node::gateway::{Ack, Data, Exception, Gateway, Route, Server, Socket};
use serde_json::{Value, json};

async fn join(socket: Socket, Data(room): Data<String>) -> Result<Ack<bool>, Exception> {
    socket.share("room", &room)?;
    socket.join(room).await.expect("few rooms are joined here");
    Ok(Ack(true))
}

async fn members(server: Server, Data(room): Data<String>) -> Result<Ack<Value>, Exception> {
    let found = server.to(room).fetch_sockets().await?;
    let told = found.value.iter().map(|socket| {
        json!({ "id": socket.id, "data": socket.data, "transport": socket.handshake.query("transport") })
    });
    Ok(Ack(
        json!({ "members": told.collect::<Vec<_>>(), "all": found.missing.is_nobody() }),
    ))
}

async fn count(server: Server) -> Result<Ack<usize>, Exception> {
    Ok(Ack(server.everyone().count().await?.value))
}

async fn evict(server: Server, Data(room): Data<String>) -> Result<Ack<bool>, Exception> {
    server.to(room).disconnect_sockets(true)?;
    Ok(Ack(true))
}

/// An event that is answered, and one right behind it.
async fn ask(server: Server) -> Result<Ack<usize>, Exception> {
    let asking = server
        .everyone()
        .emit_with_ack("ask", &(), Duration::from_secs(10));
    let (asked, after) = tokio::join!(asking, async { server.emit("after", &()) });
    after?;
    Ok(Ack(asked?.received.len()))
}

fn ops() -> Gateway {
    Gateway::new("/ops")
        .on("join", join)
        .on("members", members)
        .on("count", count)
        .on("evict", evict)
        .route("ask", Route::to(ask).concurrent())
}

/// Two nodes that know of each other.
async fn two() -> [TestNode; 2] {
    let hub = MemoryHub::default();
    let one = TestNode::on(&hub, config(), vec![ops()]).await;
    let two = TestNode::on(&hub, config(), vec![ops()]).await;
    for node in [&one, &two] {
        wait_for("the nodes to hear each other", async || {
            node.metric("socket_io_cluster_nodes").await == 2.0
        })
        .await;
    }
    [one, two]
}

#[tokio::test]
async fn sockets_of_all_nodes_are_seen_with_what_they_share() {
    let [one, two] = two().await;
    let here = one.client_of("/ops", Transport::WebSocket).await;
    let there = two.client_of("/ops", Transport::Polling).await;
    here.emit_with_ack("join", "red").await.unwrap();
    there.emit_with_ack("join", "red").await.unwrap();

    let found = here.emit_with_ack("members", "red").await.unwrap();
    let count = there.emit_with_ack("count", &Value::Null).await.unwrap();

    let member = |client: &roomcast_loadtest::client::Client, transport| json!({ "id": client.id(), "data": { "room": "red" }, "transport": transport });
    assert_eq!(
        found[0],
        json!({ "members": [member(&here, "websocket"), member(&there, "polling")], "all": true })
    );
    assert_eq!(count, [json!(2)]);
}

#[tokio::test]
async fn a_selection_is_disconnected_with_its_connections() {
    let [one, two] = two().await;
    let here = one.client_of("/ops", Transport::WebSocket).await;
    let there = two.client_of("/ops", Transport::Polling).await;
    there.emit_with_ack("join", "out").await.unwrap();
    let stays = two.client_of("/ops", Transport::WebSocket).await;

    here.emit_with_ack("evict", "out").await.unwrap();

    wait_for("the client to be gone", async || {
        two.metric(
            r#"socket_io_disconnect_total{namespace="/ops",reason="server namespace disconnect"}"#,
        )
        .await
            == 1.0
    })
    .await;
    assert_eq!(
        stays.emit_with_ack("count", &Value::Null).await.unwrap(),
        [json!(2)]
    );
}

#[tokio::test]
async fn what_follows_an_event_that_asks_for_an_ack_comes_behind_it() {
    let [one, two] = two().await;
    let asker = one.client_of("/ops", Transport::WebSocket).await;
    let mut clients = Vec::new();
    for node in [&one, &two] {
        clients.push(node.client_of("/ops", Transport::WebSocket).await);
        clients.push(node.client_of("/ops", Transport::Polling).await);
    }

    for _ in 0..20 {
        asker.emit("ask", &()).await.unwrap();
        for client in &mut clients {
            let asked = client.next_event().await.unwrap();
            assert_eq!(asked.name, "ask");
            client.answer(&asked, &[json!(1)]).await.unwrap();
            assert_eq!(client.next_event().await.unwrap().name, "after");
        }
    }
}
