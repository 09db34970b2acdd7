//! The task that makes the bus know what is wanted, again after each new connection, and with retries.

use std::time::Duration;

use super::Cluster;
use crate::{
    bus::{BusFuture, Topic},
    peers::Announcement,
    subscriptions::Batch,
};

/// Topics of one command: large enough that 100,000 rooms are back in a hundred round trips, small enough that a join
/// does not wait long behind one.
const MOST: usize = 1000;

/// How long to wait after a command that failed on a connection that is still up.
const RETRY: Duration = Duration::from_millis(100);

pub(super) async fn run(cluster: Cluster) {
    let bus = &cluster.0.bus;
    let mut link = bus.link();
    let mut epoch = None;
    let mut told = None;
    let mut most = MOST;
    let mut failures = 0;
    loop {
        let current = *link.borrow_and_update();
        if current.failures > failures {
            let more = current.failures - failures;
            cluster.0.observer.connections_failed(more);
            failures = current.failures;
        }
        let new_epoch = current.receiving.then_some(current.epoch);
        if new_epoch != epoch {
            if new_epoch.is_some() && (epoch.is_some() || current.epoch > 1) {
                cluster.0.observer.reconnected();
            }
            epoch = new_epoch;
            match epoch {
                Some(_) => cluster.subscriptions().connected(),
                None => cluster.subscriptions().disconnected(),
            }
        }
        let batch = if epoch.is_some() {
            cluster.subscriptions().next(most)
        } else {
            None
        };
        let Some(batch) = batch else {
            tokio::select! {
                () = cluster.0.subscriptions_changed.notified() => {}
                changed = link.changed() => if changed.is_err() { return },
            }
            continue;
        };

        let mut command = carry_out(&cluster, &batch);
        let result = loop {
            tokio::select! {
                result = &mut command => break Some(result),
                changed = link.changed() => {
                    if changed.is_err() { return }
                    let now = *link.borrow_and_update();
                    if now.receiving.then_some(now.epoch) != epoch { break None }
                }
            }
        };
        match result {
            Some(Ok(())) => {
                cluster.subscriptions().done(&batch);
                most = MOST.min(most * 2);
            }
            Some(Err(error)) => {
                // Once per connection: a user of Redis that may not subscribe fails for ever.
                if told != epoch {
                    told = epoch;
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a subscription failed, it is tried again until it succeeds"
                    );
                }
                // Redis refuses a command as a whole: what it would take is found by halves, and what it would not goes
                // last.
                let was_one = batch.len() == 1;
                most = (batch.len() / 2).max(1);
                cluster.subscriptions().failed(batch);
                if was_one {
                    // News of the connection ends the wait; it is looked at above.
                    let _ = tokio::time::timeout(RETRY, link.changed()).await;
                }
            }
            // The connection it was for is gone; above, everything starts anew.
            None => {}
        }
    }
}

fn carry_out(cluster: &Cluster, batch: &Batch) -> BusFuture {
    match batch {
        Batch::Subscribe(topics) => {
            let topics: Vec<Topic> = topics.iter().map(|(topic, _)| topic.clone()).collect();
            let patterns = topics
                .iter()
                .any(|topic| matches!(topic, Topic::Pattern(_)));
            let subscribed = cluster.0.bus.subscribe(topics);
            if patterns {
                divided(cluster, subscribed)
            } else {
                subscribed
            }
        }
        Batch::Unsubscribe(topics) => cluster.0.bus.unsubscribe(topics.clone()),
    }
}

/// Has another message stand between the last that came without the patterns and the first that comes by
/// them alone: two that are the same would be taken for one that came both ways.
fn divided(cluster: &Cluster, subscribed: BusFuture) -> BusFuture {
    let announcement = Announcement {
        node: cluster.0.node_id.clone(),
        ..Announcement::default()
    };
    let beats_channel = cluster.0.beats_channel.clone();
    let divider = cluster
        .0
        .bus
        .publish(beats_channel, announcement.to_bytes());
    Box::pin(async move {
        subscribed.await?;
        // Where nothing can be published, little is lost without it.
        let _ = tokio::time::timeout(RETRY, divider).await;
        Ok(())
    })
}
