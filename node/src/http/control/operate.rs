//! What operators do to nodes: look at all of them, drain this one, spread the clients evenly.

use std::num::NonZeroU32;

use axum::{Json, extract::State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Control, Problem,
    input::{OptionalInput, Time},
};
use crate::{drain, nodes, rebalance};

/// How to drain.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Drain {
    /// Connections to close per second; as `drain.rate` says where it is missing.
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 4_294_967_295_u32, example = 500)]
    rate: Option<NonZeroU32>,
    /// When what is left is closed, the grace included; as `drain.deadline` says where it is missing.
    #[schema(value_type = Option<String>, example = "60s")]
    deadline: Option<Time>,
}

/// How to spread clients.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rebalance {
    /// Connections that each node closes per second at most; as `drain.rate` says where it is missing.
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 4_294_967_295_u32, example = 100)]
    rate: Option<NonZeroU32>,
}

/// How far a node is with its drain.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    /// `serving`; `draining`; `drained`, which is empty and takes nobody; `starting` or `ending`.
    #[schema(value_type = String, example = "draining")]
    state: drain::Phase,
    /// Connections that are open.
    remaining: usize,
    /// Connections closed per second. This and what follows while it is draining.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 500)]
    rate: Option<u32>,
    /// How long new ones are still taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "3s")]
    grace: Option<String>,
    /// How long until what is left is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "55s")]
    deadline: Option<String>,
}

/// All nodes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    /// Servers that speak only Node's protocol; null where Redis could not be asked.
    foreign: Option<usize>,
}

/// One node. What it does not say, as older versions do not, is null.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Node {
    /// New at each start.
    id: String,
    version: Option<String>,
    /// In RFC 3339, in UTC.
    #[schema(example = "2026-11-26T20:15:00Z")]
    started_at: Option<String>,
    /// Open ones, at its last heartbeat.
    connections: Option<u64>,
    /// `serving` where it takes clients, `draining` where it lets them go or has let them go; `starting` before both.
    #[schema(example = "serving")]
    state: Option<String>,
    /// Where it listens for clients.
    #[schema(example = "0.0.0.0:3000")]
    address: Option<String>,
}

/// What each node is going to close.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Plan {
    /// Those that serve.
    nodes: Vec<Share>,
}

/// What one node is going to close.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Share {
    id: String,
    /// How many it had when this was planned.
    connections: u64,
    /// How many of them it closes.
    to_close: u64,
}

/// Lists the nodes.
#[utoipa::path(
    get, path = "/api/v1/nodes", tag = "nodes",
    responses(
        (status = 200, body = Nodes, description = "The nodes that are there"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "The caller may not ask"),
    )
)]
pub(super) async fn nodes(State(control): State<Control>) -> Json<Nodes> {
    let foreign = control.0.cluster.foreign().await;
    let nodes = control.0.handle.nodes().into_iter().map(Node::from);
    Json(Nodes {
        nodes: nodes.collect(),
        foreign,
    })
}

/// Says how far this node is with its drain.
#[utoipa::path(
    get, path = "/api/v1/drain", tag = "nodes",
    responses(
        (status = 200, body = Status, description = "How it stands"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "The caller may not ask"),
    )
)]
pub(super) async fn drain_status(State(control): State<Control>) -> Json<Status> {
    Json(control.0.handle.drain_status().into())
}

/// Drains this node: it is not ready any more, and closes its connections so that stock clients come back on other nodes.
///
/// It runs on, empty. While a drain is under way it goes on, with what is given in place of what it had.
#[utoipa::path(
    post, path = "/api/v1/drain", tag = "nodes", request_body = Option<Drain>,
    responses(
        (status = 200, body = Status, description = "How it stands"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "Nothing was begun"),
    )
)]
pub(super) async fn drain(
    State(control): State<Control>,
    OptionalInput(how): OptionalInput<Drain>,
) -> Result<Json<Status>, Problem> {
    let deadline = how.deadline.map(|Time(deadline)| deadline);
    if deadline.is_some_and(|deadline| deadline.is_zero()) {
        return Err(Problem::field("deadline", "expected more than no time"));
    }
    Ok(Json(control.0.handle.drain(how.rate, deadline).into()))
}

/// Ends the drain of this node: it takes connections again.
#[utoipa::path(
    delete, path = "/api/v1/drain", tag = "nodes",
    responses(
        (status = 200, body = Status, description = "How it stands"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The node was asked to end"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "Nothing was ended"),
    )
)]
pub(super) async fn end_drain(State(control): State<Control>) -> Result<Json<Status>, Problem> {
    let ended = control.0.handle.end_drain();
    ended.map(|status| Json(status.into())).map_err(|_| {
        Problem::conflict(
            "ending",
            "this node was asked to end, and takes no connections again",
        )
    })
}

/// Spreads clients evenly: nodes with more connections than the average close the surplus. Those that are draining take
/// no part. A new request takes the place of the one before.
#[utoipa::path(
    post, path = "/api/v1/rebalance", tag = "nodes", request_body = Option<Rebalance>,
    responses(
        (status = 202, body = Plan, description = "What each node closes"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "Nothing is closed"),
    )
)]
pub(super) async fn rebalance(
    State(control): State<Control>,
    OptionalInput(how): OptionalInput<Rebalance>,
) -> (StatusCode, Json<Plan>) {
    let shares = control.0.handle.rebalance(how.rate);
    let nodes = shares.into_iter().map(Share::from).collect();
    (StatusCode::ACCEPTED, Json(Plan { nodes }))
}

impl From<drain::DrainStatus> for Status {
    fn from(status: drain::DrainStatus) -> Self {
        Self {
            state: status.state,
            remaining: status.remaining,
            rate: status.rate,
            grace: status.grace.map(drain::in_words),
            deadline: status.deadline.map(drain::in_words),
        }
    }
}

impl From<nodes::NodeStatus> for Node {
    fn from(node: nodes::NodeStatus) -> Self {
        let nodes::NodeStatus { id, about } = node;
        Self {
            id,
            version: about.version,
            started_at: about.started_at,
            connections: about.connections,
            state: about.state,
            address: about.address,
        }
    }
}

impl From<rebalance::Share> for Share {
    fn from(share: rebalance::Share) -> Self {
        Self {
            id: share.id,
            connections: share.connections,
            to_close: share.to_close,
        }
    }
}
