//! Pure: who is there, and whether one more may come.

use std::collections::HashMap;

use tokio::time::Instant;

use super::{
    bucket::{Bucket, Rate},
    network::Network,
};

/// What there may be; `None` is as much as comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) all: Option<u32>,
    pub(super) of_one: Option<u32>,
    pub(super) per_second: Option<u32>,
}

/// Why nobody more may come, in the words for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// There are as many as may be.
    #[error("Too many connections")]
    Full,
    /// There are as many from this address.
    #[error("Too many connections from this address")]
    Address,
    /// Too many came within the second.
    #[error("Too many new connections")]
    Rate,
}

/// Counts those that are there.
#[derive(Debug)]
pub(super) struct Ledger {
    bounds: Bounds,
    all: u32,
    /// Also without a bound for it: there may be one later.
    of_one: HashMap<Network, u32>,
    arrivals: Bucket,
    is_full: bool,
}

impl Ledger {
    /// Without bounds.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            bounds: Bounds::default(),
            all: 0,
            of_one: HashMap::new(),
            arrivals: Bucket::new(now),
            is_full: false,
        }
    }

    /// Has these bounds hold from now on. Who is there stays.
    pub(super) fn bind(&mut self, bounds: Bounds, now: Instant) {
        if bounds.per_second != self.bounds.per_second {
            self.arrivals = Bucket::new(now);
        }
        self.bounds = bounds;
        self.is_full = false;
        self.note();
    }

    /// How many are there.
    pub(super) fn all(&self) -> u32 {
        self.all
    }

    /// Whether it is full, or was and has hardly any room since: whoever sends clients here shall not flutter.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// Counts one more. Without a network it counts among all, and to nobody in particular.
    pub(super) fn enter(&mut self, network: Option<Network>, now: Instant) -> Result<(), Refused> {
        if self.bounds.all.is_some_and(|most| self.all >= most) {
            return Err(Refused::Full);
        }
        let of_one = network.and_then(|network| self.of_one.get(&network));
        if self
            .bounds
            .of_one
            .is_some_and(|most| of_one.is_some_and(|count| *count >= most))
        {
            return Err(Refused::Address);
        }
        // Last, so that who is refused anyway takes no turn from others.
        if let Some(rate) = self.bounds.per_second
            && !self.arrivals.take(Rate::new(rate, rate), now)
        {
            return Err(Refused::Rate);
        }
        self.all = self.all.saturating_add(1);
        if let Some(network) = network {
            *self.of_one.entry(network).or_default() += 1;
        }
        self.note();
        Ok(())
    }

    /// Counts one less, of the same network.
    pub(super) fn leave(&mut self, network: Option<Network>) {
        self.all = self.all.saturating_sub(1);
        if let Some(network) = network
            && let Some(count) = self.of_one.get_mut(&network)
        {
            *count -= 1;
            if *count == 0 {
                self.of_one.remove(&network);
            }
        }
        self.note();
    }

    fn note(&mut self) {
        if let Some(most) = self.bounds.all {
            let room = most.saturating_sub(self.all);
            self.is_full = room == 0 || (self.is_full && room < (most / 50).max(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::Duration};

    use proptest::prelude::*;

    use super::*;

    fn network(number: u8) -> Option<Network> {
        Some(Network::from(IpAddr::from([10, 0, 0, number])))
    }

    fn bound(bounds: Bounds, now: Instant) -> Ledger {
        let mut ledger = Ledger::new(now);
        ledger.bind(bounds, now);
        ledger
    }

    #[test]
    fn what_is_over_a_bound_is_refused_for_that() {
        let now = Instant::now();
        let bounds = Bounds {
            all: Some(3),
            of_one: Some(2),
            per_second: None,
        };
        let mut ledger = bound(bounds, now);

        assert_eq!(ledger.enter(network(1), now), Ok(()));
        assert_eq!(ledger.enter(network(1), now), Ok(()));
        assert_eq!(ledger.enter(network(1), now), Err(Refused::Address));
        assert_eq!(ledger.enter(network(2), now), Ok(()));
        assert_eq!(ledger.enter(network(3), now), Err(Refused::Full));

        ledger.leave(network(1));
        assert_eq!(ledger.enter(network(1), now), Ok(()));
    }

    #[test]
    fn who_comes_too_fast_waits_and_who_is_refused_takes_no_turn() {
        let now = Instant::now();
        let bounds = Bounds {
            all: None,
            of_one: Some(1),
            per_second: Some(2),
        };
        let mut ledger = bound(bounds, now);

        assert_eq!(ledger.enter(network(1), now), Ok(()));
        assert_eq!(ledger.enter(network(1), now), Err(Refused::Address));
        assert_eq!(ledger.enter(network(2), now), Ok(()));
        assert_eq!(ledger.enter(network(3), now), Err(Refused::Rate));
        let later = now + Duration::from_millis(500);
        assert_eq!(ledger.enter(network(3), later), Ok(()));
    }

    #[test]
    fn a_full_one_has_room_again_once_there_is_some_to_speak_of() {
        let now = Instant::now();
        let bounds = Bounds {
            all: Some(100),
            ..Bounds::default()
        };
        let mut ledger = bound(bounds, now);
        for _ in 0..100 {
            assert!(!ledger.is_full());
            ledger.enter(None, now).unwrap();
        }
        assert!(ledger.is_full());

        ledger.leave(None);
        assert!(ledger.is_full());
        ledger.leave(None);
        assert!(!ledger.is_full());
    }

    #[test]
    fn who_came_before_a_bound_counts_for_it_and_stays() {
        let now = Instant::now();
        let mut ledger = Ledger::new(now);
        for _ in 0..3 {
            ledger.enter(network(1), now).unwrap();
        }

        let bounds = Bounds {
            all: Some(3),
            of_one: Some(2),
            per_second: None,
        };
        ledger.bind(bounds, now);
        assert!(ledger.is_full());
        assert_eq!(ledger.all(), 3);
        ledger.leave(network(1));
        assert_eq!(ledger.enter(network(1), now), Err(Refused::Address));
        ledger.leave(network(1));
        assert_eq!(ledger.enter(network(1), now), Ok(()));

        ledger.bind(Bounds::default(), now);
        assert!(!ledger.is_full());
        assert_eq!(ledger.enter(network(1), now), Ok(()));
    }

    proptest! {
        #[test]
        fn it_never_counts_twice_and_forgets_who_has_left(
            steps in prop::collection::vec((any::<bool>(), 0_u8..4), 0..200),
        ) {
            let now = Instant::now();
            let bounds = Bounds { all: Some(10), of_one: Some(4), per_second: None };
            let mut ledger = bound(bounds, now);
            let mut there = Vec::new();
            for (comes, who) in steps {
                if comes {
                    let count = there.iter().filter(|other| **other == who).count();
                    let may_come = there.len() < 10 && count < 4;
                    prop_assert_eq!(ledger.enter(network(who), now).is_ok(), may_come);
                    if may_come {
                        there.push(who);
                    }
                } else if let Some(at) = there.iter().position(|other| *other == who) {
                    there.swap_remove(at);
                    ledger.leave(network(who));
                }
                prop_assert_eq!(ledger.all() as usize, there.len());
            }
            there.iter().for_each(|who| ledger.leave(network(*who)));
            prop_assert!(ledger.of_one.is_empty());
        }
    }
}
