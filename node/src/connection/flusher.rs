//! Writes what has gathered for connections, once per round of the runtime.
//!
//! Whatever a round brings for a connection, from however many broadcasts, leaves in one system call.

use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use super::{queue::Buffers, session::Session};

/// Connections that are written to before others get their turn: about a millisecond's worth of system calls.
const TURN: usize = 128;

/// The connections for which something waits. A cheap handle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flusher(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Each once: a connection notes that it is in here.
    dirty: Mutex<Vec<Arc<Session>>>,
    filled: Notify,
    buffers: Buffers,
}

impl Flusher {
    /// Writes, for as long as it is polled.
    pub(crate) async fn run(&self) {
        let mut dirty = Vec::new();
        loop {
            self.0.filled.notified().await;
            // The runtime goes on with this once everything else that is ready has run: the end of the round.
            tokio::task::yield_now().await;
            mem::swap(&mut dirty, &mut *self.lock());
            for turn in dirty.chunks(TURN) {
                turn.iter().for_each(|session| session.flush());
                if turn.len() == TURN {
                    tokio::task::yield_now().await;
                }
            }
            dirty.clear();
        }
    }

    /// Something waits for this connection, which was not noted before.
    pub(super) fn note(&self, session: Arc<Session>) {
        let mut dirty = self.lock();
        dirty.push(session);
        let is_first = dirty.len() == 1;
        drop(dirty);
        if is_first {
            self.0.filled.notify_one();
        }
    }

    pub(super) fn buffers(&self) -> &Buffers {
        &self.0.buffers
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Session>>> {
        // A list, whole between any two statements.
        self.0.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
