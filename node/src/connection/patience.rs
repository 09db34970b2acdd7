//! How long a connection may stand still.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Sleep;

/// How long a connection may stand still.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// A write without progress.
    pub(crate) write_stall: Duration,
    /// A pause in reading, because of events that wait to be handled.
    pub(crate) read_pause: Duration,
}

/// Runs while something stands still; takes no memory to speak of while nothing does.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready once it has been polled for `patience` without a stop.
    pub(super) fn poll(&mut self, patience: Duration, context: &mut Context<'_>) -> Poll<()> {
        let sleep = || Box::pin(tokio::time::sleep(patience));
        self.0.get_or_insert_with(sleep).as_mut().poll(context)
    }

    pub(super) fn stop(&mut self) {
        self.0 = None;
    }
}
