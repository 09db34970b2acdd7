//! What a node knows of one Engine.IO session, whichever connection carries it.

mod delivery;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use futures_util::task::AtomicWaker;
use socketioxide_core::Sid;
use tokio::{sync::Notify, time::Instant};

use super::{frame::of_close, order::Way, outlet::Outlet, sessions::Sessions};
use crate::limit::{Meter, Permit, Verdict};

/// One session: what goes out to it, how much of it waits to be handled, and whether it shall end.
#[derive(Debug)]
pub(crate) struct Session {
    /// Held for single steps. Whoever holds a namespace's lock may take this one, and never the other way round.
    outlet: Mutex<Outlet>,
    events: AtomicUsize,
    bytes: AtomicUsize,
    closing: AtomicBool,
    /// The node wants its client to be elsewhere.
    sent_away: AtomicBool,
    upgrading: AtomicBool,
    /// Its client is gone.
    gone: AtomicBool,
    /// One of its events became a broadcast, since it was last asked.
    publishing: AtomicBool,
    reader: AtomicWaker,
    /// Wakes a POST of a polling session that was held back.
    caught_up: Notify,
    /// Where it is to be forgotten when it ends.
    sessions: Sessions,
    number: u64,
    id: OnceLock<Sid>,
    /// Held by the request that opened it.
    permit: OnceLock<Weak<Permit>>,
    /// From the first event on for which there was a limit.
    meter: OnceLock<Box<Mutex<Meter>>>,
    /// Namespaces that its client is in, or asks for.
    namespaces: AtomicUsize,
    /// It has lagged, and the log says so.
    has_lagged: AtomicBool,
}

impl Session {
    /// Events of one session that may wait for their handlers before its reading pauses.
    pub(crate) const MOST_EVENTS: usize = 256;

    /// Bytes of such events: a few of the largest messages, since 256 of them would be 256 MB.
    pub(crate) const MOST_BYTES: usize = 4 * 1024 * 1024;

    pub(super) fn new(sessions: Sessions, number: u64) -> Self {
        Self {
            outlet: Mutex::new(Outlet::new(Way::Channel)),
            events: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            sent_away: AtomicBool::new(false),
            upgrading: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            publishing: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            caught_up: Notify::new(),
            sessions,
            number,
            id: OnceLock::new(),
            permit: OnceLock::new(),
            namespaces: AtomicUsize::new(0),
            has_lagged: AtomicBool::new(false),
            meter: OnceLock::new(),
        }
    }

    /// Counts by this permit, which is given back once its client is gone.
    pub(crate) fn counted(&self, permit: &Arc<Permit>) {
        // Set once: a session is opened once.
        let _ = self.permit.set(Arc::downgrade(permit));
    }

    /// The engine's id, once it is known.
    pub(super) fn id(&self) -> &OnceLock<Sid> {
        &self.id
    }

    /// Whether the engine's id is known, as it is from the first poll or the first seat.
    pub(super) fn is_known(&self) -> bool {
        self.id.get().is_some()
    }

    /// What is to be done with one more event, by how fast they come.
    pub(crate) fn judge(&self) -> Verdict {
        let delivery = self.sessions.delivery();
        let Some(pace) = delivery.in_force.pace() else {
            return Verdict::Handle;
        };
        let now = Instant::now();
        let meter = self
            .meter
            .get_or_init(|| Box::new(Mutex::new(Meter::new(pace, now))));
        // Moments, whole between any two statements.
        let mut meter = meter.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = meter.event(pace, now);
        if verdict != Verdict::Handle {
            delivery.traffic.rate_limited.inc();
        }
        if verdict == Verdict::Disconnect {
            delivery.traffic.flooded.inc();
        }
        verdict
    }

    /// Whether a line on a client that floods may be written; then how many before it were not.
    pub(crate) fn notice_flood(&self) -> Option<u64> {
        let floods = &self.sessions.delivery().traffic.floods;
        floods.tells(Instant::now())
    }

    /// Notes, once, that the client takes too little of what waits for it.
    fn lags(&self, waiting: usize) {
        if self.has_lagged.swap(true, Ordering::Relaxed) {
            return;
        }
        let traffic = &self.sessions.delivery().traffic;
        traffic.warned.inc();
        if let Some(untold) = traffic.laggards.tells(Instant::now()) {
            let permit = self.permit.get().and_then(Weak::upgrade);
            let address = permit.and_then(|permit| permit.network());
            tracing::warn!(
                address = address.map(tracing::field::display),
                waiting,
                untold,
                "a client reads too slowly: it is disconnected if that goes on"
            );
        }
    }

    /// Half the time has passed for which a write may stand still.
    pub(super) fn stands_still(&self) {
        let waiting = self.outlet().waiting();
        self.lags(waiting);
    }

    /// How many bytes a message of the client may have.
    pub(super) fn most_bytes(&self) -> usize {
        self.sessions.delivery().message_size
    }

    /// Tells the client, at once, that its message is too large: whoever reads it ends the connection without a word.
    pub(super) fn refuses_size(self: &Arc<Self>) {
        if self
            .engine_writes(&of_close(1009, "message too big"))
            .is_ok()
        {
            self.flush();
        }
    }

    /// One more namespace; how many there are now.
    pub(crate) fn enter_namespace(&self) -> usize {
        self.namespaces.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// One namespace less.
    pub(crate) fn leave_namespace(&self) {
        self.namespaces.fetch_sub(1, Ordering::Relaxed);
    }

    /// One more event of so many bytes waits until the guard is dropped.
    pub(crate) fn event_waits(self: &Arc<Self>, bytes: usize) -> Waiting {
        self.events.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Waiting {
            session: self.clone(),
            bytes,
        }
    }

    /// Whether more waits than may.
    pub(crate) fn is_behind(&self) -> bool {
        self.events.load(Ordering::Relaxed) > Self::MOST_EVENTS
            || self.bytes.load(Ordering::Relaxed) > Self::MOST_BYTES
    }

    /// Resolves once no more waits than may.
    pub(crate) async fn caught_up(&self) {
        loop {
            let notified = self.caught_up.notified();
            if !self.is_behind() {
                return;
            }
            notified.await;
        }
    }

    /// One of its events became a broadcast.
    pub(crate) fn publishes(&self) {
        self.publishing.store(true, Ordering::Relaxed);
    }

    /// Ready to be read from: a client whose events become broadcasts waits while the bus is slower than it.
    pub(crate) fn poll_bus(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.publishing.load(Ordering::Relaxed) {
            ready!(self.sessions.delivery().cluster.poll_ready(context));
            self.publishing.store(false, Ordering::Relaxed);
        }
        Poll::Ready(())
    }

    /// Begins the move to a WebSocket; false if one is under way, or done.
    pub(crate) fn begin_upgrade(&self) -> bool {
        !self.upgrading.swap(true, Ordering::AcqRel)
    }

    /// Ends the session's WebSocket in a way after which clients connect again.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.reader.wake();
    }

    /// The same, because the node lets its clients go.
    pub(crate) fn send_away(&self) {
        self.sent_away.store(true, Ordering::Release);
        self.close();
    }

    pub(crate) fn is_sent_away(&self) -> bool {
        self.sent_away.load(Ordering::Acquire)
    }

    /// Its client is gone, for good. It counts no more, however long the engine keeps what it has of one that never was
    /// in a namespace.
    pub(crate) fn ended(&self) {
        self.gone.store(true, Ordering::Release);
        if let Some(id) = self.id.get() {
            self.sessions.gone(id);
        }
        if let Some(permit) = self.permit.get().and_then(Weak::upgrade) {
            permit.give_back();
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Whom to wake when reading may go on, something waits to be written, or the session closes.
    pub(super) fn register(&self, reader: &Waker) {
        self.reader.register(reader);
    }

    fn outlet(&self) -> MutexGuard<'_, Outlet> {
        // Frames are taken whole or not at all, so a panic elsewhere leaves the outlet usable.
        self.outlet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A seat that can have the fence sent to itself through the engine's channel.
pub(crate) trait Fence: Send + Sync + 'static {
    /// Puts an ack of the id [`FENCE`](super::FENCE) into the channel; false if that cannot be done.
    fn send_fence(&self) -> bool;
}

impl Drop for Session {
    fn drop(&mut self) {
        self.sessions.forget(self.number, self.id.get());
    }
}

/// An event that waits for its handler.
#[derive(Debug)]
pub(crate) struct Waiting {
    session: Arc<Session>,
    bytes: usize,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let session = &self.session;
        let was_behind = session.is_behind();
        session.events.fetch_sub(1, Ordering::Relaxed);
        session.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if was_behind && !session.is_behind() {
            session.reader.wake();
            session.caught_up.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_large_events_are_as_far_behind_as_many_small_ones() {
        let session = Sessions::for_tests().open();
        let large = session.event_waits(Session::MOST_BYTES);
        assert!(!session.is_behind());

        let one_more = session.event_waits(1);
        assert!(session.is_behind());

        drop(large);
        assert!(!session.is_behind());
        drop(one_more);
    }

    #[test]
    fn a_session_moves_once() {
        let session = Sessions::for_tests().open();

        assert!(session.begin_upgrade());
        assert!(!session.begin_upgrade());
    }
}
