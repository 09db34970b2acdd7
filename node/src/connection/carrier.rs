//! The WebSocket of a session: what the engine reads from and writes to.
//!
//! What is written goes into the session's queue, together with what goes there past the engine. So the engine never
//! waits for a client that reads slowly: the queue has a limit in bytes, and the client's patience one in time.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::tcp::OwnedReadHalf,
    sync::oneshot,
};

use super::{
    Patience, Session, Traffic,
    outlet::Wire,
    patience::Timer,
    probe::{Probe, Seen},
    scratch::with_scratch,
    size::Sizes,
    stream::Stream,
};

/// One WebSocket connection. `S` is another stream only where it is not plain TCP.
///
/// A pointer, since the engine's tasks keep room for a connection several times over.
#[derive(Debug)]
pub(crate) struct Carrier<S>(Box<Inner<S>>);

#[derive(Debug)]
struct Inner<S> {
    io: Io<S>,
    session: Arc<Session>,
    traffic: Arc<Traffic>,
    patience: Patience,
    /// What was read and not handed out yet.
    read: Bytes,
    /// While the session moves here from polling.
    probe: Option<Probe>,
    /// Until there was a message that is too large.
    sizes: Option<Sizes>,
    stall: Timer,
    /// The first half of the time for that has passed.
    is_halfway: bool,
    /// What was written may still be in the buffers of the stream, as of TLS.
    is_unflushed: bool,
    pause: Timer,
    /// Dropped with the connection, to the notice of whoever watches.
    lifeline: Option<oneshot::Sender<Infallible>>,
}

#[derive(Debug)]
enum Io<S> {
    Tcp(OwnedReadHalf),
    Other(S),
}

impl Carrier<Stream> {
    /// Carries a session over a client's connection; `read` are bytes that the client has sent already.
    pub(super) fn of(
        stream: Stream,
        session: Arc<Session>,
        traffic: Arc<Traffic>,
        patience: Patience,
        read: Bytes,
    ) -> Self {
        let (io, wire) = match stream {
            Stream::Plain(stream) => {
                let (reading, writing) = stream.into_split();
                (Io::Tcp(reading), Wire::Tcp(writing))
            }
            encrypted => (Io::Other(encrypted), Wire::Owner),
        };
        Self::new(io, wire, session, traffic, patience, read)
    }
}

impl<S> Carrier<S> {
    /// Carries a session over any stream.
    #[cfg(test)]
    pub(crate) fn over(
        stream: S,
        session: Arc<Session>,
        traffic: Arc<Traffic>,
        patience: Patience,
    ) -> Self {
        let read = Bytes::new();
        Self::new(
            Io::Other(stream),
            Wire::Owner,
            session,
            traffic,
            patience,
            read,
        )
    }

    fn new(
        io: Io<S>,
        wire: Wire,
        session: Arc<Session>,
        traffic: Arc<Traffic>,
        patience: Patience,
        read: Bytes,
    ) -> Self {
        // A session that has polled is known by the engine's id.
        let is_moving = session.is_known();
        session.carried_by(wire, is_moving);
        let sizes = Sizes::new(session.most_bytes());
        Self(Box::new(Inner {
            io,
            session,
            traffic,
            patience,
            read,
            probe: is_moving.then(Probe::default),
            sizes: Some(sizes),
            stall: Timer::default(),
            is_halfway: false,
            is_unflushed: false,
            pause: Timer::default(),
            lifeline: None,
        }))
    }

    /// Sends the answer to the client's request, before anything else.
    pub(crate) fn greeted(self, answer: &[u8]) -> Self {
        self.0.session.greet(answer);
        self
    }

    /// A future that resolves when the connection is gone.
    pub(crate) fn watched(mut self) -> (Self, impl Future<Output = ()>) {
        let (lifeline, gone) = oneshot::channel();
        self.0.lifeline = Some(lifeline);
        (self, async move {
            // Nothing is ever sent: the error is the news.
            let Err(_gone) = gone.await;
        })
    }
}

impl<S> Inner<S> {
    /// Ready to read, unless too many events wait; an error if they have done so for too long.
    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.session.is_behind() {
            self.pause.stop();
            return Poll::Ready(Ok(()));
        }
        ready!(self.pause.poll(self.patience.read_pause, context));
        self.traffic.behind.inc();
        self.session.end(io::ErrorKind::TimedOut);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Looks for messages that are too large, and for the end of the move from polling, in what the engine is about to read: by now it has seen to it that no
    /// poll takes anything any more.
    fn look(&mut self, bytes: &[u8]) {
        if self.sizes.as_mut().is_some_and(|sizes| sizes.see(bytes)) {
            self.sizes = None;
            self.traffic.oversized.inc();
            self.session.refuses_size();
        }
        let seen = self.probe.as_mut().map(|probe| probe.see(bytes));
        if matches!(seen, Some(Seen::Moved | Seen::Other)) {
            self.probe = None;
        }
        if seen == Some(Seen::Moved) {
            self.session.moved();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Inner<S> {
    /// Writes what waits; an error where nothing could be written for too long.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = match &mut self.io {
            Io::Tcp(_) => None,
            Io::Other(stream) => Some(Pin::new(stream)),
        };
        let (mut result, progress) = self.session.poll_flush(stream, context);
        self.is_unflushed |= progress;
        if matches!(result, Poll::Ready(Ok(()))) && self.is_unflushed {
            result = match &mut self.io {
                Io::Tcp(_) => Poll::Ready(Ok(())),
                Io::Other(stream) => Pin::new(stream).poll_flush(context),
            };
            self.is_unflushed = result.is_pending();
        }
        if progress || result.is_ready() {
            self.stall.stop();
            self.is_halfway = false;
        }
        if result.is_ready() {
            return result;
        }
        let half = self.patience.write_stall / 2;
        if !self.is_halfway {
            ready!(self.stall.poll(half, context));
            self.stall.stop();
            self.is_halfway = true;
            self.session.stands_still();
        }
        let rest = self.patience.write_stall - half;
        ready!(self.stall.poll(rest, context));
        self.traffic.stalled.inc();
        self.session.end(io::ErrorKind::TimedOut);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Tcp(half) => Pin::new(half).poll_read(context, buffer),
            Io::Other(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Carrier<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self.0;
        if this.read.is_empty() || this.session.is_behind() {
            this.session.register(context.waker());
            if this.session.is_closing() {
                // The end of the stream: the engine says goodbye, and a stock client connects again.
                return Poll::Ready(Ok(()));
            }
            if (this.session.needs_its_owner() || this.is_unflushed)
                && let Poll::Ready(result) = this.poll_drain(context)
            {
                result?;
            }
            // Whether it can be written to or not, the connection may be read.
            ready!(this.poll_pause(context))?;
            ready!(this.session.poll_bus(context));
        }
        if this.read.is_empty() {
            let read = with_scratch(|scratch| {
                let mut scratch = ReadBuf::new(scratch);
                ready!(this.poll_fill(context, &mut scratch))?;
                let bytes = scratch.filled();
                this.traffic.received.inc_by(bytes.len() as u64);
                let (now, later) = bytes.split_at(bytes.len().min(buffer.remaining()));
                buffer.put_slice(now);
                this.look(now);
                this.read = Bytes::copy_from_slice(later);
                Poll::Ready(Ok(()))
            });
            return read;
        }
        let bytes = this.read.len().min(buffer.remaining());
        let now = this.read.split_to(bytes);
        buffer.put_slice(&now);
        this.look(&now);
        if this.read.is_empty() {
            // What was read is not kept while the connection idles.
            this.read = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Carrier<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // All or nothing: a part of a frame would let another into its middle.
        let taken = self.0.session.engine_writes(bytes);
        Poll::Ready(taken.map(|()| bytes.len()))
    }

    /// The queue empties itself.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Once all that waits is written, or has waited too long.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self.0;
        ready!(this.poll_drain(context))?;
        match &mut this.io {
            // Dropping the halves ends it.
            Io::Tcp(_) => Poll::Ready(Ok(())),
            Io::Other(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

impl<S> Drop for Inner<S> {
    fn drop(&mut self) {
        self.session.dropped();
    }
}

#[cfg(test)]
mod tests;
