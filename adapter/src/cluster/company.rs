//! The task that finds out whether servers of Node.js serve a namespace, too, beside which it is subscribed by pattern.
//!
//! They have sockets of all servers join a room and at once emit to it, on the room's own channel. A node that subscribed to
//! the room when it hears of the join would be too late.

use std::sync::PoisonError;

use super::{Cluster, lock};
use crate::channel;

/// Looks that must agree before others are believed to be there. A node of ours that has just come is counted by the bus a
/// moment before it is heard.
const TO_BELIEVE: u32 = 3;

/// Looks without others before they are believed to be gone: a restart of a server changes nothing.
const TO_FORGET: u32 = 60;

/// Pure: what was seen of others in one namespace.
#[derive(Debug, Default)]
pub(super) struct Company {
    is_mixed: bool,
    /// Looks in a row that spoke against that.
    against: u32,
}

impl Company {
    /// Takes a look; whether others are there, if that is news.
    fn look(&mut self, others: bool) -> Option<bool> {
        if others == self.is_mixed {
            self.against = 0;
            return None;
        }
        self.against += 1;
        let needed = if others { TO_BELIEVE } else { TO_FORGET };
        if self.against < needed {
            return None;
        }
        *self = Self {
            is_mixed: others,
            against: 0,
        };
        Some(others)
    }

    /// Others have acted; true if that is news.
    fn met(&mut self) -> bool {
        self.against = 0;
        !std::mem::replace(&mut self.is_mixed, true)
    }
}

impl Cluster {
    /// Somebody who is no node of this crate moves sockets in a namespace.
    pub(crate) fn meets_others(&self, namespace: &str) {
        if self.0.dialect.is_sharded() {
            return;
        }
        let mut company = lock(&self.0.company);
        if company.entry(namespace.to_owned()).or_default().met() {
            drop(company);
            self.believe(namespace, true);
        }
    }

    fn believe(&self, namespace: &str, is_mixed: bool) {
        if self.change(|subscriptions| subscriptions.set_mixed(namespace, is_mixed)) {
            tracing::info!(
                namespace,
                by_pattern = is_mixed,
                "other servers of the namespace have come or gone, its subscriptions change"
            );
        }
    }

    fn served(&self) -> Vec<String> {
        let namespaces = self
            .0
            .namespaces
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        namespaces.keys().cloned().collect()
    }
}

pub(super) async fn run(cluster: Cluster) {
    // Over sharded Pub/Sub there are no patterns, and Node's servers miss such emits, too.
    if cluster.is_alone() || cluster.0.dialect.is_sharded() {
        return std::future::pending().await;
    }
    let mut looks = tokio::time::interval(cluster.config().heartbeat_interval);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first is at once, when this node has heard nobody yet.
    looks.tick().await;
    loop {
        looks.tick().await;
        for namespace in cluster.served() {
            let requests = channel::request(&cluster.config().key, &namespace);
            let patience = cluster.config().heartbeat_timeout;
            let counting = cluster.0.bus.subscribers(vec![requests]);
            // Where the bus is away, nothing is known.
            let Ok(Ok(counts)) = tokio::time::timeout(patience, counting).await else {
                continue;
            };
            let count: usize = counts.into_iter().sum();
            let ours = {
                let peers = cluster.peers();
                peers.serving(&namespace).len() + peers.fallen(&namespace).len() + 1
            };
            let news = {
                let mut company = lock(&cluster.0.company);
                company
                    .entry(namespace.clone())
                    .or_default()
                    .look(count > ours)
            };
            if let Some(is_mixed) = news {
                cluster.believe(&namespace, is_mixed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_believed_at_the_third_look_and_forgotten_after_a_minute() {
        let mut company = Company::default();

        assert_eq!(company.look(true), None);
        assert_eq!(company.look(false), None);
        assert_eq!(company.look(true), None);
        assert_eq!(company.look(true), None);
        assert_eq!(company.look(true), Some(true));
        for _ in 1..TO_FORGET {
            assert_eq!(company.look(false), None);
        }
        assert_eq!(company.look(false), Some(false));
    }

    #[test]
    fn who_acts_is_there() {
        let mut company = Company::default();

        assert!(company.met());
        assert!(!company.met());
        assert_eq!(company.look(false), None);
    }
}
