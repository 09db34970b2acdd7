//! The task by which a node proves to itself that it hears the bus, and opens its connections anew when it does not.

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::Instant;

use super::Cluster;
use crate::bus::BusFuture;

pub(super) async fn run(cluster: Cluster) {
    let bus = &cluster.0.bus;
    let mut link = bus.link();
    let mut own = cluster.0.inbox.own();
    let mut epoch = link.borrow().epoch;
    let mut beats = FuturesUnordered::<BusFuture>::new();
    let mut interval = tokio::time::interval(cluster.0.config.heartbeat_interval);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let deaf_at = cluster.hearing().deaf_at();
        tokio::select! {
            _ = interval.tick() => {}
            () = tokio::time::sleep_until(deaf_at) => {}
            Some(taken) = beats.next() => {
                if taken.is_ok() {
                    cluster.hearing().taken(Instant::now());
                }
                continue;
            }
            Ok(()) = own.changed() => {
                let message = own.borrow_and_update().clone();
                heard(&cluster, &message);
                continue;
            }
            changed = link.changed() => if changed.is_err() { return },
        }
        if let Some(latest) = cluster.0.inbox.latest() {
            cluster.hearing().arrived(latest);
        }
        let now = *link.borrow_and_update();
        if !now.receiving || !now.publishing || now.epoch != epoch {
            epoch = now.epoch;
            cluster.hearing().restart(Instant::now());
        }
        if now.receiving && now.publishing {
            if cluster.hearing().is_deaf(Instant::now()) {
                tracing::warn!(
                    "nothing comes back from the bus over connections that look alive, opening new ones"
                );
                tell(&cluster);
                beats.clear();
                reopen(&cluster).await;
                cluster.hearing().restart(Instant::now());
            }
            let sequence = cluster.hearing().beat(Instant::now());
            let channel = cluster.0.own_channel.clone();
            beats.push(bus.publish(channel, Bytes::from(sequence.to_string())));
        }
        tell(&cluster);
    }
}

/// A message on the node's own channel.
fn heard(cluster: &Cluster, payload: &[u8]) {
    let sequence = std::str::from_utf8(payload)
        .ok()
        .and_then(|text| text.parse().ok());
    let lag = sequence.and_then(|sequence| cluster.hearing().heard(sequence, Instant::now()));
    if let Some(lag) = lag {
        cluster.0.observer.heard(lag);
        tell(cluster);
    }
}

async fn reopen(cluster: &Cluster) {
    let patience = cluster.0.config.heartbeat_timeout;
    match tokio::time::timeout(patience, cluster.0.bus.reopen()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "no new connection yet"
            );
        }
        Err(_) => tracing::debug!("no new connection in time"),
    }
}

/// Reports a change, and only a change.
fn tell(cluster: &Cluster) {
    let hears = cluster.hearing().hears(Instant::now());
    let changed = cluster.0.hears.send_if_modified(|known| {
        let changed = *known != hears;
        *known = hears;
        changed
    });
    if changed {
        cluster.0.observer.hearing(hears);
        if hears {
            tracing::info!("the bus is heard");
        } else {
            tracing::warn!(
                "the bus is not heard: clients of this node do not reach those of others"
            );
        }
    }
}
