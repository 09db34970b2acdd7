//! What a node knows of one Engine.IO session, whichever connection carries it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Waker,
};

use futures_util::task::AtomicWaker;
use socketioxide_core::Sid;
use tokio::sync::Notify;

/// One session: how much of it waits, whether it moves to a WebSocket, and whether it shall end.
#[derive(Debug)]
pub(crate) struct Session {
    events: AtomicUsize,
    bytes: AtomicUsize,
    closing: AtomicBool,
    upgrading: AtomicBool,
    reader: AtomicWaker,
    /// Wakes a POST of a polling session that was held back.
    caught_up: Notify,
    /// Where it is to be forgotten when it ends.
    sessions: Sessions,
    number: u64,
    id: OnceLock<Sid>,
}

impl Session {
    /// Events of one session that may wait for their handlers before its reading pauses.
    pub(crate) const MOST_EVENTS: usize = 256;

    /// Bytes of such events: a few of the largest messages, since 256 of them would be 256 MB.
    pub(crate) const MOST_BYTES: usize = 4 * 1024 * 1024;

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

    /// Begins the move to a WebSocket; false if one is under way, or done.
    pub(crate) fn begin_upgrade(&self) -> bool {
        !self.upgrading.swap(true, Ordering::AcqRel)
    }

    /// Ends the session's WebSocket in a way after which clients connect again.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.reader.wake();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Whom to wake when reading may go on or the session closes.
    pub(crate) fn register(&self, reader: &Waker) {
        self.reader.register(reader);
    }
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

/// All sessions of a node. Holds none of them alive: a session lives as long as its sockets and connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<Registry>>);

#[derive(Debug, Default)]
struct Registry {
    opened: u64,
    open: HashMap<u64, Weak<Session>>,
    /// Those that have a socket or an upgrade under way, by the engine's id.
    known: HashMap<Sid, Weak<Session>>,
}

impl Sessions {
    /// A new session, of which the engine's id is not known yet.
    pub(crate) fn open(&self) -> Arc<Session> {
        let mut registry = self.lock();
        registry.opened += 1;
        let session = Arc::new(Session {
            events: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            upgrading: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            caught_up: Notify::new(),
            sessions: self.clone(),
            number: registry.opened,
            id: OnceLock::new(),
        });
        registry
            .open
            .insert(session.number, Arc::downgrade(&session));
        session
    }

    /// The session of this id: the one that is known by it, else `opened`, else a new one.
    pub(crate) fn resolve(&self, id: Sid, opened: Option<&Arc<Session>>) -> Arc<Session> {
        if let Some(session) = self.find(id) {
            return session;
        }
        let session = opened.cloned().unwrap_or_else(|| self.open());
        // A session keeps the first id it was known by; the engine gives it one alone.
        if session.id.set(id).is_ok() {
            self.lock().known.insert(id, Arc::downgrade(&session));
        }
        session
    }

    pub(crate) fn find(&self, id: Sid) -> Option<Arc<Session>> {
        self.lock().known.get(&id).and_then(Weak::upgrade)
    }

    /// All that are known by an id.
    pub(crate) fn known(&self) -> Vec<(Sid, Arc<Session>)> {
        self.lock()
            .known
            .iter()
            .filter_map(|(id, session)| Some((*id, session.upgrade()?)))
            .collect()
    }

    /// Closes every session that a WebSocket carries, also those without a socket.
    pub(crate) fn close_all(&self) {
        let open: Vec<_> = self
            .lock()
            .open
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        for session in open {
            session.close();
        }
    }

    fn forget(&self, number: u64, id: Option<&Sid>) {
        let mut registry = self.lock();
        registry.open.remove(&number);
        if let Some(id) = id
            && registry
                .known
                .get(id)
                .is_some_and(|known| known.strong_count() == 0)
        {
            registry.known.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // The registry is whole between any two statements, so a panic elsewhere leaves it usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_known_as_long_as_somebody_holds_it() {
        let sessions = Sessions::default();
        let id = Sid::new();
        let opened = sessions.open();

        let session = sessions.resolve(id, Some(&opened));
        assert!(Arc::ptr_eq(&session, &opened));
        assert!(Arc::ptr_eq(&session, &sessions.resolve(id, None)));
        assert_eq!(sessions.known().len(), 1);

        drop((session, opened));
        assert!(sessions.find(id).is_none());
        let registry = sessions.lock();
        assert!(
            registry.known.is_empty() && registry.open.is_empty(),
            "nothing is left of it"
        );
    }

    #[test]
    fn few_large_events_are_as_far_behind_as_many_small_ones() {
        let session = Sessions::default().open();
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
        let session = Sessions::default().open();

        assert!(session.begin_upgrade());
        assert!(!session.begin_upgrade());
    }
}
