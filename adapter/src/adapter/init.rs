//! What socketioxide is handed when a namespace is added.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use socketioxide_core::adapter::Spawnable;

/// A namespace on its way into the cluster: await it, or let socketioxide spawn it.
#[must_use = "the namespace serves nobody before this resolves"]
pub struct Init(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Init {
    pub(super) fn new(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl Future for Init {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}

impl Spawnable for Init {
    #[expect(
        clippy::disallowed_methods,
        reason = "socketioxide asks for it; the task ends within the join timeout"
    )]
    fn spawn(self) {
        tokio::spawn(self);
    }
}
