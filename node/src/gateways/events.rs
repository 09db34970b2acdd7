//! `/`: rooms, broadcasts and echoes. Enough for many applications, and what load tests talk to.

use roomcast_gateway::{
    Ack, Data, EmitError, Exception, Gateway, JoinableRoom, Raw, RoomName, RoomPatterns, Server,
    Socket, SocketData, State, WsResponse,
};
use serde::{Deserialize, Serialize};

use crate::auth::User;

/// The gateway at `/`, whose clients may join the rooms of `joinable`, and of those what their tokens allow.
pub fn events(joinable: RoomPatterns) -> Gateway {
    Gateway::new("/")
        .state(joinable)
        .on("msgToServer", msg_to_server)
        .on("joinRoom", join_room)
        .on("leaveRoom", leave_room)
        .on("sendToRoom", send_to_room)
        .on("broadcast", broadcast)
        .on("broadcastOthers", broadcast_others)
        .on("echo", echo)
        .emits([
            "msgToClient",
            "roomMsg",
            "msgToAll",
            "msgToOthers",
            "exception",
        ])
}

/// The answer to a join or a leave.
#[derive(Debug, Serialize)]
pub(super) struct Membership {
    room: RoomName,
    joined: bool,
}

/// The answer to an emit that was handed to the adapter.
#[derive(Debug, Serialize)]
struct Sent {
    ok: bool,
}

#[derive(Debug, Deserialize)]
struct ToRoom {
    room: RoomName,
    /// Null where it is left out, as for a body.
    #[serde(default)]
    data: Raw,
}

async fn msg_to_server(Data(text): Data<String>) -> WsResponse<String> {
    WsResponse::new("msgToClient", format!("服务端收到: {text}"))
}

pub(super) async fn join_room(
    socket: Socket,
    State(joinable): State<RoomPatterns>,
    user: Option<SocketData<User>>,
    Data(room): Data<JoinableRoom>,
) -> Result<Ack<Membership>, Exception> {
    let room = RoomName::from(room);
    let is_the_users = user.is_none_or(|SocketData(user)| user.may_join(&room));
    if !is_the_users || !joinable.allow(&room) {
        return Err(Exception::new(format!("room not allowed: {room}")));
    }
    socket.join(room.as_str()).await?;
    Ok(Ack(Membership { room, joined: true }))
}

pub(super) async fn leave_room(
    socket: Socket,
    user: Option<SocketData<User>>,
    Data(room): Data<RoomName>,
) -> Result<Ack<Membership>, Exception> {
    if room.as_str() == socket.id() {
        return Err(Exception::new("a socket stays in its own room"));
    }
    if user.is_some_and(|SocketData(user)| user.room() == Some(&room)) {
        return Err(Exception::new("a socket stays in the room of its user"));
    }
    socket.leave(room.as_str());
    Ok(Ack(Membership {
        room,
        joined: false,
    }))
}

async fn send_to_room(server: Server, Data(to): Data<ToRoom>) -> Result<Ack<Sent>, Exception> {
    sent(server.to(to.room.as_str()).emit("roomMsg", &to.data))
}

async fn broadcast(server: Server, data: Raw) -> Result<Ack<Sent>, Exception> {
    sent(server.emit("msgToAll", &data))
}

async fn broadcast_others(socket: Socket, data: Raw) -> Result<Ack<Sent>, Exception> {
    sent(socket.broadcast().emit("msgToOthers", &data))
}

async fn echo(data: Raw) -> Ack<Raw> {
    Ack(data)
}

fn sent(result: Result<(), EmitError>) -> Result<Ack<Sent>, Exception> {
    result?;
    Ok(Ack(Sent { ok: true }))
}
