//! The way to a client: what is sent to its session waits in an outlet, which the connection empties.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use socketioxide_core::Value;
use tokio::io::AsyncWrite;

use super::{Fence, Session};
use crate::connection::{
    order::{Route, Way},
    outlet::{Outlet, Wire, poll_window, write_tcp},
};

impl Session {
    /// A WebSocket carries the session from now on. One that moves from polling is still reached by the channel until
    /// [`moved`](Self::moved).
    pub(in crate::connection) fn carried_by(&self, wire: Wire, is_moving: bool) {
        let mut outlet = self.outlet();
        outlet.wire = wire;
        if !is_moving && self.sessions.delivery().direct {
            outlet.order.moved(false);
        }
    }

    /// Writes the answer to the request that opened the WebSocket.
    pub(in crate::connection) fn greet(self: &Arc<Self>, answer: &[u8]) {
        let mut outlet = self.outlet();
        outlet.greet(answer, self.sessions.delivery().flusher.buffers());
        self.note(&mut outlet);
    }

    /// The connection is gone.
    pub(in crate::connection) fn dropped(&self) {
        self.ended();
        let mut outlet = self.outlet();
        if let Wire::Tcp(half) = std::mem::replace(&mut outlet.wire, Wire::Gone) {
            // The other half closes the connection as a whole.
            half.forget();
        }
        outlet.end(
            io::ErrorKind::NotConnected,
            self.sessions.delivery().flusher.buffers(),
        );
    }

    /// A client asks for a seat, whose CONNECT answer is not sent yet: it will be this packet.
    pub(crate) fn seat(&self, namespace: &str, answer: Value) {
        let mut outlet = self.outlet();
        outlet.order.seat(namespace);
        outlet.answers.expect(namespace, answer);
    }

    /// The seat is refused; the answer will be this packet.
    pub(crate) fn refused(&self, namespace: &str, answer: Value) {
        let mut outlet = self.outlet();
        outlet.order.unseat(namespace);
        outlet.answers.expect(namespace, answer);
    }

    /// Whether some seat's answer is still to come.
    pub(crate) fn answers_wait(&self) -> bool {
        !self.outlet().answers.is_empty()
    }

    /// What a poll brings once the answers that are in it are ours; none if it stays as it is.
    pub(crate) fn answered_in_poll(&self, body: &[u8]) -> Option<Bytes> {
        self.outlet().answers.in_poll(body)
    }

    /// The CONNECT answer of a seat is in the engine's channel, and the seat is not given up yet.
    pub(crate) fn taken(&self, namespace: &str, seat: &Arc<impl Fence>) {
        let mut outlet = self.outlet();
        if outlet.order.way() == Way::Channel {
            let seat: Weak<dyn Fence> = Arc::downgrade(seat) as _;
            outlet.seated.push((namespace.into(), seat));
        }
        if outlet.order.taken(namespace) && !seat.send_fence() {
            self.close();
        }
    }

    /// A seat is about to be given up.
    pub(crate) fn unseat(&self, namespace: &str) {
        let mut outlet = self.outlet();
        outlet.order.unseat(namespace);
        outlet.seated.retain(|(seated, _)| **seated != *namespace);
    }

    /// The client has moved from polling to the WebSocket, and polls no more.
    pub(in crate::connection) fn moved(&self) {
        if !self.sessions.delivery().direct {
            return;
        }
        let mut outlet = self.outlet();
        let seated = std::mem::take(&mut outlet.seated);
        let seat = seated.iter().find_map(|(_, seat)| seat.upgrade());
        if outlet.order.moved(seat.is_some()) && !seat.is_some_and(|seat| seat.send_fence()) {
            self.close();
        }
    }

    /// Something was put into the engine's channel for `seat`: what is sent to the session from now on comes behind it.
    pub(crate) fn detoured(&self, seat: &impl Fence) {
        let mut outlet = self.outlet();
        if outlet.order.detour() && !seat.send_fence() {
            self.close();
        }
    }

    /// Sends frames to a seat, or has `by_channel` do it.
    pub(crate) fn send<'a>(
        self: &Arc<Self>,
        namespace: &str,
        frames: impl FnOnce() -> &'a Bytes,
        by_channel: impl FnOnce(),
    ) {
        let delivery = self.sessions.delivery();
        let mut outlet = self.outlet();
        if outlet.order.way() == Way::Channel {
            // Under the lock: the fence, which changes the way, must not come in between.
            return by_channel();
        }
        if outlet.ended.is_some() {
            return;
        }
        let most = delivery.in_force.send_queue();
        if outlet.waiting() > most {
            delivery.traffic.overflowed.inc();
            return self.end_outlet(&mut outlet, io::ErrorKind::TimedOut);
        }
        if outlet.waiting() > most / 2 {
            self.lags(outlet.waiting());
        }
        if outlet.push(namespace, frames(), delivery.flusher.buffers()) == Route::Now {
            self.note(&mut outlet);
        }
    }

    /// Takes what the engine writes to the WebSocket.
    pub(in crate::connection) fn engine_writes(self: &Arc<Self>, bytes: &[u8]) -> io::Result<()> {
        let delivery = self.sessions.delivery();
        let mut outlet = self.outlet();
        if let Some(why) = outlet.ended {
            return Err(why.into());
        }
        // A client that pings and does not read is owed a pong each time.
        if outlet.waiting() > delivery.in_force.send_queue() {
            delivery.traffic.overflowed.inc();
            self.end_outlet(&mut outlet, io::ErrorKind::TimedOut);
            return Err(io::ErrorKind::TimedOut.into());
        }
        let taken = outlet.engine(bytes, delivery.flusher.buffers());
        match &taken {
            Ok(()) => self.note(&mut outlet),
            // Nothing may get into the middle of a frame.
            Err(error) => self.end_outlet(&mut outlet, error.kind()),
        }
        taken
    }

    /// Has the flusher write at the end of the round, unless it will, or the client's window is full.
    fn note(self: &Arc<Self>, outlet: &mut Outlet) {
        if !outlet.is_noted && !outlet.is_blocked && outlet.is_dirty() {
            outlet.is_noted = true;
            self.sessions.delivery().flusher.note(self.clone());
        }
    }

    /// Writes what waits, as far as the client's window allows.
    pub(in crate::connection) fn flush(&self) {
        let mut outlet = self.outlet();
        outlet.is_noted = false;
        let is_done = match outlet.wire {
            Wire::Tcp(_) if !outlet.is_blocked => self.drain(&mut outlet, write_tcp).1.is_ready(),
            _ => false,
        };
        if !is_done {
            // Its reader goes on, which waits for the window, and not for ever.
            outlet.is_blocked = true;
            self.reader.wake();
        }
    }

    /// Writes what waits, in the task that owns the connection: through `stream`, or where there is none, to plain TCP.
    ///
    /// Ready once nothing waits, or the connection has failed. Second, whether anything was written.
    pub(in crate::connection) fn poll_flush<S: AsyncWrite>(
        &self,
        mut stream: Option<Pin<&mut S>>,
        context: &mut Context<'_>,
    ) -> (Poll<io::Result<()>>, bool) {
        let mut outlet = self.outlet();
        if let Some(why) = outlet.ended {
            return (Poll::Ready(Err(why.into())), false);
        }
        let (bytes, result) = match &mut stream {
            Some(stream) => self.drain(&mut outlet, |_, slices| {
                stream.as_mut().poll_write_vectored(context, slices)
            }),
            None => self.drain(&mut outlet, |wire, slices| {
                loop {
                    if let Poll::Ready(result) = write_tcp(wire, slices) {
                        return Poll::Ready(result);
                    }
                    ready!(poll_window(wire, context))?;
                }
            }),
        };
        outlet.is_blocked = result.is_pending();
        (result, bytes > 0)
    }

    /// Whether the task that owns the connection has something to write, or to learn.
    pub(in crate::connection) fn needs_its_owner(&self) -> bool {
        let outlet = self.outlet();
        outlet.is_blocked || outlet.ended.is_some()
    }

    /// Nothing more is written.
    pub(in crate::connection) fn end(&self, why: io::ErrorKind) {
        self.end_outlet(&mut self.outlet(), why);
    }

    pub(super) fn end_outlet(&self, outlet: &mut Outlet, why: io::ErrorKind) {
        outlet.end(why, self.sessions.delivery().flusher.buffers());
        self.reader.wake();
    }

    fn drain(
        &self,
        outlet: &mut Outlet,
        write: impl FnMut(&Wire, &[IoSlice<'_>]) -> Poll<io::Result<usize>>,
    ) -> (usize, Poll<io::Result<()>>) {
        let delivery = self.sessions.delivery();
        let (bytes, result) = outlet.drain(delivery.flusher.buffers(), write);
        delivery.traffic.sent.inc_by(bytes as u64);
        if let Poll::Ready(Err(error)) = &result {
            self.end_outlet(outlet, error.kind());
        }
        (bytes, result)
    }
}
