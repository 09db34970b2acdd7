//! Interceptors: what is done around handlers.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{Exception, handler::Running, occasion::Event, reply::Reply};

/// Runs around the handlers of a gateway, or of one event: before them, after them, or in their place.
///
/// An `async fn` that takes the [`Event`] and what comes [`Next`] is one:
///
/// ```
/// use roomcast_gateway::{Exception, Gateway, Next, Reply, occasion::Event};
///
/// async fn quietly(event: Event, next: Next) -> Result<Reply, Exception> {
///     next.await.map_err(|exception| {
///         eprintln!("{} failed", event.name());
///         exception
///     })
/// }
///
/// let gateway = Gateway::new("/").interceptor(quietly);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an interceptor",
    label = "not an interceptor",
    note = "an interceptor is an `async fn(Event, Next) -> Result<Reply, Exception>`, given by its name and not called"
)]
pub trait Interceptor: Send + Sync + 'static {
    /// Handles `event`, by awaiting `next` or otherwise.
    fn intercept(&self, event: Event, next: Next) -> Running<Reply>;
}

/// The interceptors that follow, and the handler; it resolves to what comes of them. A panic is an exception here.
///
/// Dropped, the event goes no further.
#[must_use = "the handler does not run before it is awaited"]
pub struct Next(pub(crate) Running<Reply>);

impl<F, R> Interceptor for F
where
    F: Fn(Event, Next) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Reply, Exception>> + Send + 'static,
{
    fn intercept(&self, event: Event, next: Next) -> Running<Reply> {
        Box::pin(self(event, next))
    }
}

impl Future for Next {
    type Output = Result<Reply, Exception>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Next").finish_non_exhaustive()
    }
}
