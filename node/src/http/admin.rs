//! The admin port: `/metrics` for Prometheus, `/live` and `/ready` for whoever starts and balances nodes, and the control API.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, routing::get};
use http::{Response, StatusCode, header};
use tokio::{sync::watch, time::Instant};

use super::{Body, Control, text};
use crate::{drain::Phase, metrics::Metrics};

/// How long a node may be deaf to Redis before it is not ready: a reconnect takes less, and is no reason to move clients.
const GRACE: Duration = Duration::from_secs(5);

/// Whether the node may be given new clients.
#[derive(Clone)]
pub(crate) struct Readiness {
    pub(crate) phase: watch::Receiver<Phase>,
    /// Since when the bus is not heard; `None` while it is.
    pub(crate) deaf_since: watch::Receiver<Option<Instant>>,
    /// Whether there are as many sessions as may be.
    pub(crate) is_full: watch::Receiver<bool>,
}

impl Readiness {
    /// Why not, if not.
    fn reasons(&self, now: Instant) -> Vec<&'static str> {
        let mut reasons = Vec::new();
        match *self.phase.borrow() {
            Phase::Starting => reasons.push("starting"),
            Phase::Serving => {}
            Phase::Draining | Phase::Drained | Phase::Closed => reasons.push("draining"),
        }
        let deaf = *self.deaf_since.borrow();
        if deaf.is_some_and(|since| now.duration_since(since) > GRACE) {
            reasons.push("redis is not heard");
        }
        if *self.is_full.borrow() {
            reasons.push("full");
        }
        reasons
    }
}

/// The admin port's routes.
pub(crate) fn admin(metrics: Arc<Metrics>, readiness: Readiness, control: Control) -> Router {
    let control = control.router(metrics.control.clone());
    Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready).with_state(readiness))
        .route("/metrics", get(scrape).with_state(metrics))
        .merge(control)
}

/// That this answers is the proof: the same runtime serves the clients.
async fn live() -> Response<Body> {
    text(StatusCode::OK, "live\n")
}

async fn ready(State(readiness): State<Readiness>) -> Response<Body> {
    let reasons = readiness.reasons(Instant::now());
    if reasons.is_empty() {
        text(StatusCode::OK, "ready\n")
    } else {
        text(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {}\n", reasons.join(", ")),
        )
    }
}

async fn scrape(State(metrics): State<Arc<Metrics>>) -> Response<Body> {
    let mut response = text(StatusCode::OK, metrics.text());
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_node_that_is_deaf_for_longer_than_the_grace_is_not_ready() {
        let (_phase, phase) = watch::channel(Phase::Serving);
        let (deaf, deaf_since) = watch::channel(None);
        let (_room, is_full) = watch::channel(false);
        let readiness = Readiness {
            phase,
            deaf_since,
            is_full,
        };
        assert!(readiness.reasons(Instant::now()).is_empty());

        deaf.send_replace(Some(Instant::now()));
        tokio::time::advance(GRACE).await;
        assert!(readiness.reasons(Instant::now()).is_empty());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(readiness.reasons(Instant::now()), ["redis is not heard"]);

        deaf.send_replace(None);
        assert!(readiness.reasons(Instant::now()).is_empty());
    }

    #[tokio::test]
    async fn only_a_serving_node_is_ready() {
        for (phase, reasons) in [
            (Phase::Starting, vec!["starting"]),
            (Phase::Serving, vec![]),
            (Phase::Draining, vec!["draining"]),
            (Phase::Drained, vec!["draining"]),
        ] {
            let (_keep, phase) = watch::channel(phase);
            let (_deaf, deaf_since) = watch::channel(None);
            let (_room, is_full) = watch::channel(false);
            let readiness = Readiness {
                phase,
                deaf_since,
                is_full,
            };
            assert_eq!(readiness.reasons(Instant::now()), reasons);
        }
    }
}
