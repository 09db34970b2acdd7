//! A node with a gateway of its own on `/poll`: `cargo run --example gateway`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use roomcast_node::gateway::{
    Ack, Data, Exception, Gateway, JoinableRoom, RoomName, Server, Socket, State, WsResponse,
};
use roomcast_node::{Config, Node, signal, telemetry};
use serde::Deserialize;

/// Votes that were cast on this node, shared by all handlers.
type Votes = Arc<AtomicU64>;

#[derive(Deserialize)]
struct Vote {
    room: RoomName,
    choice: String,
}

async fn watch(socket: Socket, Data(room): Data<JoinableRoom>) -> Result<Ack<bool>, Exception> {
    // Once this is done, the client misses nothing that any node emits to the room.
    socket.join(room).await?;
    Ok(Ack(true))
}

async fn vote(
    server: Server,
    State(votes): State<Votes>,
    Data(vote): Data<Vote>,
) -> Result<Ack<u64>, Exception> {
    if vote.choice.is_empty() {
        return Err(Exception::new("choose something"));
    }
    server.to(vote.room).emit("voted", &vote.choice)?;
    Ok(Ack(votes.fetch_add(1, Relaxed) + 1))
}

async fn count(State(votes): State<Votes>) -> WsResponse<u64> {
    WsResponse::new("counted", votes.load(Relaxed))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::from_args()?;
    telemetry::install(&config.log);
    let poll = Gateway::new("/poll")
        .state(Votes::default())
        .on("watch", watch)
        .on("vote", vote)
        .on("count", count);
    let node = Node::builder(config).gateway(poll).bind().await?;
    node.run(signal::shutdown()?).await;
    Ok(())
}
