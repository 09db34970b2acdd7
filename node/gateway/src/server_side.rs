//! Events between servers: what an application on one node tells or asks those on the others.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use serde::Serialize;

use crate::{
    Ack, Exception, Raw, Server, body,
    extract::{Arguments, Data, Extract},
    handler::{Erased, Handler, HandlerFuture, finished},
    occasion::{Occasion, sealed::Sealed},
    platform::{AckPayload, Incoming, Outcome},
    run::{Call, outcome_of_exception},
    state::States,
};

/// A server of the cluster has sent an event to the others.
#[derive(Debug)]
pub struct FromServer {
    pub(crate) server: Server,
    pub(crate) states: Arc<States>,
    pub(crate) incoming: Incoming,
}

/// What a handler of an event between servers can return: `()`, [`Ack`], or a `Result` of one of them with an
/// [`Exception`].
#[diagnostic::on_unimplemented(
    message = "a handler of an event between servers cannot return `{Self}`",
    label = "its return type is `{Self}`",
    note = "return `Ack(value)` to answer the server that asks, or nothing"
)]
pub trait ServerSideReply: crate::reply::sealed::Sealed {
    /// The answer, if there is one and it is wanted.
    #[doc(hidden)]
    fn into_answer(self, wants_answer: bool) -> Result<Option<AckPayload>, Exception>;
}

/// An event of another server on its way through its handler; resolves to the answer, none where there is nothing to say,
/// and to what came of it.
#[must_use = "nothing happens before it is polled"]
pub struct Answering(Option<Call<FromServer, Option<AckPayload>>>);

impl Answering {
    pub(crate) fn new(
        handler: Option<Erased<FromServer, Option<AckPayload>>>,
        event: FromServer,
    ) -> Self {
        Self(handler.map(|handler| Call::new(handler, event)))
    }
}

impl Future for Answering {
    type Output = (Option<AckPayload>, Outcome);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = &mut self.0 else {
            return Poll::Ready((None, Outcome::Ignored));
        };
        Poll::Ready(match ready!(call.poll(context)) {
            Ok(answer) => (answer, Outcome::Handled),
            Err(exception) => (None, outcome_of_exception(&exception)),
        })
    }
}

pub(crate) fn erase<H, A>(handler: H) -> Erased<FromServer, Option<AckPayload>>
where
    H: Handler<A>,
    A: Arguments<FromServer>,
    H::Returned: HandlerFuture<Output: ServerSideReply> + Send + 'static,
{
    Arc::new(move |event| {
        let wants_answer = event.incoming.wants_ack();
        let future = handler.call(A::extract_all(event)?);
        Ok(Box::pin(async move {
            finished(future).await.into_answer(wants_answer)
        }))
    })
}

impl ServerSideReply for () {
    fn into_answer(self, _: bool) -> Result<Option<AckPayload>, Exception> {
        Ok(None)
    }
}

impl<T: Serialize> ServerSideReply for Ack<T> {
    fn into_answer(self, wants_answer: bool) -> Result<Option<AckPayload>, Exception> {
        let answer = wants_answer.then(|| AckPayload::new(&self.0));
        Ok(answer.transpose()?)
    }
}

impl<R: ServerSideReply> ServerSideReply for Result<R, Exception> {
    fn into_answer(self, wants_answer: bool) -> Result<Option<AckPayload>, Exception> {
        self?.into_answer(wants_answer)
    }
}

impl Sealed for FromServer {}

impl Occasion for FromServer {
    fn server(&self) -> Server {
        self.server.clone()
    }

    fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.states.find()
    }
}

impl<T: serde::de::DeserializeOwned> Extract<FromServer> for Data<T> {
    fn extract(event: &FromServer) -> Result<Self, Exception> {
        Raw::extract(event).and_then(|body| body::parse(&body).map(Self))
    }
}

impl Extract<FromServer> for Raw {
    fn extract(event: &FromServer) -> Result<Self, Exception> {
        Ok(event.incoming.body().cloned().unwrap_or_default())
    }
}

impl fmt::Debug for Answering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answering").finish_non_exhaustive()
    }
}
