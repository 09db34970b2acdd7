//! The task that applies what comes from the bus.

use std::sync::{Arc, PoisonError};

use super::{Cluster, heartbeat};
use crate::{bus::Delivery, channel, namespace::LocalNamespace, subscriptions::Twins};

/// Messages that are applied without a pause. All of them are queued for their sockets before any socket is written to,
/// so a burst leaves in few writes; the pause lets the writers keep the queues of their sockets short.
const WITHOUT_PAUSE: usize = 1000;

pub(super) async fn run(cluster: Cluster) {
    let mut twins = Twins::default();
    loop {
        let deliveries = cluster.0.inbox.take().await;
        for (count, delivery) in (1..).zip(deliveries) {
            apply(&cluster, &mut twins, &delivery);
            if count % WITHOUT_PAUSE == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}

fn apply(cluster: &Cluster, twins: &mut Twins, delivery: &Delivery) {
    if twins.is_second(delivery) {
        return;
    }
    if delivery.channel == cluster.0.own_channel {
        return heartbeat::heard(cluster, &delivery.payload);
    }
    for (name, room) in channel::readings(&cluster.0.config.key, &delivery.channel) {
        if let Some(namespace) = namespace(cluster, name) {
            namespace.apply(room, &delivery.payload);
        }
    }
}

fn namespace(cluster: &Cluster, name: &str) -> Option<Arc<dyn LocalNamespace>> {
    let namespaces = cluster
        .0
        .namespaces
        .read()
        .unwrap_or_else(PoisonError::into_inner);
    namespaces.get(name).cloned()
}
