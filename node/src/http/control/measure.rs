//! How often each route of the control API is asked, and how long it takes.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::Method;
use prometheus::{HistogramVec, IntCounterVec};

/// The metrics of the control API. A cheap handle.
#[derive(Debug, Clone)]
pub(crate) struct ControlMetrics {
    pub(crate) requests: IntCounterVec,
    pub(crate) duration: HistogramVec,
}

/// Counts a request, and times it.
pub(super) async fn measure(
    State(metrics): State<ControlMetrics>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let method = method(request.method());
    let response = next.run(request).await;
    // What matches nothing has one name, whatever is asked for.
    let route = path.as_ref().map_or("other", route);
    let status = response.status();
    metrics
        .requests
        .with_label_values(&[route, method, status.as_str()])
        .inc();
    metrics
        .duration
        .with_label_values(&[route, method])
        .observe(begun.elapsed().as_secs_f64());
    response
}

fn route(path: &MatchedPath) -> &str {
    match path.as_str() {
        "/api" | "/api/" | "/api/{*rest}" => "other",
        route => route,
    }
}

fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
