//! The task that applies what comes from the bus.

use std::sync::{Arc, PoisonError};

use super::Cluster;
use crate::{bus::Delivery, channel, copies::Copies, namespace::LocalNamespace};

/// Messages that are applied without a pause. All of them are queued for their sockets before any socket is written to,
/// so a burst leaves in few writes; the pause lets the writers keep the queues of their sockets short.
const WITHOUT_PAUSE: usize = 1000;

pub(super) async fn run(cluster: Cluster) {
    let mut copies = Copies::default();
    loop {
        let deliveries = cluster.0.inbox.take().await;
        for (count, delivery) in (1..).zip(deliveries) {
            apply(&cluster, &mut copies, &delivery);
            if count % WITHOUT_PAUSE == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}

fn apply(cluster: &Cluster, copies: &mut Copies, delivery: &Delivery) {
    let addressed = addressed(cluster, &delivery.channel);
    // Each namespace has a pattern of its own.
    if copies.is_copy(delivery, addressed.len()) {
        return;
    }
    if delivery.channel == cluster.0.own_channel {
        return;
    }
    cluster.0.observer.received();
    for (namespace, room) in addressed {
        namespace.apply(room, &delivery.payload);
    }
}

/// The namespaces served here that a channel can belong to, each with the room.
fn addressed<'a>(
    cluster: &Cluster,
    channel: &'a str,
) -> Vec<(Arc<dyn LocalNamespace>, Option<&'a str>)> {
    let namespaces = cluster
        .0
        .namespaces
        .read()
        .unwrap_or_else(PoisonError::into_inner);
    channel::readings(&cluster.0.config.key, channel)
        .filter_map(|(name, room)| Some((namespaces.get(name)?.clone(), room)))
        .collect()
}
