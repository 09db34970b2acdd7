//! Whether a client gets a seat in a namespace at all.

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use serde::Serialize;

use crate::{
    exception::INTERNAL,
    extract::Arguments,
    handler::{Erased, Handler, HandlerFuture, finished},
    occasion::Connect,
    reply::sealed,
    run::{Call, with_causes},
};

/// Why a client is not let into a namespace: what its `connect_error` says.
///
/// ```
/// use roomcast_gateway::{Gateway, Refusal, Socket};
/// use serde_json::json;
///
/// async fn members_only(socket: Socket) -> Result<(), Refusal> {
///     match socket.handshake().query("member") {
///         Some("yes") => Ok(()),
///         _ => Err(Refusal::new("members only").with_data(&json!({ "code": "no_member" }))),
///     }
/// }
///
/// let gateway = Gateway::new("/club").admit(members_only);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    message: String,
    data: Option<serde_json::Value>,
    failure: Option<String>,
}

/// What a hook of [`Gateway::admit`](crate::Gateway::admit) can return: `Result<(), Refusal>`.
#[diagnostic::on_unimplemented(
    message = "an admission cannot return `{Self}`",
    label = "its return type is `{Self}`",
    note = "return `Result<(), Refusal>`: whether the client is let in, and what it is told if not"
)]
pub trait AdmissionReply: sealed::Sealed {
    /// What came of it.
    #[doc(hidden)]
    fn into_admission(self) -> Result<(), Refusal>;
}

impl AdmissionReply for Result<(), Refusal> {
    fn into_admission(self) -> Self {
        self
    }
}

impl Refusal {
    /// A refusal whose `connect_error` has this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            data: None,
            failure: None,
        }
    }

    /// Adds the error's `data`; left out if it has no form in JSON.
    #[must_use]
    pub fn with_data<T: Serialize + ?Sized>(mut self, data: &T) -> Self {
        self.data = serde_json::to_value(data).ok();
        self
    }

    /// The message that the client reads.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The error's `data`.
    pub fn data(&self) -> Option<&serde_json::Value> {
        self.data.as_ref()
    }

    /// What went wrong on this side, for the log alone.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}

/// Any error is a failure on this side, of which the client learns nothing.
impl<E: Error + Send + Sync + 'static> From<E> for Refusal {
    fn from(error: E) -> Self {
        internal(with_causes(&error))
    }
}

fn internal(failure: String) -> Refusal {
    Refusal {
        failure: Some(failure),
        ..Refusal::new(INTERNAL)
    }
}

/// Whether one hook lets a client in.
pub(crate) type Admit = Erased<Connect, Result<(), Refusal>>;

pub(crate) fn erase<H, A>(hook: H) -> Admit
where
    H: Handler<A>,
    A: Arguments<Connect>,
    H::Returned: HandlerFuture<Output: AdmissionReply> + Send + 'static,
{
    Arc::new(move |connect| {
        let future = hook.call(A::extract_all(connect)?);
        Ok(Box::pin(async move {
            Ok(finished(future).await.into_admission())
        }))
    })
}

/// A client on its way into a namespace; resolves to why not, if it is refused. For platforms.
#[must_use = "nothing happens before it is polled"]
pub struct Admission {
    connect: Connect,
    /// The hooks that have not begun, the next one last.
    left: Vec<Admit>,
    call: Option<Call<Connect, Result<(), Refusal>>>,
}

impl Admission {
    pub(crate) fn new(hooks: &[Admit], connect: Connect) -> Self {
        Self {
            connect,
            left: hooks.iter().rev().cloned().collect(),
            call: None,
        }
    }
}

impl Future for Admission {
    type Output = Result<(), Refusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let Some(call) = &mut self.call else {
                let Some(hook) = self.left.pop() else {
                    return Poll::Ready(Ok(()));
                };
                self.call = Some(Call::new(hook, self.connect.clone()));
                continue;
            };
            let admitted = ready!(call.poll(context)).unwrap_or_else(|exception| {
                Err(match exception.source() {
                    Some(source) => internal(with_causes(source)),
                    None => Refusal::new(exception.message().unwrap_or(INTERNAL)),
                })
            });
            if admitted.is_err() {
                return Poll::Ready(admitted);
            }
            self.call = None;
        }
    }
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admission")
            .field("connect", &self.connect)
            .finish_non_exhaustive()
    }
}
