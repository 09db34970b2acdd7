//! What handlers return, and what becomes of it.

mod stream;

use serde::Serialize;

pub use self::stream::Replies;
pub(crate) use self::stream::ReplyStream;
use crate::{
    Exception,
    platform::{AckPayload, Outgoing},
};

/// A value for the client's ack, null included. A client that asked for none gets nothing.
///
/// ```
/// use roomcast_gateway::{Ack, Data};
///
/// async fn add(Data((a, b)): Data<(i64, i64)>) -> Ack<i64> {
///     Ack(a + b)
/// }
/// # let _ = roomcast_gateway::Gateway::new("/").on("add", add);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack<T>(pub T);

/// An event for the sender, in place of an ack: the ack is never called, even if one was asked for.
///
/// ```
/// use roomcast_gateway::{Data, WsResponse};
///
/// async fn shout(Data(text): Data<String>) -> WsResponse<String> {
///     WsResponse::new("shouted", text.to_uppercase())
/// }
/// # let _ = roomcast_gateway::Gateway::new("/").on("shout", shout);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WsResponse<T = ()> {
    event: String,
    data: T,
}

impl<T> WsResponse<T> {
    /// The event `event` with `data` as its one argument.
    pub fn new(event: impl Into<String>, data: T) -> Self {
        Self {
            event: event.into(),
            data,
        }
    }
}

impl WsResponse {
    /// The event `event` with null as its argument.
    pub fn empty(event: impl Into<String>) -> Self {
        Self::new(event, ())
    }
}

/// What a handler of an event can return: `()`, [`Ack`], [`WsResponse`], [`Replies`], or a `Result` of one of them with
/// an [`Exception`].
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "its return type is `{Self}`",
    note = "return `Ack(value)` to send a value as the ack, `WsResponse::new(\"event\", value)` to send it as an event, or nothing",
    note = "a handler that can fail returns `Result<_, Exception>`, whose `Ok` is one of these"
)]
pub trait IntoReply: sealed::Sealed {
    /// The reply, encoded; an ack only if the client `wants_ack`.
    #[doc(hidden)]
    fn into_reply(self, wants_ack: bool) -> Result<Reply, Exception>;
}

/// What a hook can return: `()` or `Result<(), Exception>`.
#[diagnostic::on_unimplemented(
    message = "a hook cannot return `{Self}`",
    label = "its return type is `{Self}`",
    note = "hooks have nobody to reply to: return nothing, or `Result<(), Exception>`"
)]
pub trait HookReply: sealed::Sealed {
    /// What came of it.
    #[doc(hidden)]
    fn into_result(self) -> Result<(), Exception>;
}

/// A reply, ready to be sent. Interceptors see it pass.
#[derive(Debug)]
pub struct Reply(pub(crate) Kind);

/// What is sent.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Nothing.
    Nothing,
    /// The answer to the ack that was asked for.
    Ack(AckPayload),
    /// An event to the sender.
    Event(Outgoing),
    /// More of these, as they come.
    Stream(ReplyStream),
}

impl Reply {
    /// What a handler would have sent that returned `reply`; for an interceptor that answers in its place.
    ///
    /// # Errors
    ///
    /// The exception that it is, or one that says that it cannot be encoded.
    pub fn of(reply: impl IntoReply) -> Result<Self, Exception> {
        reply.into_reply(true)
    }
}

impl IntoReply for () {
    fn into_reply(self, _: bool) -> Result<Reply, Exception> {
        Ok(Reply(Kind::Nothing))
    }
}

impl<T: Serialize> IntoReply for Ack<T> {
    fn into_reply(self, wants_ack: bool) -> Result<Reply, Exception> {
        if wants_ack {
            Ok(Reply(Kind::Ack(AckPayload::new(&self.0)?)))
        } else {
            Ok(Reply(Kind::Nothing))
        }
    }
}

impl<T: Serialize> IntoReply for WsResponse<T> {
    fn into_reply(self, _: bool) -> Result<Reply, Exception> {
        Ok(Reply(Kind::Event(Outgoing::new(&self.event, &self.data)?)))
    }
}

impl<R: IntoReply> IntoReply for Result<R, Exception> {
    fn into_reply(self, wants_ack: bool) -> Result<Reply, Exception> {
        self?.into_reply(wants_ack)
    }
}

impl HookReply for () {
    fn into_result(self) -> Result<(), Exception> {
        Ok(())
    }
}

impl HookReply for Result<(), Exception> {
    fn into_result(self) -> Self {
        self
    }
}

pub(crate) mod sealed {
    use super::{Ack, WsResponse};

    pub trait Sealed {}

    impl Sealed for () {}
    impl<T> Sealed for Ack<T> {}
    impl<T> Sealed for WsResponse<T> {}
    impl<T, E> Sealed for Result<T, E> {}
}
