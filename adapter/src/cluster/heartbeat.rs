//! The task by which a node proves to itself that it hears the bus, and opens its connections anew when it does not. The
//! same message tells the other nodes that it is there.

use std::sync::{PoisonError, atomic::Ordering};

use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{sync::mpsc, time::Instant};

use super::{Cluster, about};
use crate::{bus::BusFuture, peers::Announcement};

pub(super) async fn run(cluster: Cluster, mut heard: mpsc::Receiver<Bytes>) {
    let bus = &cluster.0.bus;
    let mut link = bus.link();
    let mut epoch = link.borrow().epoch;
    let mut beats = FuturesUnordered::<BusFuture>::new();
    let mut interval = tokio::time::interval(cluster.0.config.heartbeat_interval);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let deaf_at = cluster.hearing().deaf_at();
        tokio::select! {
            _ = interval.tick() => {}
            () = cluster.0.to_announce.notified() => {}
            () = tokio::time::sleep_until(deaf_at) => {}
            Some(taken) = beats.next() => {
                if taken.is_ok() {
                    cluster.hearing().taken(Instant::now());
                }
                continue;
            }
            Some(message) = heard.recv() => {
                take(&cluster, &message);
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
            cluster.peers().restart(Instant::now());
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
                cluster.peers().restart(Instant::now());
            }
            if !cluster.0.leaves.load(Ordering::Relaxed) {
                let announcement = announcement(&cluster);
                let channel = cluster.0.beats_channel.clone();
                beats.push(bus.publish(channel, announcement.to_bytes()));
            }
        }
        let lapsed = cluster.peers().lapsed(Instant::now());
        if !lapsed.is_empty() {
            tracing::warn!(nodes = ?lapsed, "nodes were not heard for too long, they are taken for dead");
            cluster.gone(&lapsed);
            count(&cluster);
        }
        tell(&cluster);
    }
}

/// The next message about this node.
fn announcement(cluster: &Cluster) -> Announcement {
    let namespaces = cluster
        .0
        .namespaces
        .read()
        .unwrap_or_else(PoisonError::into_inner);
    Announcement {
        node: cluster.0.node_id.clone(),
        beat: Some(cluster.hearing().beat(Instant::now())),
        namespaces: namespaces
            .iter()
            .map(|(name, namespace)| (name.clone(), namespace.uid().to_owned()))
            .collect(),
        about: cluster.about(),
        ..Announcement::default()
    }
}

/// What a node says of itself: this one, or another.
fn take(cluster: &Cluster, payload: &[u8]) {
    let Ok(mut announcement) = serde_json::from_slice::<Announcement>(payload) else {
        return;
    };
    if announcement.node == cluster.0.node_id {
        let beat = announcement.beat;
        let lag = beat.and_then(|beat| cluster.hearing().heard(beat, Instant::now()));
        if let Some(lag) = lag {
            cluster.0.observer.heard(lag);
            tell(cluster);
        }
        return;
    }
    announcement.about = announcement.about.filter(|text| about::is_short(text));
    let node = announcement.node.clone();
    if announcement.to.is_some() {
        cluster.noted(announcement);
    } else if announcement.leaves {
        if cluster.peers().left(&node) {
            tracing::info!(node, "a node leaves the cluster");
            cluster.gone(&[node]);
            count(cluster);
        }
    } else if announcement.beat.is_some() && cluster.peers().heard(announcement, Instant::now()) {
        tracing::info!(node, "a node joined the cluster");
        // It has not heard this one yet.
        cluster.0.to_announce.notify_one();
        count(cluster);
    }
}

/// Reports how many nodes there are.
fn count(cluster: &Cluster) {
    let others = cluster.peers().names().len();
    cluster.0.observer.nodes(others + 1);
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
