//! All sessions of a node, and what they share.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use roomcast_adapter::Cluster;
use socketioxide_core::Sid;

use super::{Flusher, Session, Traffic};
use crate::limit::InForce;

/// How sessions are sent what is for them, and what holds them back.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) cluster: Cluster,
    pub(crate) flusher: Flusher,
    pub(crate) traffic: Arc<Traffic>,
    /// How many bytes may wait for one client, and how fast its events may come.
    pub(crate) in_force: InForce,
    /// How many bytes a client's message may have.
    pub(crate) message_size: usize,
    /// Whether events and acks go past the engine's channel where they can.
    pub(crate) direct: bool,
}

/// All sessions of a node. Holds none of them alive: a session lives as long as its sockets and connections.
#[derive(Debug, Clone)]
pub(crate) struct Sessions(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    registry: Mutex<Registry>,
    delivery: Delivery,
}

#[derive(Debug, Default)]
struct Registry {
    opened: u64,
    open: HashMap<u64, Weak<Session>>,
    /// Those that have a socket or an upgrade under way, by the engine's id.
    known: HashMap<Sid, Weak<Session>>,
    /// Those of them whose clients are gone, for as long as somebody holds what is left.
    gone: HashSet<Sid>,
}

impl Sessions {
    pub(crate) fn new(delivery: Delivery) -> Self {
        Self(Arc::new(Shared {
            registry: Mutex::default(),
            delivery,
        }))
    }

    pub(super) fn delivery(&self) -> &Delivery {
        &self.0.delivery
    }

    /// Writes to clients what waits for them, for as long as it is polled.
    pub(crate) async fn write(&self) {
        self.delivery().flusher.run().await;
    }

    /// A new session, of which the engine's id is not known yet.
    pub(crate) fn open(&self) -> Arc<Session> {
        let mut registry = self.lock();
        registry.opened += 1;
        let number = registry.opened;
        let session = Arc::new(Session::new(self.clone(), number));
        registry.open.insert(number, Arc::downgrade(&session));
        session
    }

    /// The session of this id: the one that is known by it, else `opened`, else a new one.
    pub(crate) fn resolve(&self, id: Sid, opened: Option<&Arc<Session>>) -> Arc<Session> {
        if let Some(session) = self.find(id) {
            return session;
        }
        let session = opened.cloned().unwrap_or_else(|| self.open());
        // A session keeps the first id it was known by; the engine gives it one alone.
        if session.id().set(id).is_ok() {
            let mut registry = self.lock();
            registry.known.insert(id, Arc::downgrade(&session));
            if session.is_gone() {
                registry.gone.insert(id);
            }
        }
        session
    }

    pub(crate) fn find(&self, id: Sid) -> Option<Arc<Session>> {
        self.lock().known.get(&id).and_then(Weak::upgrade)
    }

    /// How many are known by an id, and have a client.
    pub(crate) fn count(&self) -> usize {
        let registry = self.lock();
        let known = registry.known.iter();
        known
            .filter(|(id, session)| session.strong_count() > 0 && !registry.gone.contains(*id))
            .count()
    }

    /// All that are known by an id, and have a client.
    pub(crate) fn known(&self) -> Vec<(Sid, Arc<Session>)> {
        let registry = self.lock();
        let known = registry.known.iter();
        known
            .filter(|(id, _)| !registry.gone.contains(*id))
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
            session.send_away();
        }
    }

    /// The client of this session is gone.
    pub(super) fn gone(&self, id: &Sid) {
        self.lock().gone.insert(*id);
    }

    pub(super) fn forget(&self, number: u64, id: Option<&Sid>) {
        let mut registry = self.lock();
        registry.open.remove(&number);
        if let Some(id) = id {
            registry.gone.remove(id);
        }
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
        self.0
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Sessions {
    /// Sessions whose flusher nobody runs.
    pub(crate) fn for_tests() -> Self {
        let config = roomcast_adapter::Config::default();
        let bus = roomcast_adapter::bus::MemoryBus::alone();
        Self::new(Delivery {
            cluster: Cluster::new("test", bus, config, ()),
            flusher: Flusher::default(),
            traffic: crate::metrics::Metrics::new("test").traffic.clone(),
            in_force: InForce::new(&crate::config::Config::default().limits),
            message_size: 1_000_000,
            direct: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_whose_client_is_gone_does_not_count_while_it_is_held() {
        let sessions = Sessions::for_tests();
        let id = Sid::new();
        let session = sessions.resolve(id, None);

        session.ended();
        assert_eq!((sessions.known().len(), sessions.count()), (0, 0));
        assert!(sessions.find(id).is_some());
        drop(session);
        assert!(sessions.lock().gone.is_empty());

        let opened = sessions.open();
        opened.ended();
        let late = sessions.resolve(id, Some(&opened));
        assert_eq!(sessions.count(), 0, "it was gone before it was known");
        drop((late, opened));
        assert!(sessions.lock().gone.is_empty());
    }

    #[test]
    fn a_session_is_known_as_long_as_somebody_holds_it() {
        let sessions = Sessions::for_tests();
        let id = Sid::new();
        let opened = sessions.open();

        let session = sessions.resolve(id, Some(&opened));
        assert!(Arc::ptr_eq(&session, &opened));
        assert!(Arc::ptr_eq(&session, &sessions.resolve(id, None)));
        assert_eq!((sessions.known().len(), sessions.count()), (1, 1));

        drop((session, opened));
        assert!(sessions.find(id).is_none() && sessions.count() == 0);
        let registry = sessions.lock();
        assert!(
            registry.known.is_empty() && registry.open.is_empty(),
            "nothing is left of it"
        );
    }
}
