//! Tells whoever reads the log how a connection is: each change once, with the reason.

use fred::{error::Error, types::config::Server};
use tokio::time::Instant;

/// What the log says of one connection.
#[derive(Debug)]
pub(super) struct Report {
    /// What the connection is for.
    purpose: &'static str,
    /// Since when it is down; none while it is up.
    down: Option<Instant>,
    reason: Option<String>,
}

impl Report {
    pub(super) fn new(purpose: &'static str, is_up: bool) -> Self {
        Self {
            purpose,
            down: (!is_up).then(Instant::now),
            reason: None,
        }
    }

    /// It was lost, or could not be made: the same reason is told once.
    pub(super) fn failed(&mut self, error: &Error, server: Option<&Server>) {
        let purpose = self.purpose;
        let server = server.map(tracing::field::display);
        let reason = error.to_string();
        if self.down.is_none() {
            tracing::warn!(purpose, server, reason, "a connection to redis is lost");
        } else if self.reason.as_ref() != Some(&reason) {
            tracing::warn!(purpose, server, reason, "redis cannot be reached");
        }
        self.down.get_or_insert_with(Instant::now);
        self.reason = Some(reason);
    }

    pub(super) fn made(&mut self, server: &Server) {
        let purpose = self.purpose;
        if let Some(since) = self.down.take() {
            let after = since.elapsed();
            tracing::info!(purpose, %server, ?after, "connected to redis");
        }
        self.reason = None;
    }
}
