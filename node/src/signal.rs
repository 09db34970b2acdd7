//! Asking a process to end, or to read its configuration again.

use std::{future::Future, io};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Resolves at the first SIGTERM or SIGINT from now on.
///
/// # Errors
///
/// If the system refuses to hand signals over.
pub fn shutdown() -> io::Result<impl Future<Output = ()>> {
    let mut requests = Requests::new()?;
    Ok(async move { requests.next().await })
}

/// Every SIGTERM and SIGINT from now on: whoever sends a second one does not want to wait.
#[derive(Debug)]
pub struct Requests {
    terminate: Signal,
    interrupt: Signal,
}

impl Requests {
    /// Catches them from now on.
    ///
    /// # Errors
    ///
    /// If the system refuses to hand signals over.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Resolves at the next one. Those that come at once count as one.
    ///
    /// # Cancel safety
    ///
    /// None is lost if the future is dropped before it resolves.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Every SIGHUP from now on: a request to read the configuration again.
#[derive(Debug)]
pub struct Hangups(Signal);

impl Hangups {
    /// Catches them from now on. Uncaught, one would end the process.
    ///
    /// # Errors
    ///
    /// If the system refuses to hand signals over.
    pub fn new() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Resolves at the next one. Those that come at once count as one.
    ///
    /// # Cancel safety
    ///
    /// None is lost if the future is dropped before it resolves.
    pub async fn next(&mut self) {
        self.0.recv().await;
    }
}
