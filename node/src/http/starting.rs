//! The admin port before there is a node behind it: while Redis is waited for, probes get answers.

use std::{convert::Infallible, time::Duration};

use axum::response::IntoResponse;
use http::{Request, Response, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

use super::{Body, problem::Problem, text};

/// Connections at a time; more wait.
const MOST: usize = 64;

/// How long one may take. Each is for one request, so that the next one finds the node.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to wait where a connection cannot be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers for as long as it is polled.
pub(crate) async fn starting(listener: &TcpListener) -> Infallible {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < MOST => match accepted {
                Ok((stream, _)) => {
                    let answered = http1::Builder::new()
                        .keep_alive(false)
                        .serve_connection(TokioIo::new(stream), service_fn(answer));
                    open.spawn(tokio::time::timeout(PATIENCE, answered));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    Ok(match path {
        "/live" => text(StatusCode::OK, "live\n"),
        "/ready" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready: starting\n"),
        "/metrics" => text(StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        _ if path == "/api" || path.starts_with("/api/") => {
            Problem::unavailable("starting", "this node does not serve yet").into_response()
        }
        _ => text(StatusCode::NOT_FOUND, ""),
    })
}
