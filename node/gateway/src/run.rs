//! Handlers at work: the futures that a gateway hands to its platform.

use std::{
    any::Any,
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use crate::{
    Exception, Socket,
    exception::Cause,
    handler::{Erased, Running},
    occasion::{Event, OfSocket},
    pipeline,
    platform::{EmitError, Outcome},
    reply::{Kind, Reply, ReplyStream},
    route::Steps,
};

/// What a client reads that has too many streams of replies under way.
const TOO_MANY: &str = "too many streams under way";

/// One event on its way through its handler; resolves once the reply is sent, or a stream of replies is handed over.
#[must_use = "nothing happens before it is polled"]
pub struct Dispatch(Option<Handling>);

/// The replies of a stream on their way to the client; resolves once the stream has ended.
#[must_use = "nothing is sent before it is polled"]
pub struct Streaming {
    stream: ReplyStream,
    event: Event,
    telling: Telling,
}

/// One turn in a gateway's life on its way through its hook.
#[must_use = "nothing happens before it is polled"]
pub struct Hook<O> {
    call: Option<Call<O, ()>>,
    /// Who is told of an exception.
    socket: Option<Socket>,
}

struct Handling {
    call: Call<Event, Reply>,
    telling: Telling,
}

/// How a client is told of an exception.
#[derive(Clone)]
pub(crate) struct Telling {
    pub(crate) exception_cause: bool,
    pub(crate) outer: Arc<Steps>,
    pub(crate) inner: Arc<Steps>,
}

impl Dispatch {
    pub(crate) fn ignored() -> Self {
        Self(None)
    }

    pub(crate) fn new(handler: Erased<Event, Reply>, event: Event, telling: Telling) -> Self {
        Self(Some(Handling {
            call: Call::new(handler, event),
            telling,
        }))
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
        let Some(Handling { call, telling }) = &mut self.0 else {
            return Poll::Ready(Outcome::Ignored);
        };
        let result = ready!(call.poll(context));
        let event = &call.occasion;
        Poll::Ready(match result {
            Ok(reply) => send(event, reply, telling),
            Err(exception) => telling.tell(event, exception),
        })
    }
}

impl Future for Streaming {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let Self {
            stream,
            event,
            telling,
        } = &mut *self;
        loop {
            // A panic ends the stream as an exception does.
            let step = catch_panic(|| match stream.poll_next(context) {
                Poll::Ready(item) => item.transpose().map(Poll::Ready),
                Poll::Pending => Ok(Poll::Pending),
            });
            let outcome = match step {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(None)) => return Poll::Ready(Outcome::Handled),
                Ok(Poll::Ready(Some(reply))) => send(event, reply, telling),
                Err(exception) => return Poll::Ready(telling.tell(event, exception)),
            };
            if outcome != Outcome::Handled {
                return Poll::Ready(outcome);
            }
        }
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

impl Telling {
    /// Shows the exception to the filters, and tells the client what they leave of it.
    pub(crate) fn tell(&self, event: &Event, exception: Exception) -> Outcome {
        let filtered = pipeline::filtered(&self.outer, &self.inner, exception, event);
        let Some(exception) = filtered else {
            return Outcome::Handled;
        };
        let cause = self.exception_cause.then(|| Cause {
            pattern: event.name(),
            data: event.body(),
        });
        tell(event.socket(), &exception, cause)
    }
}

fn send(event: &Event, reply: Reply, telling: &Telling) -> Outcome {
    match reply.0 {
        Kind::Nothing => Outcome::Handled,
        Kind::Ack(payload) => outcome_of(event.answer(payload)),
        Kind::Event(outgoing) => outcome_of(event.socket().port().emit(outgoing)),
        Kind::Stream(stream) => {
            let streaming = Streaming {
                stream,
                event: event.clone(),
                telling: telling.clone(),
            };
            if event.socket().port().stream(streaming) {
                return Outcome::Handled;
            }
            telling.tell(event, Exception::new(TOO_MANY))
        }
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

pub(crate) fn outcome_of_exception(exception: &Exception) -> Outcome {
    match exception.source() {
        Some(error) if matches!(error.downcast_ref(), Some(EmitError::Closed)) => Outcome::Handled,
        Some(error) => Outcome::Failed(with_causes(error)),
        None => Outcome::Exception,
    }
}

pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
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
pub(crate) struct Call<O, R> {
    occasion: O,
    stage: Stage<O, R>,
}

enum Stage<O, R> {
    Waiting(Erased<O, R>),
    Running(Running<R>),
    Ended,
}

impl<O, R> Call<O, R> {
    pub(crate) fn new(handler: Erased<O, R>, occasion: O) -> Self {
        Self {
            occasion,
            stage: Stage::Waiting(handler),
        }
    }

    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<R, Exception>> {
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
pub(crate) fn catch_panic<T>(run: impl FnOnce() -> Result<T, Exception>) -> Result<T, Exception> {
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
        let event = self.0.as_ref().map(|handling| &handling.call.occasion);
        f.debug_struct("Dispatch")
            .field("event", &event)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Streaming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming")
            .field("event", &self.event)
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
