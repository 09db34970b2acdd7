//! What is done to sockets, wherever they are: they join and leave rooms, and are disconnected.

use axum::extract::State;
use roomcast_gateway::RoomName;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Accepted, Control, Problem,
    emit::root,
    input::{Input, RoomSchema},
};

/// Rooms to join or to leave, and by whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    #[serde(default = "root")]
    #[schema(default = "/", example = "/chat")]
    namespace: String,
    /// The sockets that are in any of these rooms; all of the namespace where it is missing. The id of a socket is a room.
    #[serde(rename = "in")]
    #[schema(value_type = Option<Vec<RoomSchema>>, min_items = 1)]
    within: Option<Vec<RoomName>>,
    /// The rooms.
    #[schema(value_type = Vec<RoomSchema>, min_items = 1)]
    rooms: Vec<RoomName>,
}

/// Sockets to disconnect.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Disconnect {
    #[serde(default = "root")]
    #[schema(default = "/", example = "/chat")]
    namespace: String,
    /// The sockets that are in any of these rooms. The id of a socket is a room.
    #[serde(rename = "in")]
    #[schema(value_type = Option<Vec<RoomSchema>>, min_items = 1)]
    within: Option<Vec<RoomName>>,
    /// All sockets of the namespace. Either this or `in` is needed.
    #[serde(default)]
    all: bool,
    /// Whether their whole connections are ended, with all namespaces that they carry.
    #[serde(default)]
    close: bool,
}

/// Has sockets join rooms.
#[utoipa::path(
    post, path = "/api/v1/join", tag = "sockets", request_body = Move,
    responses(
        (status = 202, body = Accepted, description = "Those of this node have joined, the others will"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "Nobody has joined"),
    )
)]
pub(super) async fn join(
    State(control): State<Control>,
    Input(change): Input<Move>,
) -> Result<Accepted, Problem> {
    let (namespace, selection, rooms) = control.moving(change)?;
    let joined = control.0.server.sockets_join(&namespace, &selection, rooms);
    joined
        .map_err(|error| control.refused(&error).about("rooms"))?
        .await;
    Ok(Accepted { accepted: 1 })
}

/// Has sockets leave rooms.
#[utoipa::path(
    post, path = "/api/v1/leave", tag = "sockets", request_body = Move,
    responses(
        (status = 202, body = Accepted, description = "Those of this node have left, the others will"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "Nobody has left"),
    )
)]
pub(super) async fn leave(
    State(control): State<Control>,
    Input(change): Input<Move>,
) -> Result<Accepted, Problem> {
    let (namespace, selection, rooms) = control.moving(change)?;
    let left = control
        .0
        .server
        .sockets_leave(&namespace, &selection, rooms);
    left.map_err(|error| control.refused(&error).about("rooms"))?;
    Ok(Accepted { accepted: 1 })
}

/// Disconnects sockets. Stock clients do not come back by themselves.
#[utoipa::path(
    post, path = "/api/v1/disconnect", tag = "sockets", request_body = Disconnect,
    responses(
        (status = 202, body = Accepted, description = "Those of this node are disconnected, the others will be"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "Nobody is disconnected"),
    )
)]
pub(super) async fn disconnect(
    State(control): State<Control>,
    Input(change): Input<Disconnect>,
) -> Result<Accepted, Problem> {
    let Disconnect {
        namespace,
        within,
        all,
        close,
    } = change;
    match (within.as_deref(), all) {
        (None | Some([]), false) => {
            return Err(Problem::field(
                "in",
                "expected the rooms whose members are disconnected, or \"all\":true for everyone",
            ));
        }
        (Some(_), true) => {
            return Err(Problem::field(
                "all",
                "expected it without in, which selects fewer",
            ));
        }
        _ => {}
    }
    let selection = control.selection(&namespace, rooms_of(within)?, Vec::new())?;
    let server = &control.0.server;
    let disconnected = server.disconnect_sockets(&namespace, &selection, close);
    disconnected.map_err(|error| control.refused(&error).about("in"))?;
    Ok(Accepted { accepted: 1 })
}

impl Control {
    fn moving(
        &self,
        change: Move,
    ) -> Result<(String, roomcast_gateway::platform::Selection, Vec<String>), Problem> {
        let Move {
            namespace,
            within,
            rooms,
        } = change;
        let selection = self.selection(&namespace, rooms_of(within)?, Vec::new())?;
        if rooms.is_empty() {
            return Err(Problem::field("rooms", "expected one room at least"));
        }
        Ok((
            namespace,
            selection,
            rooms.into_iter().map(String::from).collect(),
        ))
    }
}

/// The rooms that select; none select everybody, so a list without any is a mistake.
fn rooms_of(within: Option<Vec<RoomName>>) -> Result<Vec<String>, Problem> {
    match within {
        Some(rooms) if rooms.is_empty() => Err(Problem::field(
            "in",
            "expected one room at least; leave it out to select everyone",
        )),
        rooms => Ok(rooms.into_iter().flatten().map(String::from).collect()),
    }
}
