//! Which servers the cluster has.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::Control;
use crate::nodes::NodeStatus;

/// The servers of the cluster.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Nodes {
    /// In the order of their ids, this one included.
    nodes: Vec<NodeStatus>,
    /// How many servers speak only Node's protocol; null while Redis cannot be asked.
    foreign: Option<usize>,
}

/// Lists the nodes of the cluster, as each has last said of itself.
#[utoipa::path(
    get, path = "/api/v1/nodes", tag = "lists",
    responses((status = 200, body = Nodes, description = "All nodes that are heard"))
)]
pub(super) async fn nodes(State(control): State<Control>) -> Json<Nodes> {
    Json(Nodes {
        nodes: control.0.nodes.list(),
        foreign: control.0.cluster.foreign().await,
    })
}
