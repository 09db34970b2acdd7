//! Asking a process to end, as a future.

use std::{future::Future, io};

use tokio::signal::unix::{SignalKind, signal};

/// Resolves at the first SIGTERM or SIGINT from now on.
///
/// # Errors
///
/// If the system refuses to hand signals over.
pub fn shutdown() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!(signal = "SIGTERM", "asked to end"),
            _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "asked to end"),
        }
    })
}
