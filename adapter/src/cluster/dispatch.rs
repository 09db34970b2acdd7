//! The task that applies what comes from the bus.

use std::sync::{Arc, PoisonError};

use super::Cluster;
use crate::{
    bus::Delivery,
    channel::{self, Purpose},
    copies::Copies,
    namespace::LocalNamespace,
};

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
    let key = &cluster.0.config.key;
    let (purpose, addressed) = match channel::purpose(key, &delivery.channel) {
        Some((purpose, rest)) => (Some(purpose), addressed(cluster, rest)),
        // That on which nodes say that they are there; their messages have another way.
        None => (None, Vec::new()),
    };
    // Each namespace has a pattern of its own.
    if copies.is_copy(delivery, addressed.len()) {
        return;
    }
    let Some(purpose) = purpose else { return };
    cluster.0.observer.received();
    for (namespace, part) in addressed {
        let payload = &delivery.payload;
        let read = match purpose {
            Purpose::Broadcast => namespace.apply(part, payload),
            Purpose::Request if part.is_none() => namespace.requested(payload),
            Purpose::Response if part.is_none_or(|uid| uid == namespace.uid()) => {
                cluster.take_response(payload)
            }
            Purpose::Request | Purpose::Response => Ok(()),
        };
        if let Err(error) = read {
            cluster.unreadable(&delivery.channel, &error);
        }
    }
}

/// The namespaces served here that a channel can belong to, each with what follows its name.
fn addressed<'a>(
    cluster: &Cluster,
    channel: &'a str,
) -> Vec<(Arc<dyn LocalNamespace>, Option<&'a str>)> {
    let namespaces = cluster
        .0
        .namespaces
        .read()
        .unwrap_or_else(PoisonError::into_inner);
    channel::readings(channel)
        .filter_map(|(name, room)| Some((namespaces.get(name)?.clone(), room)))
        .collect()
}
