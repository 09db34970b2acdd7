//! `connect`: clients connect at a rate, and then idle. What a connection costs, and what it holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::cluster::Cluster;
use super::duration;
use crate::client::CloseReason;
use crate::client::driver::Inbound;
use crate::measure::Latency;
use crate::monitor::{Counters, Monitor};
use crate::report::{Connects, Report, Settings};
use crate::swarm::Seat;

/// Options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Connect {
    #[command(flatten)]
    pub(super) cluster: Cluster,
    /// How many clients connect
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    clients: u32,
    /// Connects a second, on schedule; without it, as many as go at the same time allow
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// How long the clients idle, once all are connected
    #[arg(long, default_value = "2s", value_parser = duration)]
    hold: Duration,
    /// Fail if the 99th percentile of the time to connect is above this
    #[arg(long, value_parser = duration)]
    max_p99: Option<Duration>,
}

/// How many have connected.
#[derive(Default)]
struct Count(AtomicU64);

impl Counters for Count {
    fn done(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn sent(&self) -> u64 {
        self.done()
    }
}

/// A client that wants nothing.
struct Idler;

impl Inbound for Idler {
    fn message(&mut self, _: &str) -> Result<(), CloseReason> {
        Ok(())
    }

    fn binary(&mut self, _: bytes::Bytes) -> Result<(), CloseReason> {
        Ok(())
    }
}

impl Connect {
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        self.cluster.check().await
    }

    pub(super) async fn run(&self) -> anyhow::Result<Report> {
        let count = Arc::new(Count::default());
        let processes = self.cluster.processes()?;
        let expected = match self.rate {
            Some(rate) => Duration::from_secs_f64(f64::from(self.clients) / f64::from(rate)),
            None => Duration::from_secs(u64::from(self.clients) / 5000),
        };
        let monitor = Monitor::start(processes.clone(), Arc::clone(&count) as _, expected);
        let start = Instant::now();
        let mut latency = Latency::default();
        let seats = self.seats(start, &count, &mut latency).await?;
        let elapsed = start.elapsed();
        let connecting = monitor.finish().await?;

        let mut posts = Vec::new();
        let mut idling = JoinSet::new();
        for seat in seats {
            posts.push(seat.post());
            idling.spawn(async move { seat.drive(&mut Idler).await });
        }
        let monitor = Monitor::start(processes, count, self.hold);
        tokio::time::sleep(self.hold).await;
        let holding = monitor.finish().await?;
        posts.iter().for_each(crate::swarm::Post::end);
        let mut ends = Vec::new();
        while let Some(ended) = idling.join_next().await {
            let reason = ended.context("a client's task failed")?;
            if reason != CloseReason::Killed {
                ends.push(reason);
            }
        }

        let connects = Connects {
            clients: u64::from(self.clients),
            seconds: elapsed.as_secs_f64(),
            latency_us: latency.summary(),
        };
        let mut report = Report::new("connect", self.settings(), connects);
        report.hold(connecting, &holding, &ends, self.cluster.threads());
        report.limit_connects(self.max_p99);
        Ok(report)
    }

    /// Connects all clients.
    async fn seats(
        &self,
        start: Instant,
        count: &Arc<Count>,
        latency: &mut Latency,
    ) -> anyhow::Result<Vec<Seat>> {
        let mut opening = JoinSet::new();
        let mut seats = Vec::new();
        let most = usize::from(self.cluster.connect_concurrency);
        for client in 0..self.clients {
            let due = match self.rate {
                Some(rate) => {
                    let due = start + Duration::from_secs_f64(f64::from(client) / f64::from(rate));
                    sleep_until(due.into()).await;
                    due
                }
                None => {
                    if opening.len() >= most {
                        take(opening.join_next().await, &mut seats, latency)?;
                    }
                    Instant::now()
                }
            };
            let seat = self.cluster.seat(client as usize, client as usize);
            let count = Arc::clone(count);
            opening.spawn(async move {
                let seat = seat.await;
                count.0.fetch_add(1, Ordering::Relaxed);
                (seat, due.elapsed())
            });
            while let Some(ended) = opening.try_join_next() {
                take(Some(ended), &mut seats, latency)?;
            }
        }
        while !opening.is_empty() {
            take(opening.join_next().await, &mut seats, latency)?;
        }
        Ok(seats)
    }

    fn settings(&self) -> Settings {
        let mut settings = self.cluster.settings();
        settings.extend([
            ("clients".to_owned(), json!(self.clients)),
            ("rate".to_owned(), json!(self.rate)),
            ("hold_seconds".to_owned(), json!(self.hold.as_secs_f64())),
        ]);
        settings
    }
}

type Taken = (Result<Seat, crate::client::ConnectError>, Duration);

fn take(
    ended: Option<Result<Taken, tokio::task::JoinError>>,
    seats: &mut Vec<Seat>,
    latency: &mut Latency,
) -> anyhow::Result<()> {
    let Some(ended) = ended else { return Ok(()) };
    let (seat, elapsed) = ended.context("a client's task failed")?;
    let number = seats.len() + 1;
    seats.push(seat.with_context(|| format!("connecting a client after {number} others"))?);
    latency.record(elapsed);
    Ok(())
}
