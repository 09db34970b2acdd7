//! Which node of a Redis Cluster the bus goes through.
//!
//! Classic Pub/Sub needs one: each carries what it is given to all others. When it is lost, another takes its place, long
//! before the cluster has replaced it.

use std::sync::{Mutex, PoisonError};

use fred::types::config::Server;
use rand::seq::IndexedRandom;

use super::topology::ClusterNode;

/// Of so many attempts, one goes to an address of the configuration: those that were learnt may all be out of date.
const SEED_EVERY: usize = 3;

/// The nodes that there are to choose from.
#[derive(Debug)]
pub(super) struct Places {
    seeds: Vec<Server>,
    /// Held for a few statements only.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    known: Vec<Server>,
    current: Option<Server>,
    choices: usize,
}

impl Places {
    /// Those of the configuration, and those that are known beside them.
    pub(super) fn new(seeds: Vec<Server>, known: Vec<Server>) -> Self {
        Self {
            seeds,
            state: Mutex::new(State {
                known,
                current: None,
                choices: 0,
            }),
        }
    }

    /// Another than before, if there is one.
    pub(super) fn next(&self) -> Option<Server> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.choices += 1;
        let of = if state.known.is_empty() || state.choices.is_multiple_of(SEED_EVERY) {
            &self.seeds
        } else {
            &state.known
        };
        let others: Vec<&Server> = of
            .iter()
            .filter(|&server| Some(server) != state.current.as_ref())
            .collect();
        let chosen = others
            .choose(&mut rand::rng())
            .map(|&server| server.clone());
        let chosen = chosen.or_else(|| of.first().cloned());
        state.current.clone_from(&chosen);
        chosen
    }

    /// Takes note of the nodes that there are now.
    pub(super) fn learn(&self, nodes: &[ClusterNode]) {
        let alive = nodes.iter().filter(|node| !node.has_failed);
        let known = alive.map(|node| node.server.clone()).collect();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.known = known;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(port: u16) -> Server {
        Server::new("host", port)
    }

    #[test]
    fn each_choice_is_another_node_and_some_are_of_the_configuration() {
        let places = Places::new(vec![server(9), server(8)], vec![server(1), server(2)]);
        let mut before = None;
        let mut ports = Vec::new();

        for _ in 0..12 {
            let next = places.next();
            assert_ne!(next, before);
            ports.extend(next.as_ref().map(|server| server.port));
            before = next;
        }

        assert_eq!(ports.iter().filter(|&&port| port > 2).count(), 4);
    }

    #[test]
    fn where_there_is_one_it_is_chosen_again() {
        let places = Places::new(vec![server(9)], Vec::new());

        assert_eq!(places.next(), Some(server(9)));
        assert_eq!(places.next(), Some(server(9)));
    }
}
