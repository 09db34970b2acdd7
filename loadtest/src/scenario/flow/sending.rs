//! When publishers send: on a schedule that does not wait for the cluster, or when earlier messages have come back.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::publisher::Publisher;
use super::run::Run;
use crate::measure::Latency;
use crate::scenario::pace::{self, Schedule};

/// Sends on a schedule, publishers in turn, and ends early once the run is over. Gives back how late it was kept. Blocks.
pub(super) fn on_schedule(schedule: Schedule, publishers: &[Arc<Publisher>], run: &Run) -> Latency {
    // Whose turn it is in a second begins to type.
    let ahead = (schedule.rate as usize).min(publishers.len().saturating_sub(1));
    let typing = publishers.iter().cycle().skip(ahead);
    let mut turns = publishers.iter().cycle().zip(typing);
    let lag = pace::on_schedule(schedule, |due| match turns.next() {
        Some((publisher, next)) if !run.is_over() => {
            next.begin_to_type();
            publisher.publish(due);
            ControlFlow::Continue(())
        }
        _ => ControlFlow::Break(()),
    });
    run.stop();
    lag
}

/// Starts what then keeps itself going, and stops it when time or messages are up.
pub(super) async fn on_return(
    in_flight: u32,
    duration: Duration,
    publishers: &[Arc<Publisher>],
    run: &Run,
) {
    for _ in 0..in_flight {
        for publisher in publishers {
            publisher.publish_within_budget();
        }
    }
    // An error means that time is up before the messages are.
    let _ = timeout(duration, run.spent()).await;
    run.stop();
}
