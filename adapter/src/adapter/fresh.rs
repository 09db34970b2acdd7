//! Pure: the rooms that sockets of other nodes were told to join a moment ago, and may not be heard of there yet.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// How long a node may take to subscribe to a room. Longer is an outage, in which more is lost than that.
const FRESH: Duration = Duration::from_secs(5);

/// Rooms that are kept by name. Of more, all rooms count as fresh for as long.
const MOST: usize = 10_000;

/// Rooms to which a broadcast goes by the namespace's channel, which every node hears, and not by their own.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    /// So that broadcasts do not look where nothing is.
    is_any: AtomicBool,
    rooms: Mutex<Rooms>,
}

#[derive(Debug, Default)]
struct Rooms {
    until: HashMap<String, Instant>,
    all_until: Option<Instant>,
}

impl Fresh {
    /// Sockets were told to join these rooms.
    pub(super) fn add(&self, rooms: &[String], now: Instant) {
        let mut fresh = self.lock();
        fresh.until.retain(|_, until| *until > now);
        if fresh.until.len() + rooms.len() > MOST {
            fresh.all_until = Some(now + FRESH);
        } else {
            let rooms = rooms.iter();
            fresh
                .until
                .extend(rooms.map(|room| (room.clone(), now + FRESH)));
        }
        self.is_any.store(true, Ordering::Relaxed);
    }

    /// Whether a node may not be subscribed to a room yet.
    pub(super) fn contains(&self, room: &str, now: Instant) -> bool {
        if !self.is_any.load(Ordering::Relaxed) {
            return false;
        }
        let mut fresh = self.lock();
        if fresh.all_until.is_some_and(|until| until > now) {
            return true;
        }
        fresh.all_until = None;
        let is_fresh = fresh.until.get(room).map(|until| *until > now);
        if is_fresh == Some(false) {
            fresh.until.retain(|_, until| *until > now);
        }
        self.is_any
            .store(!fresh.until.is_empty(), Ordering::Relaxed);
        is_fresh == Some(true)
    }

    fn lock(&self) -> MutexGuard<'_, Rooms> {
        // Entries stand for themselves, so a panic elsewhere leaves them usable.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_room_is_fresh_for_as_long_as_a_node_may_take() {
        let fresh = Fresh::default();
        assert!(!fresh.contains("a", Instant::now()));
        fresh.add(&["a".to_owned()], Instant::now());
        assert!(fresh.contains("a", Instant::now()));
        assert!(!fresh.contains("b", Instant::now()));

        tokio::time::advance(FRESH).await;

        assert!(!fresh.contains("a", Instant::now()));
        assert!(!fresh.is_any.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_rooms_all_are_fresh() {
        let fresh = Fresh::default();
        let rooms: Vec<_> = (0..=MOST).map(|room| room.to_string()).collect();

        fresh.add(&rooms, Instant::now());

        assert!(fresh.contains("whatever", Instant::now()));
        tokio::time::advance(FRESH).await;
        assert!(!fresh.contains("whatever", Instant::now()));
    }
}
