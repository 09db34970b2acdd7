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

/// One session: how many of its events wait, and whether it shall end.
#[derive(Debug, Default)]
pub(crate) struct Session {
    waiting: AtomicUsize,
    closing: AtomicBool,
    reader: AtomicWaker,
    /// Wakes a POST of a polling session that was held back.
    caught_up: Notify,
    /// Where it is to be forgotten when it ends.
    known_as: OnceLock<(Sessions, Sid)>,
}

impl Session {
    /// Events of one session that may wait for their handlers before its reading pauses.
    pub(crate) const MOST_WAITING: usize = 256;

    /// One more event waits until the guard is dropped.
    pub(crate) fn event_waits(self: &Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(self.clone())
    }

    /// Whether more events wait than may.
    pub(crate) fn is_behind(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > Self::MOST_WAITING
    }

    /// Resolves once no more events wait than may.
    pub(crate) async fn caught_up(&self) {
        loop {
            let notified = self.caught_up.notified();
            if !self.is_behind() {
                return;
            }
            notified.await;
        }
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
        if let Some((sessions, id)) = self.known_as.get() {
            sessions.sweep(*id);
        }
    }
}

/// An event that waits for its handler.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Session>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let before = self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        if before == Session::MOST_WAITING + 1 {
            self.0.reader.wake();
            self.0.caught_up.notify_waiters();
        }
    }
}

/// The sessions that have a socket or an upgrade under way, by the engine's id.
///
/// Holds none of them alive: a session lives as long as its sockets and connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<Sid, Weak<Session>>>>);

impl Sessions {
    /// The session of this id; `new` if there is none yet.
    pub(crate) fn resolve(&self, id: Sid, new: impl FnOnce() -> Arc<Session>) -> Arc<Session> {
        let mut sessions = self.lock();
        if let Some(session) = sessions.get(&id).and_then(Weak::upgrade) {
            return session;
        }
        let session = new();
        sessions.insert(id, Arc::downgrade(&session));
        // A session that is known by another id already would be a bug of the engine; it keeps the first.
        let _ = session.known_as.set((self.clone(), id));
        session
    }

    pub(crate) fn find(&self, id: Sid) -> Option<Arc<Session>> {
        self.lock().get(&id).and_then(Weak::upgrade)
    }

    /// Forgets a session that nobody holds any more.
    fn sweep(&self, id: Sid) {
        let mut sessions = self.lock();
        if sessions
            .get(&id)
            .is_some_and(|session| session.strong_count() == 0)
        {
            sessions.remove(&id);
        }
    }

    /// All that live.
    pub(crate) fn all(&self) -> Vec<(Sid, Arc<Session>)> {
        self.lock()
            .iter()
            .filter_map(|(id, session)| Some((*id, session.upgrade()?)))
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sid, Weak<Session>>> {
        // The map is whole between any two statements, so a panic elsewhere leaves it usable.
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

        let session = sessions.resolve(id, Arc::default);
        let same = sessions.resolve(id, || panic!("it is known"));
        assert!(Arc::ptr_eq(&session, &same));
        assert_eq!(sessions.all().len(), 1);

        drop((session, same));
        assert!(sessions.find(id).is_none());
        assert!(sessions.lock().is_empty(), "nothing is left of it");
    }
}
