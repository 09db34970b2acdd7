//! `/chat`: a chat for everyone, rooms in it, and who is there.

mod input;

use std::{sync::Arc, time::SystemTime};

use roomcast_gateway::{
    Data, DisconnectReason, Exception, Gateway, Raw, RoomName, RoomPatterns, Server, Socket,
    SocketData, State,
};
use serde::{Deserialize, Serialize};

use self::input::{Text, Username};
use super::events::{join_room, leave_room};
use crate::auth::User;
use crate::presence::{Change, Joined, Presence};

/// What a client reads that has joined.
const WELCOME: &str = "成功加入聊天室";

/// The gateway at `/chat`, whose users are kept by `presence`. They may join the rooms of `joinable`, and of those what
/// their tokens allow.
///
/// Users of other nodes that have died are announced by whichever node finds it, and so by this one, too.
pub fn chat(presence: Presence, joinable: RoomPatterns) -> Gateway {
    Gateway::new("/chat")
        .state(presence)
        .state(joinable)
        .on_init(announce_changes)
        .on_connection(welcome)
        .on_disconnect(leave)
        .on("joinChat", join_chat)
        .on("sendMessage", send_message)
        .on("typing", typing)
        .on("message", message_to_group)
        .on("joinRoom", join_room)
        .on("leaveRoom", leave_room)
        .emits([
            "onlineUsers",
            "userOnline",
            "userOffline",
            "joined",
            "newMessage",
            "userTyping",
            "message",
            "exception",
        ])
}

/// Whom a client has joined the chat as.
#[derive(Debug, Clone)]
struct Member(Arc<str>);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Seen<'a> {
    username: &'a str,
    client_id: &'a str,
}

/// The body of `joinChat`. The name may be missing where a token says it.
#[derive(Debug, Deserialize)]
struct Join {
    username: Option<Username>,
}

#[derive(Debug, Serialize)]
struct Welcome<'a> {
    username: &'a str,
    message: &'static str,
}

#[derive(Debug, Deserialize)]
struct Say {
    message: Text,
    room: Option<RoomName>,
}

#[derive(Debug, Serialize)]
struct Said<'a> {
    username: &'a str,
    message: &'a str,
    timestamp: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IsTyping {
    is_typing: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Types<'a> {
    username: &'a str,
    is_typing: bool,
}

#[derive(Debug, Deserialize)]
struct ToGroup {
    group: RoomName,
    /// Null where it is left out.
    #[serde(default)]
    msg: Raw,
}

async fn announce_changes(server: Server, State(presence): State<Presence>) {
    presence.on_change(move |change| {
        let announced = match &change {
            Change::Online {
                client_id,
                username,
            } => online(&server, username, client_id),
            Change::Offline {
                client_id,
                username,
            } => offline(&server, username, client_id),
        };
        if let Err(exception) = announced {
            tracing::error!(?exception, ?change, "a user's change was not announced");
        }
    });
}

async fn welcome(socket: Socket, State(presence): State<Presence>) -> Result<(), Exception> {
    let users = presence.online();
    let users: Vec<_> = users.iter().map(|(id, name)| (&**id, &**name)).collect();
    socket.emit("onlineUsers", &users)?;
    Ok(())
}

async fn leave(
    socket: Socket,
    server: Server,
    State(presence): State<Presence>,
    member: Option<SocketData<Member>>,
    reason: DisconnectReason,
) -> Result<(), Exception> {
    if member.is_none() {
        return Ok(());
    }
    let left = match reason {
        // Who is back on another node in time was never away.
        DisconnectReason::ServerShuttingDown => presence.depart(socket.id()).await?,
        _ => presence.leave(socket.id()).await?,
    };
    // Nothing where somebody else announces it: a node that was taken for dead, as a rule.
    if let Some(username) = left {
        offline(&server, &username, socket.id())?;
    }
    Ok(())
}

async fn join_chat(
    socket: Socket,
    server: Server,
    State(presence): State<Presence>,
    user: Option<SocketData<User>>,
    body: Raw,
) -> Result<(), Exception> {
    // A token's name is always the one; who has none is called what the body says.
    let known = user.and_then(|SocketData(user)| user.name().cloned());
    let username = match known {
        Some(name) => name,
        None => asked_for(&body)?,
    };
    let joined = presence.join(socket.id(), &username).await?;
    socket.set_data(Member(username.clone()));
    match joined {
        Joined::New => online(&server, &username, socket.id())?,
        Joined::Back { gone } => {
            online(&server, &username, socket.id())?;
            for gone in gone {
                offline(&server, &username, &gone)?;
            }
        }
        Joined::Renamed { old } => {
            offline(&server, &old, socket.id())?;
            online(&server, &username, socket.id())?;
        }
        Joined::Same => {}
    }
    socket.emit(
        "joined",
        &Welcome {
            username: &username,
            message: WELCOME,
        },
    )?;
    Ok(())
}

/// The name that the body asks for.
fn asked_for(body: &Raw) -> Result<Arc<str>, Exception> {
    let join: Join = body.parse()?;
    match join.username {
        Some(username) => Ok(username.into()),
        None => Err(Exception::new("username: missing")),
    }
}

async fn send_message(
    server: Server,
    member: Option<SocketData<Member>>,
    Data(say): Data<Say>,
) -> Result<(), Exception> {
    let Some(SocketData(Member(username))) = member else {
        return Ok(());
    };
    let said = Said {
        username: &username,
        message: say.message.as_str(),
        timestamp: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
    };
    match say.room {
        Some(room) => server.to(room).emit("newMessage", &said)?,
        None => server.emit("newMessage", &said)?,
    }
    Ok(())
}

async fn typing(
    socket: Socket,
    member: Option<SocketData<Member>>,
    Data(typing): Data<IsTyping>,
) -> Result<(), Exception> {
    if let Some(SocketData(Member(username))) = member {
        let types = Types {
            username: &username,
            is_typing: typing.is_typing,
        };
        socket.broadcast().emit("userTyping", &types)?;
    }
    Ok(())
}

async fn message_to_group(server: Server, Data(to): Data<ToGroup>) -> Result<(), Exception> {
    server.to(to.group).emit("message", &to.msg)?;
    Ok(())
}

fn online(server: &Server, username: &str, client_id: &str) -> Result<(), Exception> {
    let seen = Seen {
        username,
        client_id,
    };
    server.emit("userOnline", &seen)?;
    Ok(())
}

fn offline(server: &Server, username: &str, client_id: &str) -> Result<(), Exception> {
    let seen = Seen {
        username,
        client_id,
    };
    server.emit("userOffline", &seen)?;
    Ok(())
}
