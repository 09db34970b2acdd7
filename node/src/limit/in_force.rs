//! The limits that sockets and sessions look up as they go, and that may change while they live.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use super::events::Pace;
use crate::config;

/// What is in force. A cheap handle; each look is one load, so that it can be taken per event.
///
/// Limits stand for themselves: whoever reads two of them in the moment of a change may see one old and one new.
#[derive(Debug, Clone)]
pub(crate) struct InForce(Arc<Limits>);

#[derive(Debug)]
struct Limits {
    send_queue: AtomicUsize,
    /// Events per second above, at once below; zero is no limit.
    pace: AtomicU64,
    rooms: AtomicUsize,
    namespaces: AtomicUsize,
}

impl InForce {
    pub(crate) fn new(limits: &config::Limits) -> Self {
        let in_force = Self(Arc::new(Limits {
            send_queue: AtomicUsize::new(0),
            pace: AtomicU64::new(0),
            rooms: AtomicUsize::new(0),
            namespaces: AtomicUsize::new(0),
        }));
        in_force.take(limits);
        in_force
    }

    /// Has these hold from now on.
    pub(super) fn take(&self, limits: &config::Limits) {
        let pace = limits.events_per_second.map_or(0, |rate| {
            let burst = limits.events_burst.unwrap_or(rate);
            u64::from(rate) << 32 | u64::from(burst)
        });
        let Limits {
            send_queue,
            pace: paces,
            rooms,
            namespaces,
        } = &*self.0;
        send_queue.store(limits.send_queue, Ordering::Relaxed);
        paces.store(pace, Ordering::Relaxed);
        rooms.store(limits.rooms_per_socket, Ordering::Relaxed);
        namespaces.store(limits.namespaces_per_connection, Ordering::Relaxed);
    }

    /// How many bytes may wait for one client.
    pub(crate) fn send_queue(&self) -> usize {
        self.0.send_queue.load(Ordering::Relaxed)
    }

    /// How fast one connection's events may come.
    pub(crate) fn pace(&self) -> Option<Pace> {
        match self.0.pace.load(Ordering::Relaxed) {
            0 => None,
            both => Some(Pace::new((both >> 32) as u32, both as u32)),
        }
    }

    /// How many rooms one socket may join.
    pub(crate) fn rooms(&self) -> usize {
        self.0.rooms.load(Ordering::Relaxed)
    }

    /// How many namespaces one connection may be in.
    pub(crate) fn namespaces(&self) -> usize {
        self.0.namespaces.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn what_is_taken_is_in_force() {
        let mut limits = Config::default().limits;
        let in_force = InForce::new(&limits);
        assert_eq!(in_force.send_queue(), limits.send_queue);
        assert_eq!(in_force.pace(), None);

        limits.send_queue = 7;
        limits.rooms_per_socket = 0;
        limits.namespaces_per_connection = 2;
        limits.events_per_second = Some(u32::MAX);
        limits.events_burst = Some(3);
        in_force.take(&limits);
        assert_eq!(in_force.send_queue(), 7);
        assert_eq!((in_force.rooms(), in_force.namespaces()), (0, 2));
        assert_eq!(in_force.pace(), Some(Pace::new(u32::MAX, 3)));

        limits.events_burst = None;
        in_force.take(&limits);
        assert_eq!(in_force.pace(), Some(Pace::new(u32::MAX, u32::MAX)));
    }
}
