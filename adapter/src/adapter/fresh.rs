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

/// How a room is to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    /// By its own channel.
    None,
    /// By the namespace's.
    Fresh,
    /// By its own channel again, from this message on.
    JustOver,
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
    pub(super) fn look(&self, room: &str, now: Instant) -> Freshness {
        if !self.is_any.load(Ordering::Relaxed) {
            return Freshness::None;
        }
        let mut fresh = self.lock();
        let was_all = fresh.all_until.is_some();
        if fresh.all_until.is_some_and(|until| until > now) {
            return Freshness::Fresh;
        }
        fresh.all_until = None;
        let freshness = match fresh.until.get(room) {
            Some(until) if *until > now => Freshness::Fresh,
            Some(_) => {
                fresh.until.remove(room);
                Freshness::JustOver
            }
            None if was_all => Freshness::JustOver,
            None => Freshness::None,
        };
        self.is_any
            .store(!fresh.until.is_empty(), Ordering::Relaxed);
        freshness
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
        let look = |room| fresh.look(room, Instant::now());
        assert_eq!(look("a"), Freshness::None);
        fresh.add(&["a".to_owned()], Instant::now());
        assert_eq!((look("a"), look("b")), (Freshness::Fresh, Freshness::None));

        tokio::time::advance(FRESH).await;

        assert_eq!(look("a"), Freshness::JustOver);
        assert_eq!(look("a"), Freshness::None);
        assert!(!fresh.is_any.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_rooms_all_are_fresh() {
        let fresh = Fresh::default();
        let rooms: Vec<_> = (0..=MOST).map(|room| room.to_string()).collect();

        fresh.add(&rooms, Instant::now());

        let look = || fresh.look("whatever", Instant::now());
        assert_eq!(look(), Freshness::Fresh);
        tokio::time::advance(FRESH).await;
        assert_eq!(look(), Freshness::JustOver);
        assert_eq!(look(), Freshness::None);
    }
}
