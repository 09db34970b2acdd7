//! Letting the clients of this node go, and taking some again.

use std::num::NonZeroU32;

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Control, Problem,
    input::{OptionalInput, Time},
};
use crate::drain::DrainStatus;

/// How a drain is to go.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// Connections that are closed per second; as configured where it is missing.
    #[schema(value_type = Option<u32>, minimum = 1, example = 500)]
    rate: Option<NonZeroU32>,
    /// When what is left is closed, from now; as configured where it is missing.
    #[schema(value_type = Option<String>, example = "60s")]
    deadline: Option<Time>,
}

/// How far the drain of this node is.
#[utoipa::path(
    get, path = "/api/v1/drain", tag = "this node",
    responses((status = 200, body = DrainStatus, description = "The state, and how many connections remain"))
)]
pub(super) async fn state(State(control): State<Control>) -> Json<DrainStatus> {
    Json(control.0.drain.status())
}

/// Lets the clients of this node go, so that they come back on others. The node runs on.
#[utoipa::path(
    post, path = "/api/v1/drain", tag = "this node", request_body = Option<Order>,
    responses(
        (status = 200, body = DrainStatus, description = "It has begun, or goes on as ordered now"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "Nothing has changed"),
    )
)]
pub(super) async fn start(
    State(control): State<Control>,
    OptionalInput(order): OptionalInput<Order>,
) -> Result<Json<DrainStatus>, Problem> {
    let deadline = order.deadline.map(|Time(deadline)| deadline);
    if deadline.is_some_and(|deadline| deadline.is_zero()) {
        return Err(Problem::field("deadline", "expected more than no time"));
    }
    Ok(Json(control.0.drain.start(order.rate, deadline)))
}

/// Ends the drain of this node: it takes connections again.
#[utoipa::path(
    delete, path = "/api/v1/drain", tag = "this node",
    responses(
        (status = 200, body = DrainStatus, description = "It serves"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "The process is ending"),
    )
)]
pub(super) async fn end(State(control): State<Control>) -> Result<Json<DrainStatus>, Problem> {
    let ended = control.0.drain.end();
    ended
        .map(Json)
        .map_err(|error| Problem::conflict(error.to_string()))
}
