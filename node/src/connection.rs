//! One client connection: the I/O types under HTTP and WebSocket.
//!
//! They count bytes, end a connection whose client stops reading, hold back one whose events come faster than they are
//! handled, and can be told to end so that the client comes back elsewhere. What a WebSocket is sent gathers in a queue of
//! its own, where events need not pass through the engine. socketioxide can do none of these, since all need the
//! connection itself.

mod answers;
mod carrier;
mod flusher;
mod frame;
mod head;
mod listener;
mod order;
mod outlet;
mod patience;
mod probe;
mod queue;
mod scratch;
mod session;
mod sessions;
mod size;
mod stream;
mod tls;
mod upgrade;

pub(crate) use carrier::Carrier;
pub(crate) use flusher::Flusher;
pub(crate) use frame::{PING, of_close, of_packet, of_text};
pub(crate) use listener::{Entrance, Handler, Listener, Peer, Traffic, peer};
pub(crate) use order::FENCE;
pub(crate) use patience::Patience;
pub(crate) use session::{Fence, Session, Waiting};
pub(crate) use sessions::{Delivery, Sessions};
pub(crate) use stream::Stream;
pub(crate) use tls::Encryption;
pub(crate) use upgrade::{Rejection, Upgrade, copied, is_asked_for, out_of_http};

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::limit::Permit;
use patience::Timer;

/// A stream that carries HTTP, watched. `S` is another stream only in tests.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    traffic: Arc<Traffic>,
    patience: Patience,
    /// Bytes that were read before anybody knew that this is HTTP.
    read: Bytes,
    /// Runs while a write makes no progress.
    stall: Timer,
    /// Counts it until it carries a session, which is counted itself.
    permit: Option<Permit>,
}

impl Connection<Stream> {
    /// Turns an HTTP connection into that of a session; `read` are bytes that the client sent right behind its request.
    pub(crate) fn carry(self, session: Arc<Session>, read: Bytes) -> Carrier<Stream> {
        drop(self.permit);
        Carrier::of(self.stream, session, self.traffic, self.patience, read)
    }
}

impl<S> Connection<S> {
    pub(crate) fn new(stream: S, traffic: Arc<Traffic>, patience: Patience) -> Self {
        Self {
            stream,
            traffic,
            patience,
            read: Bytes::new(),
            stall: Timer::default(),
            permit: None,
        }
    }

    /// Holds this until it carries a session, or ends.
    pub(crate) fn counted(self, permit: Permit) -> Self {
        Self {
            permit: Some(permit),
            ..self
        }
    }

    /// Has these bytes read first.
    pub(crate) fn behind(self, read: Bytes) -> Self {
        Self { read, ..self }
    }

    /// Waits with the stream, or fails if it has stood still for too long.
    fn stalled(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        ready!(self.stall.poll(self.patience.write_stall, context));
        self.traffic.stalled.inc();
        Poll::Ready(io::ErrorKind::TimedOut.into())
    }

    fn wrote(&mut self, result: io::Result<usize>) -> Poll<io::Result<usize>> {
        self.stall.stop();
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
        if !self.read.is_empty() {
            let bytes = self.read.len().min(buffer.remaining());
            buffer.put_slice(&self.read.split_to(bytes));
            return Poll::Ready(Ok(()));
        }
        let filled = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let bytes = buffer.filled().len() - filled;
        self.traffic.received.inc_by(bytes as u64);
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
    use std::time::Duration;

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
}
