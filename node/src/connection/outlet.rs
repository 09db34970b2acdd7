//! What goes out to one session: the queue of its WebSocket, the order of what is put into it, and the way to the client.

use std::{
    fmt,
    io::{self, IoSlice},
    sync::Weak,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::net::tcp::OwnedWriteHalf;

use super::{
    answers::Answers,
    frame::{Frame, of_packet},
    order::{Order, Route, Way},
    queue::{Buffers, Queue, SLICES},
    session::Fence,
};

/// How bytes get to the client.
#[derive(Debug)]
pub(super) enum Wire {
    /// There is no WebSocket yet: the session polls, or its upgrade is under way.
    None,
    /// Plain TCP: whoever has something to write may do so.
    Tcp(OwnedWriteHalf),
    /// A stream that only its owner can write to, when it is woken.
    Owner,
    /// There was a WebSocket.
    Gone,
}

/// Guarded by the session's lock.
pub(super) struct Outlet {
    pub(super) order: Order,
    pub(super) answers: Answers,
    pub(super) wire: Wire,
    /// Seats of a session that polls, by their namespaces.
    pub(super) seated: Vec<(Box<str>, Weak<dyn Fence>)>,
    queue: Queue,
    /// The flusher knows that something waits.
    pub(super) is_noted: bool,
    /// The client's window is full: the reader goes on when it opens.
    pub(super) is_blocked: bool,
    /// Why nothing more is written, if so.
    pub(super) ended: Option<io::ErrorKind>,
}

impl fmt::Debug for Outlet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Outlet")
            .field("order", &self.order)
            .field("wire", &self.wire)
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

impl Outlet {
    pub(super) fn new(way: Way) -> Self {
        Self {
            order: Order::new(way),
            answers: Answers::default(),
            wire: Wire::None,
            seated: Vec::new(),
            queue: Queue::default(),
            is_noted: false,
            is_blocked: false,
            ended: None,
        }
    }

    /// How many bytes wait for the client.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len() + self.order.held()
    }

    /// Whether there is something to write.
    pub(super) fn is_dirty(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Takes what comes before all frames.
    pub(super) fn greet(&mut self, answer: &[u8], buffers: &Buffers) {
        self.queue.push(answer, buffers);
    }

    /// Takes frames for a seat, unless they must go through the engine's channel.
    pub(super) fn push(&mut self, namespace: &str, frames: &Bytes, buffers: &Buffers) -> Route {
        let route = self.order.route(namespace, frames);
        if route == Route::Now && !self.order.is_closed() {
            self.queue.push_shared(frames, buffers);
        }
        route
    }

    /// Takes what the engine writes: whole frames.
    ///
    /// # Errors
    ///
    /// A frame that is not all there. The engine writes none, and another must not get into its middle.
    pub(super) fn engine(&mut self, mut bytes: &[u8], buffers: &Buffers) -> io::Result<()> {
        let Self {
            order,
            answers,
            queue,
            ..
        } = self;
        while !bytes.is_empty() {
            let Some((frame, rest)) = Frame::split(bytes) else {
                return Err(io::ErrorKind::InvalidData.into());
            };
            let mut write = |frames: &[u8]| queue.push(frames, buffers);
            match answers
                .take(frame.packet())
                .map(|packet| of_packet(&packet))
            {
                None => order.engine(&frame, &mut write),
                Some(answer) => {
                    if let Some((answer, _)) = Frame::split(&answer) {
                        order.engine(&answer, &mut write);
                    }
                }
            }
            bytes = rest;
        }
        Ok(())
    }

    /// Writes until nothing is left (ready) or `write` takes no more (pending); how many bytes it took, in either case.
    pub(super) fn drain(
        &mut self,
        buffers: &Buffers,
        mut write: impl FnMut(&Wire, &[IoSlice<'_>]) -> Poll<io::Result<usize>>,
    ) -> (usize, Poll<io::Result<()>>) {
        let mut total = 0;
        while !self.queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.queue.slices(&mut slices);
            match write(&self.wire, &slices[..count]) {
                Poll::Ready(Ok(0)) => {
                    let error = io::ErrorKind::WriteZero.into();
                    return (total, Poll::Ready(Err(error)));
                }
                Poll::Ready(Ok(bytes)) => {
                    total += bytes;
                    self.queue.advance(bytes, buffers);
                }
                Poll::Ready(Err(error)) => return (total, Poll::Ready(Err(error))),
                Poll::Pending => return (total, Poll::Pending),
            }
        }
        (total, Poll::Ready(Ok(())))
    }

    /// Nothing more is written, and what waits is forgotten.
    pub(super) fn end(&mut self, why: io::ErrorKind, buffers: &Buffers) {
        self.ended.get_or_insert(why);
        self.queue.clear(buffers);
    }
}

/// Writes to a plain TCP connection without waiting.
pub(super) fn write_tcp(wire: &Wire, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
    let Wire::Tcp(half) = wire else {
        return Poll::Pending;
    };
    let result = match slices {
        [one] => half.try_write(one),
        several => half.try_write_vectored(several),
    };
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// Waits until a plain TCP connection may take bytes again.
pub(super) fn poll_window(wire: &Wire, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    match wire {
        Wire::Tcp(half) => half.as_ref().poll_write_ready(context),
        _ => Poll::Pending,
    }
}
