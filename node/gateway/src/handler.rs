//! Async functions as handlers.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use crate::{
    Exception,
    extract::Arguments,
    guard::GuardReply,
    occasion::Event,
    reply::{HookReply, IntoReply, Reply},
};

/// A function of none to six arguments, to be called on an event or a turn in a gateway's life.
///
/// Implemented for functions and closures; never by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a function that can be a handler",
    label = "not a function of up to six arguments",
    note = "a handler is an `async fn` of none to six arguments, given by its name and not called; a closure names the types of its arguments"
)]
pub trait Handler<A>: Send + Sync + 'static {
    /// What the function returns: for an `async fn`, its future.
    type Returned;

    /// Calls the function.
    #[doc(hidden)]
    fn call(&self, arguments: A) -> Self::Returned;
}

/// What a handler has to return at first: the future of an `async fn`.
#[diagnostic::on_unimplemented(
    message = "a handler must be an `async fn`",
    label = "this is not async: it returns `{Self}`",
    note = "write `async fn`, or `async |…|` for a closure"
)]
// With a method of its own rather than `Future` as its supertrait, so that the compiler speaks of this trait.
pub trait HandlerFuture {
    /// What the handler replies in the end.
    type Output;

    /// Polls the future.
    #[doc(hidden)]
    fn poll_handler(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output>;
}

#[diagnostic::do_not_recommend]
impl<F: Future> HandlerFuture for F {
    type Output = F::Output;

    fn poll_handler(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.poll(context)
    }
}

macro_rules! handler {
    ($($argument:ident: $Argument:ident),*) => {
        impl<F, R, $($Argument),*> Handler<($($Argument,)*)> for F
        where
            F: Fn($($Argument),*) -> R + Send + Sync + 'static,
        {
            type Returned = R;

            fn call(&self, ($($argument,)*): ($($Argument,)*)) -> R {
                self($($argument),*)
            }
        }
    };
}

handler!();
handler!(a: A);
handler!(a: A, b: B);
handler!(a: A, b: B, c: C);
handler!(a: A, b: B, c: C, d: D);
handler!(a: A, b: B, c: C, d: D, e: E);
handler!(a: A, b: B, c: C, d: D, e: E, f: G);

/// A handler whose types are forgotten: called on `O`, it runs to an `R`.
pub(crate) type Erased<O, R> = Arc<dyn Fn(&O) -> Result<Running<R>, Exception> + Send + Sync>;

/// A handler that runs, to a reply or an exception.
pub type Running<R> = Pin<Box<dyn Future<Output = Result<R, Exception>> + Send>>;

pub(crate) fn erase_event_handler<H, A>(handler: H) -> Erased<Event, Reply>
where
    H: Handler<A>,
    A: Arguments<Event>,
    H::Returned: HandlerFuture<Output: IntoReply> + Send + 'static,
{
    Arc::new(move |event| {
        let wants_ack = event.wants_ack();
        let future = handler.call(A::extract_all(event)?);
        Ok(Box::pin(async move {
            finished(future).await.into_reply(wants_ack)
        }))
    })
}

pub(crate) fn erase_guard<H, A>(guard: H) -> Erased<Event, ()>
where
    H: Handler<A>,
    A: Arguments<Event>,
    H::Returned: HandlerFuture<Output: GuardReply> + Send + 'static,
{
    Arc::new(move |event| {
        let future = guard.call(A::extract_all(event)?);
        Ok(Box::pin(
            async move { finished(future).await.into_verdict() },
        ))
    })
}

pub(crate) fn erase_hook<O, H, A>(hook: H) -> Erased<O, ()>
where
    H: Handler<A>,
    A: Arguments<O>,
    H::Returned: HandlerFuture<Output: HookReply> + Send + 'static,
{
    Arc::new(move |occasion| {
        let future = hook.call(A::extract_all(occasion)?);
        Ok(Box::pin(
            async move { finished(future).await.into_result() },
        ))
    })
}

pub(crate) async fn finished<F: HandlerFuture>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| future.as_mut().poll_handler(context)).await
}
