//! What handlers return, and what becomes of it.

use serde::Serialize;

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

/// What a handler of an event can return: `()`, [`Ack`], [`WsResponse`], or a `Result` of one of them with
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

/// A reply, ready to be sent.
#[doc(hidden)]
#[derive(Debug)]
pub enum Reply {
    /// Nothing is sent.
    Nothing,
    /// The answer to the ack that was asked for.
    Ack(AckPayload),
    /// An event to the sender.
    Event(Outgoing),
}

impl IntoReply for () {
    fn into_reply(self, _: bool) -> Result<Reply, Exception> {
        Ok(Reply::Nothing)
    }
}

impl<T: Serialize> IntoReply for Ack<T> {
    fn into_reply(self, wants_ack: bool) -> Result<Reply, Exception> {
        if wants_ack {
            Ok(Reply::Ack(AckPayload::new(&self.0)?))
        } else {
            Ok(Reply::Nothing)
        }
    }
}

impl<T: Serialize> IntoReply for WsResponse<T> {
    fn into_reply(self, _: bool) -> Result<Reply, Exception> {
        Ok(Reply::Event(Outgoing::new(&self.event, &self.data)?))
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

mod sealed {
    use super::{Ack, WsResponse};

    pub trait Sealed {}

    impl Sealed for () {}
    impl<T> Sealed for Ack<T> {}
    impl<T> Sealed for WsResponse<T> {}
    impl<T, E> Sealed for Result<T, E> {}
}
