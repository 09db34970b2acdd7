//! One client connection: the I/O type under both HTTP and WebSocket.
//!
//! It counts bytes, ends a connection whose client stops reading, holds back one whose events come faster than they are
//! handled, and can be told to end so that the client comes back elsewhere. socketioxide can do none of these, since all
//! need the connection itself.

mod listener;
mod session;
mod upgrade;

pub(crate) use listener::{Listener, Peer, Traffic};
pub(crate) use session::{Session, Sessions, Waiting};
pub(crate) use upgrade::{Rejection, Upgrade, copied, is_asked_for};

use std::{
    convert::Infallible,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::oneshot,
    time::Sleep,
};

/// A TCP stream, watched. `S` is another stream only in tests.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    traffic: Arc<Traffic>,
    limits: Patience,
    /// Bytes that were read before the stream was handed over, to be read first.
    before: Bytes,
    /// The Engine.IO session that this connection carries, once it is a WebSocket.
    session: Option<Arc<Session>>,
    /// Runs while a write makes no progress.
    stall: Option<Pin<Box<Sleep>>>,
    /// Runs while reading pauses.
    pause: Option<Pin<Box<Sleep>>>,
    reader: Option<Waker>,
    ended: bool,
    /// Dropped with the connection, to the notice of whoever watches.
    lifeline: Option<oneshot::Sender<Infallible>>,
}

/// How long a connection may stand still.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// A write without progress.
    pub(crate) write_stall: Duration,
    /// A pause in reading, because of events that wait to be handled.
    pub(crate) read_pause: Duration,
}

impl<S> Connection<S> {
    pub(crate) fn new(stream: S, traffic: Arc<Traffic>, limits: Patience) -> Self {
        Self {
            stream,
            traffic,
            limits,
            before: Bytes::new(),
            session: None,
            stall: None,
            pause: None,
            reader: None,
            ended: false,
            lifeline: None,
        }
    }

    /// Turns an HTTP connection into that of a session; `before` are bytes that the client sent right behind its request.
    pub(crate) fn carry(mut self, session: Arc<Session>, before: Bytes) -> Self {
        self.before = before;
        self.session = Some(session);
        self
    }

    /// A future that resolves when the connection is gone.
    pub(crate) fn watched(mut self) -> (Self, impl Future<Output = ()>) {
        let (lifeline, gone) = oneshot::channel();
        self.lifeline = Some(lifeline);
        (self, async move {
            // Nothing is ever sent: the error is the news.
            let Err(_gone) = gone.await;
        })
    }

    /// The connection ends at once, whatever waits: its reader is told, and then its writer.
    fn end(&mut self) -> io::Error {
        self.ended = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        io::ErrorKind::TimedOut.into()
    }

    /// Waits with the stream, or ends the connection if it has stood still for too long.
    fn stalled(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let patience = self.limits.write_stall;
        let timer = self
            .stall
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(timer.as_mut().poll(context));
        self.traffic.stalled.inc();
        Poll::Ready(self.end())
    }

    /// Ready to read, unless too many events wait; an error if they have done so for too long.
    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self
            .session
            .as_ref()
            .is_some_and(|session| session.is_behind())
        {
            self.pause = None;
            return Poll::Ready(Ok(()));
        }
        let patience = self.limits.read_pause;
        let timer = self
            .pause
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(timer.as_mut().poll(context));
        self.traffic.behind.inc();
        Poll::Ready(Err(self.end()))
    }

    fn wrote(&mut self, result: io::Result<usize>) -> Poll<io::Result<usize>> {
        self.stall = None;
        if let Ok(bytes) = &result {
            self.traffic.sent.inc_by(*bytes as u64);
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.reader = Some(context.waker().clone());
        if this.ended {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if let Some(session) = &this.session {
            session.register(context.waker());
            if session.is_closing() {
                // The end of the stream: the engine says goodbye, and a stock client connects again.
                return Poll::Ready(Ok(()));
            }
        }
        ready!(this.poll_pause(context))?;
        if !this.before.is_empty() {
            let bytes = this.before.len().min(buffer.remaining());
            buffer.put_slice(&this.before[..bytes]);
            this.before.advance(bytes);
            return Poll::Ready(Ok(()));
        }
        let filled = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        this.traffic
            .received
            .inc_by((buffer.filled().len() - filled) as u64);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        match Pin::new(&mut this.stream).poll_write_vectored(context, slices) {
            Poll::Ready(result) => this.wrote(result),
            Poll::Pending => this.stalled(context).map(Err),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::Instant,
    };

    use super::*;

    const PATIENCE: Patience = Patience {
        write_stall: Duration::from_secs(10),
        read_pause: Duration::from_secs(20),
    };

    fn pair(buffer: usize) -> (Connection<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let (near, far) = tokio::io::duplex(buffer);
        let traffic = crate::metrics::Metrics::new("test").traffic.clone();
        (Connection::new(near, traffic, PATIENCE), far)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_reading_is_ended_after_the_stall() {
        let (mut connection, _far) = pair(16);
        let traffic = connection.traffic.clone();
        let start = Instant::now();

        let error = connection.write_all(&[0; 64]).await.unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed(), PATIENCE.write_stall);
        assert_eq!(traffic.stalled.get(), 1);
        let mut byte = [0];
        connection.read(&mut byte).await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_that_makes_progress_is_left_alone() {
        let (mut connection, mut far) = pair(16);
        let slow = async {
            let mut read = 0;
            while read < 64 {
                tokio::time::sleep(Duration::from_secs(9)).await;
                read += far.read(&mut [0; 16]).await.unwrap();
            }
        };

        let (written, ()) = tokio::join!(connection.write_all(&[0; 64]), slow);

        written.unwrap();
        assert_eq!(connection.traffic.sent.get(), 64);
        assert_eq!(connection.traffic.stalled.get(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn reading_pauses_while_too_many_events_wait() {
        let (connection, mut far) = pair(1024);
        let session = Sessions::default().open();
        let mut connection = connection.carry(session.clone(), Bytes::from_static(b"be"));
        far.write_all(b"fore").await.unwrap();
        let mut text = [0; 6];
        connection.read_exact(&mut text).await.unwrap();
        assert_eq!(&text, b"before");

        let waiting: Vec<_> = (0..=Session::MOST_EVENTS)
            .map(|_| session.event_waits(1))
            .collect();
        far.write_all(b"x").await.unwrap();
        {
            let read = polled_once(connection.read_u8());
            assert!(read.is_pending());
            drop(waiting);
            assert_eq!(
                read.finish().await.unwrap(),
                b'x',
                "handled events let it go on"
            );
        }

        let waiting: Vec<_> = (0..=Session::MOST_EVENTS)
            .map(|_| session.event_waits(1))
            .collect();
        let start = Instant::now();
        connection.read_u8().await.unwrap_err();
        assert_eq!(start.elapsed(), PATIENCE.read_pause);
        assert_eq!(connection.traffic.behind.get(), 1);
        drop(waiting);
    }

    #[tokio::test]
    async fn a_closing_session_reads_its_end() {
        let (connection, _far) = pair(16);
        let session = Sessions::default().open();
        let mut connection = connection.carry(session.clone(), Bytes::new());
        let mut buffer = [0; 1];
        let read = polled_once(connection.read(&mut buffer));
        assert!(read.is_pending());

        session.close();

        assert_eq!(read.finish().await.unwrap(), 0);
    }

    struct Polled<F>(Pin<Box<F>>, bool);

    /// Polls a future once, to go on with it later.
    fn polled_once<F: Future>(future: F) -> Polled<F> {
        let mut future = Box::pin(future);
        let mut context = Context::from_waker(Waker::noop());
        let pending = future.as_mut().poll(&mut context).is_pending();
        Polled(future, pending)
    }

    impl<F: Future> Polled<F> {
        fn is_pending(&self) -> bool {
            self.1
        }

        async fn finish(self) -> F::Output {
            self.0.await
        }
    }
}
