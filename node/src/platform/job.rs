//! What a seat has its gateway do, on any platform.

use std::{sync::Arc, time::Instant};

use roomcast_gateway::{
    DisconnectReason, Gateway, Refusal, Socket,
    platform::{AckId, Incoming, Outcome, Streaming},
};
use serde::Serialize;

use super::{published, queue::Work};
use crate::{
    connection::{Session, Waiting},
    metrics::NamespaceMetrics,
    traces,
};

/// What a seat does, in order.
pub(super) enum Job {
    Connected,
    Event(Incoming, Option<AckId>, Option<Waiting>),
    Disconnected(DisconnectReason),
}

/// The event `exception` of what is no handler's failure, its fields in Nest's order.
#[derive(Serialize)]
pub(super) struct Told {
    status: &'static str,
    message: &'static str,
}

impl Told {
    pub(super) fn error(message: &'static str) -> Self {
        Self {
            status: "error",
            message,
        }
    }
}

impl Job {
    /// Whether the next job may begin before this one has ended.
    pub(super) fn is_concurrent(&self, gateway: &Gateway) -> bool {
        match self {
            Self::Event(event, ..) => gateway.is_concurrent(event.event()),
            Self::Connected | Self::Disconnected(_) => false,
        }
    }

    /// Hands it to the gateway.
    pub(super) fn begin(
        self,
        gateway: &Gateway,
        metrics: &Arc<NamespaceMetrics>,
        session: &Arc<Session>,
        socket: Socket,
    ) -> Work {
        let metrics = metrics.clone();
        match self {
            Self::Connected => {
                let hook = gateway.connected(socket.clone());
                Box::pin(async move { log(&metrics, &socket, "on_connection", &hook.await) })
            }
            Self::Event(event, ack, waiting) => {
                // In its turn it waits no more, so the connection may read on.
                let waiting = waiting.filter(|_| gateway.is_concurrent(event.event()));
                let start = Instant::now();
                let name = event.event().to_owned();
                let duration = metrics.received(&name);
                let span = metrics.span(&name);
                let handled = gateway.dispatch(socket.clone(), event, ack);
                let session = session.clone();
                Box::pin(async move {
                    let handled = published::told(handled, || session.publishes());
                    let outcome = traces::within(span, handled).await;
                    duration.observe(start.elapsed().as_secs_f64());
                    log(&metrics, &socket, &name, &outcome);
                    drop(waiting);
                })
            }
            Self::Disconnected(reason) => {
                let hook = gateway.disconnected(socket.clone(), reason);
                Box::pin(async move { log(&metrics, &socket, "on_disconnect", &hook.await) })
            }
        }
    }
}

/// Drives a stream of replies beside the socket's events, and counts how it ended.
pub(super) async fn replied(
    replies: Streaming,
    metrics: Arc<NamespaceMetrics>,
    session: Arc<Session>,
    socket: Socket,
) {
    let outcome = published::told(replies, || session.publishes()).await;
    log(&metrics, &socket, "a stream of replies", &outcome);
}

/// Counts how a piece of work ended, and logs what failed.
pub(super) fn log(metrics: &NamespaceMetrics, socket: &Socket, what: &str, outcome: &Outcome) {
    if let Outcome::Failed(error) = outcome {
        tracing::error!(
            namespace = socket.namespace(),
            event = what,
            error,
            "a handler failed"
        );
    }
    metrics.ended(outcome);
}

/// Counts and logs a refusal that is a failure of this side.
pub(super) fn log_refusal(metrics: &NamespaceMetrics, socket: &Socket, refusal: &Refusal) {
    if let Some(error) = refusal.failure() {
        let failed = Outcome::Failed(error.to_owned());
        log(metrics, socket, "an admission", &failed);
    }
}
