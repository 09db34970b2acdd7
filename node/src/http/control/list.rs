//! Who is connected, where, and in which rooms.

#![expect(
    unused_qualifications,
    reason = "written by the macro that describes parameters"
)]

use std::time::SystemTime;

use axum::{Json, extract::State};
use roomcast_gateway::{RemoteSocket, RoomName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Control, Problem, emit::root, input::Params};

/// Sockets of one page, where the request does not say.
const PAGE: usize = 100;

/// Sockets of one page at most.
const MOST: usize = 1000;

/// Which sockets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    #[serde(default = "root")]
    #[param(default = "/", example = "/chat")]
    namespace: String,
    /// Only those in this room.
    #[param(value_type = Option<String>, min_length = 1, max_length = 256)]
    room: Option<RoomName>,
    /// How many at most, 1 to 1000.
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Only those behind this id: the `next` of the page before.
    after: Option<String>,
}

/// Which namespace.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Where {
    #[serde(default = "root")]
    #[param(default = "/", example = "/chat")]
    namespace: String,
}

/// Which namespace, of those that know who is online.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Chat {
    #[serde(default = "chat")]
    #[param(default = "/chat")]
    namespace: String,
}

/// A page of sockets, in the order of their ids.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sockets {
    sockets: Vec<Socket>,
    /// What to give as `after` for the next page; null where this is the last.
    next: Option<String>,
    /// Nodes that have not answered; `foreign` stands for a server that speaks only Node's protocol.
    missing_nodes: Vec<String>,
}

/// One socket.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Socket {
    /// As its client sees it in `socket.id`.
    id: String,
    /// The node that has it; null for a server that speaks only Node's protocol.
    node: Option<String>,
    namespace: String,
    /// The rooms that it is in, that of its own id included.
    rooms: Vec<String>,
    /// What its application shares of it.
    data: serde_json::Value,
    /// The client's IP address.
    address: Option<String>,
    /// In RFC 3339, in UTC.
    #[schema(example = "2026-11-26T20:15:00.123Z")]
    connected_at: String,
}

/// All rooms of a namespace.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rooms {
    /// In the order of their names. Rooms that are only the id of a socket are left out.
    rooms: Vec<Room>,
    /// Nodes that have not answered; `foreign` stands for a server that speaks only Node's protocol.
    missing_nodes: Vec<String>,
}

/// One room.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Room {
    room: String,
    /// How many sockets are in it.
    sockets: usize,
}

/// Who is online.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Online {
    online: Vec<User>,
}

/// One user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct User {
    /// The id of the user's socket.
    client_id: String,
    username: String,
    node: String,
}

fn chat() -> String {
    "/chat".to_owned()
}

/// Lists sockets, a page at a time.
#[utoipa::path(
    get, path = "/api/v1/sockets", tag = "lists", params(Which),
    responses(
        (status = 200, body = Sockets, description = "A page of sockets"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "A parameter is wrong"),
    )
)]
pub(super) async fn sockets(
    State(control): State<Control>,
    Params(which): Params<Which>,
) -> Result<Json<Sockets>, Problem> {
    let Which {
        namespace,
        room,
        limit,
        after,
    } = which;
    let limit = limit.unwrap_or(PAGE);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::field("limit", format!("expected 1 to {MOST}")));
    }
    let rooms = room.into_iter().map(String::from).collect();
    let selection = control.selection(&namespace, rooms, Vec::new())?;
    // One more than is wanted tells whether there is a next page.
    let page = control
        .0
        .server
        .fetch_page(&namespace, &selection, after, limit + 1);
    let mut page = page.map_err(|error| control.refused(&error))?.await;
    let is_last = page.value.len() <= limit;
    page.value.truncate(limit);
    let last = page.value.last().map(|socket| socket.id.clone());
    Ok(Json(Sockets {
        next: last.filter(|_| !is_last),
        sockets: page
            .value
            .into_iter()
            .map(|socket| Socket::of(socket, &namespace))
            .collect(),
        missing_nodes: control.missing(page.missing),
    }))
}

/// Lists rooms, and how many sockets each has.
#[utoipa::path(
    get, path = "/api/v1/rooms", tag = "lists", params(Where),
    responses(
        (status = 200, body = Rooms, description = "All rooms of the namespace"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "A parameter is wrong"),
    )
)]
pub(super) async fn rooms(
    State(control): State<Control>,
    Params(Where { namespace }): Params<Where>,
) -> Result<Json<Rooms>, Problem> {
    control.served(&namespace)?;
    let sizes = control.0.server.room_sizes(&namespace);
    let sizes = sizes.map_err(|error| control.refused(&error))?.await;
    let rooms = sizes.value.into_iter();
    Ok(Json(Rooms {
        rooms: rooms
            .map(|(room, sockets)| Room { room, sockets })
            .collect(),
        missing_nodes: control.missing(sizes.missing),
    }))
}

/// Lists who is online in the built-in chat.
#[utoipa::path(
    get, path = "/api/v1/presence", tag = "lists", params(Chat),
    responses(
        (status = 200, body = Online, description = "All users, in the order of their coming"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "A parameter is wrong"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Redis does not answer"),
    )
)]
pub(super) async fn presence(
    State(control): State<Control>,
    Params(Chat { namespace }): Params<Chat>,
) -> Result<Json<Online>, Problem> {
    control.served(&namespace)?;
    let Some(presence) = control.0.presence.as_ref().filter(|_| namespace == chat()) else {
        return Err(Problem::namespace(&namespace, &[chat()]));
    };
    let online = presence
        .everyone()
        .await
        .map_err(|error| Problem::unavailable("redis", super::chain(&error)))?;
    let users = online.into_iter().map(|user| User {
        client_id: user.client_id.to_string(),
        username: user.username.to_string(),
        node: user.node,
    });
    Ok(Json(Online {
        online: users.collect(),
    }))
}

impl Socket {
    fn of(socket: RemoteSocket, namespace: &str) -> Self {
        let mut rooms = socket.rooms;
        rooms.sort();
        Self {
            id: socket.id,
            node: socket.node,
            namespace: namespace.to_owned(),
            rooms,
            data: socket.data,
            address: socket
                .handshake
                .address()
                .map(|address| address.to_string()),
            connected_at: timestamp(socket.handshake.time()),
        }
    }
}

fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
