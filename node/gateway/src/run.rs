//! Handlers at work: the futures that a gateway hands to its platform.

use std::{
    any::Any,
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, ready},
};

use crate::{
    Exception, Socket,
    exception::Cause,
    handler::{Erased, Running},
    occasion::Event,
    platform::{EmitError, Outcome},
    reply::Reply,
};

/// One event on its way through its handler; resolves once the reply is sent.
#[must_use = "nothing happens before it is polled"]
pub struct Dispatch {
    call: Option<Call<Event, Reply>>,
    exception_cause: bool,
}

/// One turn in a gateway's life on its way through its hook.
#[must_use = "nothing happens before it is polled"]
pub struct Hook<O> {
    call: Option<Call<O, ()>>,
    /// Who is told of an exception.
    socket: Option<Socket>,
}

impl Dispatch {
    pub(crate) fn new(
        handler: Option<Erased<Event, Reply>>,
        event: Event,
        exception_cause: bool,
    ) -> Self {
        Self {
            call: handler.map(|handler| Call::new(handler, event)),
            exception_cause,
        }
    }
}

impl<O> Hook<O> {
    pub(crate) fn new(hook: Option<Erased<O, ()>>, occasion: O, socket: Option<Socket>) -> Self {
        Self {
            call: hook.map(|hook| Call::new(hook, occasion)),
            socket,
        }
    }
}

impl Future for Dispatch {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let exception_cause = self.exception_cause;
        let Some(call) = &mut self.call else {
            return Poll::Ready(Outcome::Ignored);
        };
        let result = ready!(call.poll(context));
        let event = &call.occasion;
        Poll::Ready(match result {
            Ok(reply) => outcome_of(send(event, reply)),
            Err(exception) => {
                let cause = exception_cause.then(|| Cause {
                    pattern: event.name(),
                    data: event.body(),
                });
                tell(&event.socket, &exception, cause)
            }
        })
    }
}

impl<O: Unpin> Future for Hook<O> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let Some(call) = &mut self.call else {
            return Poll::Ready(Outcome::Ignored);
        };
        let result = ready!(call.poll(context));
        Poll::Ready(match (result, &self.socket) {
            (Ok(()), _) => Outcome::Handled,
            (Err(exception), Some(socket)) => tell(socket, &exception, None),
            (Err(exception), None) => outcome_of_exception(&exception),
        })
    }
}

fn send(event: &Event, reply: Reply) -> Result<(), EmitError> {
    match (reply, event.ack) {
        (Reply::Event(outgoing), _) => event.socket.port().emit(outgoing),
        (Reply::Ack(payload), Some(id)) => event.socket.port().ack(id, payload),
        (Reply::Ack(_), None) | (Reply::Nothing, _) => Ok(()),
    }
}

fn tell(socket: &Socket, exception: &Exception, cause: Option<Cause<'_>>) -> Outcome {
    let sent = exception
        .event(cause)
        .and_then(|event| socket.port().emit(event));
    match (outcome_of_exception(exception), outcome_of(sent)) {
        (Outcome::Exception, failed @ Outcome::Failed(_)) => failed,
        (outcome, _) => outcome,
    }
}

/// A client that has left before it was told is no failure: it could as well have left a moment later.
fn outcome_of(sent: Result<(), EmitError>) -> Outcome {
    match sent {
        Ok(()) | Err(EmitError::Closed) => Outcome::Handled,
        Err(error) => Outcome::Failed(with_causes(&error)),
    }
}

fn outcome_of_exception(exception: &Exception) -> Outcome {
    match exception.source() {
        Some(error) if matches!(error.downcast_ref(), Some(EmitError::Closed)) => Outcome::Handled,
        Some(error) => Outcome::Failed(with_causes(error)),
        None => Outcome::Exception,
    }
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A handler, called when first polled, whose panics are exceptions.
struct Call<O, R> {
    occasion: O,
    stage: Stage<O, R>,
}

enum Stage<O, R> {
    Waiting(Erased<O, R>),
    Running(Running<R>),
    Ended,
}

impl<O, R> Call<O, R> {
    fn new(handler: Erased<O, R>, occasion: O) -> Self {
        Self {
            occasion,
            stage: Stage::Waiting(handler),
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<R, Exception>> {
        assert!(
            !matches!(self.stage, Stage::Ended),
            "polled again after it had resolved"
        );
        loop {
            let step = catch_panic(|| match &mut self.stage {
                Stage::Waiting(handler) => Ok(Step::Started(handler(&self.occasion)?)),
                Stage::Running(running) => match running.as_mut().poll(context) {
                    Poll::Ready(result) => result.map(Step::Ended),
                    Poll::Pending => Ok(Step::Pending),
                },
                Stage::Ended => unreachable!("checked above"),
            });
            match step {
                Ok(Step::Started(running)) => self.stage = Stage::Running(running),
                Ok(Step::Pending) => return Poll::Pending,
                Ok(Step::Ended(value)) => return Poll::Ready(self.end().map(|()| value)),
                Err(exception) => return Poll::Ready(self.end().and(Err(exception))),
            }
        }
    }

    /// Drops what the handler held, which may panic as well.
    fn end(&mut self) -> Result<(), Exception> {
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        catch_panic(|| {
            drop(stage);
            Ok(())
        })
    }
}

enum Step<R> {
    Started(Running<R>),
    Pending,
    Ended(R),
}

// Whatever a panic leaves half done is dropped right after it and never looked at again.
fn catch_panic<T>(run: impl FnOnce() -> Result<T, Exception>) -> Result<T, Exception> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|payload| Err(Exception::internal(Panicked::with(&*payload))))
}

/// A handler panicked.
#[derive(Debug)]
struct Panicked(String);

impl Panicked {
    fn with(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self(message.unwrap_or_else(|| "no message".to_owned()))
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the handler panicked: {}", self.0)
    }
}

impl Error for Panicked {}

impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.call.as_ref().map(|call| &call.occasion);
        f.debug_struct("Dispatch")
            .field("event", &event)
            .finish_non_exhaustive()
    }
}

impl<O: fmt::Debug> fmt::Debug for Hook<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let occasion = self.call.as_ref().map(|call| &call.occasion);
        f.debug_struct("Hook")
            .field("occasion", &occasion)
            .finish_non_exhaustive()
    }
}
