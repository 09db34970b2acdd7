//! The events of the `/` gateway that load tests use, on stock socketioxide: its defaults, its documented Redis adapter
//! where `REDIS_URL` is set, handlers as closures' documentation shows them. `PORT` says where it listens.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::adapter::Adapter;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr};

#[derive(Deserialize, Serialize)]
struct ToRoom {
    room: String,
    data: Value,
}

async fn on_connect<A: Adapter>(socket: SocketRef<A>) {
    socket.on("joinRoom", join_room);
    socket.on("leaveRoom", leave_room);
    socket.on("sendToRoom", send_to_room);
    socket.on("broadcast", broadcast);
    socket.on("broadcastOthers", broadcast_others);
    socket.on("echo", echo);
}

async fn join_room<A: Adapter>(socket: SocketRef<A>, Data(room): Data<String>, ack: AckSender<A>) {
    socket.join(room.clone());
    ack.send(&json!({ "room": room, "joined": true })).ok();
}

async fn leave_room<A: Adapter>(socket: SocketRef<A>, Data(room): Data<String>, ack: AckSender<A>) {
    socket.leave(room.clone());
    ack.send(&json!({ "room": room, "joined": false })).ok();
}

async fn send_to_room<A: Adapter>(
    io: SocketIo<A>,
    Data(ToRoom { room, data }): Data<ToRoom>,
    ack: AckSender<A>,
) {
    io.to(room).emit("roomMsg", &data).await.ok();
    ack.send(&json!({ "ok": true })).ok();
}

async fn broadcast<A: Adapter>(io: SocketIo<A>, Data(data): Data<Value>, ack: AckSender<A>) {
    io.emit("msgToAll", &data).await.ok();
    ack.send(&json!({ "ok": true })).ok();
}

async fn broadcast_others<A: Adapter>(
    socket: SocketRef<A>,
    Data(data): Data<Value>,
    ack: AckSender<A>,
) {
    socket.broadcast().emit("msgToOthers", &data).await.ok();
    ack.send(&json!({ "ok": true })).ok();
}

async fn echo<A: Adapter>(Data(data): Data<Value>, ack: AckSender<A>) {
    ack.send(&data).ok();
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let app = match std::env::var("REDIS_URL") {
        Ok(url) => {
            let client = redis::Client::open(format!("{url}?protocol=resp3"))?;
            let adapter = RedisAdapterCtr::new_with_redis(&client).await?;
            let (layer, io) = SocketIo::builder()
                .with_adapter::<RedisAdapter<_>>(adapter)
                .build_layer();
            io.ns("/", on_connect).await?;
            axum::Router::new().layer(layer)
        }
        Err(_) => {
            let (layer, io) = SocketIo::new_layer();
            io.ns("/", on_connect);
            axum::Router::new().layer(layer)
        }
    };
    println!("listening on {port}");
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        served = axum::serve(listener, app) => served?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
