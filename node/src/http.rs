//! HTTP: the two ports, of which the public one serves clients and nothing else, the admin one metrics, health and control;
//! and what the node asks of others.

mod admin;
mod control;
mod exchange;
mod headers;
mod origin;
mod pages;
mod problem;
mod public;
mod starting;

pub(crate) use admin::{Readiness, admin};
pub(crate) use control::{Control, ControlMetrics, Settings as ControlSettings, chain};
pub(crate) use exchange::exchange;
pub(crate) use origin::Origins;
pub(crate) use pages::Pages;
pub(crate) use public::Public;
pub(crate) use starting::starting;

use http::{HeaderValue, Response, StatusCode, header};

/// Any body that a handler answers with.
pub(crate) type Body = axum::body::Body;

/// A plain answer.
pub(crate) fn text(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
