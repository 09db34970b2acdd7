//! Presence under load: 100,000 users online on four nodes, and 1,000 joins a second.
//!
//! `cargo run --release --example presence -- --redis-url redis://127.0.0.1:6379`, with a Redis that holds nothing else.

#![allow(
    clippy::print_stdout,
    reason = "what was measured is for whoever runs it"
)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use roomcast_node::{Config, presence};
use tokio::task::JoinSet;

/// Users that are online before anything is measured.
const USERS: usize = 100_000;

/// Joins a second, and for how many seconds; each is followed by a leave.
const RATE: usize = 1000;
const SECONDS: usize = 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let config = Config::from_args()?;
    let mut nodes = Vec::new();
    let mut running = JoinSet::new();
    for number in 0..4 {
        let node = presence::connect(&config, &format!("bench-{number}")).await?;
        let kept = node.clone();
        running.spawn(async move { kept.run().await });
        nodes.push(node);
    }

    let start = Instant::now();
    let mut joining = JoinSet::new();
    for (number, node) in (0..USERS).zip(nodes.iter().cycle()) {
        let node = node.clone();
        joining.spawn(async move {
            let name: Arc<str> = format!("user {number}").into();
            node.join(&format!("~user{number:015}"), &name).await
        });
        if joining.len() >= 256 {
            joining.join_next().await.transpose()?.transpose()?;
        }
    }
    while let Some(joined) = joining.join_next().await {
        joined??;
    }
    let filled = start.elapsed();
    println!(
        "{USERS} joins in {filled:.1?}, {:.0} a second",
        USERS as f64 / filled.as_secs_f64()
    );

    let mut times = Vec::new();
    let mut moves = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let start = Instant::now();
    for turn in 0..SECONDS * 100 {
        ticks.tick().await;
        for (number, node) in (0..RATE / 100).zip(nodes.iter().cycle()) {
            let node = node.clone();
            let id = format!("~more{:015}", turn * RATE + number);
            moves.spawn(async move {
                let begun = Instant::now();
                let joined = node.join(&id, &"someone".into()).await.map(drop);
                let time = begun.elapsed();
                joined.and(node.leave(&id).await.map(drop)).map(|()| time)
            });
        }
        while let Some(moved) = moves.try_join_next() {
            times.push(moved??);
        }
    }
    while let Some(moved) = moves.join_next().await {
        times.push(moved??);
    }
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!(
        "{RATE} joins and as many leaves a second for {:.1?}: a join takes {:?} (p50), {:?} (p99)",
        start.elapsed(),
        at(50),
        at(99)
    );
    let begun = Instant::now();
    let listed = nodes[0].online().len();
    println!(
        "a list of {listed} users, from memory, takes {:?}",
        begun.elapsed()
    );
    Ok(())
}
