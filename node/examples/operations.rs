//! A node whose gateway on `/ops` does to the whole cluster what its clients ask for: `cargo run --example operations`.
//!
//! Each operation is what a server of Node.js calls by the same name. Not for the open internet: whoever connects is in
//! charge.

use std::time::Duration;

use roomcast_node::gateway::{
    Ack, Broadcast, Data, Exception, Gateway, Gathered, JoinableRoom, Missing, Raw, RemoteSocket,
    Server, Socket,
};
use roomcast_node::{Config, Node, signal, telemetry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Which sockets: those in any of the rooms, or all, but none in the excepted ones.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Selected {
    rooms: Vec<String>,
    except: Vec<String>,
    local: bool,
}

impl Selected {
    fn of(&self, server: &Server) -> Broadcast {
        let mut selection = server.everyone();
        for room in &self.rooms {
            selection = selection.to(room);
        }
        for room in &self.except {
            selection = selection.except(room);
        }
        if self.local {
            selection.local()
        } else {
            selection
        }
    }
}

#[derive(Deserialize)]
struct Emit {
    #[serde(flatten)]
    selected: Selected,
    event: String,
    #[serde(default)]
    data: Value,
    #[serde(default = "a_second")]
    timeout: u64,
}

fn a_second() -> u64 {
    1000
}

/// What clients answered, binary values included.
#[derive(Serialize)]
struct Acknowledged {
    value: Vec<Raw>,
    silent: usize,
    missing: Missing,
}

#[derive(Deserialize)]
struct Move {
    #[serde(flatten)]
    selected: Selected,
    room: String,
}

#[derive(Deserialize)]
struct Disconnect {
    #[serde(flatten)]
    selected: Selected,
    #[serde(default)]
    close: bool,
}

async fn join(socket: Socket, Data(room): Data<JoinableRoom>) -> Result<Ack<bool>, Exception> {
    socket.join(room).await?;
    Ok(Ack(true))
}

/// Keeps something with the socket that every server of the cluster can see.
async fn share(
    socket: Socket,
    Data((name, value)): Data<(String, Value)>,
) -> Result<Ack<bool>, Exception> {
    socket.share(&name, &value)?;
    Ok(Ack(true))
}

async fn emit(server: Server, Data(emit): Data<Emit>) -> Result<Ack<bool>, Exception> {
    emit.selected.of(&server).emit(&emit.event, &emit.data)?;
    Ok(Ack(true))
}

async fn emit_with_ack(
    server: Server,
    Data(emit): Data<Emit>,
) -> Result<Ack<Acknowledged>, Exception> {
    let timeout = Duration::from_millis(emit.timeout);
    let selection = emit.selected.of(&server);
    let answers = selection
        .emit_with_ack(&emit.event, &emit.data, timeout)
        .await?;
    Ok(Ack(Acknowledged {
        value: answers.received,
        silent: answers.silent,
        missing: answers.missing,
    }))
}

async fn fetch_sockets(
    server: Server,
    Data(selected): Data<Selected>,
) -> Result<Ack<Value>, Exception> {
    let found = selected.of(&server).fetch_sockets().await?;
    let sockets: Vec<_> = found.value.iter().map(socket).collect();
    Ok(Ack(json!({ "value": sockets, "missing": found.missing })))
}

async fn count(server: Server, Data(selected): Data<Selected>) -> Result<Ack<Value>, Exception> {
    Ok(Ack(json!(selected.of(&server).count().await?)))
}

async fn rooms(server: Server) -> Result<Ack<Value>, Exception> {
    Ok(Ack(json!(server.rooms().await?)))
}

async fn sockets_join(server: Server, Data(to): Data<Move>) -> Result<Ack<bool>, Exception> {
    to.selected.of(&server).sockets_join(to.room)?.await;
    Ok(Ack(true))
}

async fn sockets_leave(server: Server, Data(from): Data<Move>) -> Result<Ack<bool>, Exception> {
    from.selected.of(&server).sockets_leave(from.room)?;
    Ok(Ack(true))
}

async fn disconnect_sockets(
    server: Server,
    Data(out): Data<Disconnect>,
) -> Result<Ack<bool>, Exception> {
    out.selected.of(&server).disconnect_sockets(out.close)?;
    Ok(Ack(true))
}

async fn server_side_emit(server: Server, Data(emit): Data<Emit>) -> Result<Ack<bool>, Exception> {
    server.server_side_emit(&emit.event, &emit.data)?;
    Ok(Ack(true))
}

async fn server_side_emit_with_ack(
    server: Server,
    Data(emit): Data<Emit>,
) -> Result<Ack<Gathered<Vec<Raw>>>, Exception> {
    let timeout = Duration::from_millis(emit.timeout);
    let asked = server.server_side_emit_with_ack(&emit.event, &emit.data, timeout);
    Ok(Ack(asked.await?))
}

/// What another server says, told to everybody here.
async fn tell(server: Server, said: Raw) -> Result<(), Exception> {
    Ok(server.everyone().local().emit("told", &said)?)
}

/// What another server asks.
async fn ask(server: Server, said: Raw) -> Ack<Value> {
    Ack(json!({ "node": server.node_id(), "heard": said }))
}

fn socket(socket: &RemoteSocket) -> Value {
    let handshake = &socket.handshake;
    json!({
        "id": socket.id,
        "rooms": socket.rooms,
        "data": socket.data,
        "handshake": {
            "address": handshake.address().map(|address| address.to_string()),
            "auth": handshake.auth(),
            "url": handshake.url(),
            "userAgent": handshake.header("user-agent"),
            "transport": handshake.query("transport"),
        },
    })
}

fn operations() -> Gateway {
    Gateway::new("/ops")
        .on("join", join)
        .on("share", share)
        .on("emit", emit)
        .on("emitWithAck", emit_with_ack)
        .on("fetchSockets", fetch_sockets)
        .on("count", count)
        .on("rooms", rooms)
        .on("socketsJoin", sockets_join)
        .on("socketsLeave", sockets_leave)
        .on("disconnectSockets", disconnect_sockets)
        .on("serverSideEmit", server_side_emit)
        .on("serverSideEmitWithAck", server_side_emit_with_ack)
        .on_server_side("tell", tell)
        .on_server_side("ask", ask)
        .emits(["told"])
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::from_args()?;
    telemetry::install(&config.log);
    let node = Node::builder(config).gateway(operations()).bind().await?;
    node.run(signal::shutdown()?).await;
    Ok(())
}
