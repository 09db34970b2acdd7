//! `fanout`: clients in rooms, publishers who send to them, and a check of every delivery.
//!
//! Client number `c` is in room `c % rooms`, and connected so that each room is spread over all nodes. The first
//! clients are the publishers. With `--rate`, messages leave on a schedule that does not wait for the cluster, and
//! their latency counts from the time at which they were due. With `--in-flight`, a publisher sends its next message
//! when one of its own has come back, so that the cluster sets the pace.

mod join;
mod member;
mod message;
mod pace;
mod publisher;
mod run;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum as _};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use self::join::Joined;
use self::run::Run;
use super::cluster::Cluster;
use super::duration;
use crate::client::CloseReason;
use crate::measure::Tally;
use crate::report::{Connects, Report, Settings, Traffic};

/// How long the scenario listens after the last expected delivery, so that duplicates are seen.
const LINGER: Duration = Duration::from_millis(250);

/// How long the scenario waits for the last deliveries at most, however slowly they come.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Fanout {
    #[command(flatten)]
    cluster: Cluster,
    /// How many clients connect
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    clients: u32,
    /// How many rooms they are spread over
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rooms: u32,
    /// How many of them publish, each to its own room [default: one per room]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    publishers: Option<u32>,
    /// Messages a second in total, sent on schedule [default: 100]
    #[arg(long, conflicts_with = "in_flight", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Messages that each publisher keeps under way; as many a second as the cluster takes
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=128))]
    in_flight: Option<u32>,
    /// How long messages are sent
    #[arg(long, default_value = "10s", value_parser = duration)]
    duration: Duration,
    /// How many messages are sent at most
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    messages: u64,
    /// Size of a message's data in bytes, at least
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(..=10_000_000))]
    payload: u32,
    /// How long nothing may come before what is missing counts as lost
    #[arg(long, default_value = "5s", value_parser = duration)]
    grace: Duration,
    /// Fail if the 99th percentile of the latency is above this
    #[arg(long, value_parser = duration)]
    max_p99: Option<Duration>,
}

impl Fanout {
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.rooms <= self.clients,
            "--rooms {} is more than --clients {}: some rooms would be empty",
            self.rooms,
            self.clients
        );
        ensure!(
            self.publishers() <= self.clients,
            "--publishers {} is more than --clients {}: publishers are clients",
            self.publishers(),
            self.clients
        );
        ensure!(!self.duration.is_zero(), "--duration is zero");
        self.cluster.check().await
    }

    pub(super) async fn run(&self) -> anyhow::Result<Report> {
        let rooms = self.rooms as usize;
        let place = |client: usize| client / rooms + client % rooms;
        let crowd = self.cluster.connect(self.clients as usize, place).await?;
        let connects = Connects {
            clients: u64::from(self.clients),
            seconds: crowd.elapsed.as_secs_f64(),
            latency_us: crowd.latency.summary(),
        };

        let run = Arc::new(Run::new(
            self.publishers() as usize,
            self.messages,
            self.payload as usize,
        ));
        let Joined {
            handles,
            publishers,
            mut members,
        } = self.join(crowd, &run).await?;
        let start = Instant::now();
        let lag = match self.in_flight {
            Some(in_flight) => {
                pace::on_return(in_flight, self.duration, &publishers, &run).await;
                None
            }
            None => Some(
                pace::on_schedule(self.rate(), self.duration, self.messages, &publishers).await,
            ),
        };
        let sending = start.elapsed();
        let sent = run.all_sent();
        self.wait_for(self.expected(&sent), &run).await;

        drop(handles);
        let mut tally = Tally::default();
        let mut ends = Vec::new();
        while let Some(ended) = members.join_next().await {
            let (member, reason) = ended.context("a client's task failed")?;
            tally.add(&member.tally(&sent));
            if reason != CloseReason::Killed {
                ends.push(reason);
            }
        }
        let totals = run.totals();
        let listening = totals
            .last
            .map_or(sending, |last| last.saturating_duration_since(start));
        let traffic = Traffic {
            sent: sent.iter().sum(),
            unsent: run.unsent(),
            seconds: sending.as_secs_f64(),
            deliveries_per_second: tally.delivered as f64 / listening.max(sending).as_secs_f64(),
            disconnected: ends.len() as u64,
            first_disconnect: ends.first().map(ToString::to_string),
            first_stray_event: totals.stray.clone(),
            latency_us: totals.latency.summary(),
            schedule_lag_us: lag.map(|lag| lag.summary()),
        };
        drop(totals);
        Ok(Report::new(
            "fanout",
            self.settings(),
            connects,
            traffic,
            tally,
            self.max_p99,
        ))
    }

    fn publishers(&self) -> u32 {
        self.publishers.unwrap_or(self.rooms)
    }

    fn rate(&self) -> u32 {
        self.rate.unwrap_or(100)
    }

    fn settings(&self) -> Settings {
        let rate = self.in_flight.is_none().then(|| self.rate());
        let transport = self.cluster.transport.to_possible_value();
        vec![
            ("urls", json!(self.cluster.urls)),
            (
                "transport",
                json!(transport.map(|value| value.get_name().to_owned())),
            ),
            ("clients", json!(self.clients)),
            ("rooms", json!(self.rooms)),
            ("publishers", json!(self.publishers())),
            ("rate", json!(rate)),
            ("in_flight", json!(self.in_flight)),
            ("duration_seconds", json!(self.duration.as_secs_f64())),
            ("messages", json!(self.messages)),
            ("payload_bytes", json!(self.payload)),
        ]
    }

    /// Deliveries that the messages sent by each publisher must bring.
    fn expected(&self, sent: &[u64]) -> u64 {
        let members = |room: usize| {
            let (clients, rooms) = (self.clients as usize, self.rooms as usize);
            (clients / rooms + usize::from(room < clients % rooms)) as u64
        };
        sent.iter()
            .enumerate()
            .map(|(publisher, sent)| sent * members(publisher % self.rooms as usize))
            .sum()
    }

    /// Waits until all has come and a moment more. What is slow is not lost: the grace begins again with each delivery.
    async fn wait_for(&self, expected: u64, run: &Run) {
        let deadline = Instant::now() + LONGEST_WAIT.max(self.grace);
        let mut look = interval(Duration::from_millis(10));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = (run.totals().delivered, Instant::now());
        while seen.0 < expected && seen.1.elapsed() < self.grace && Instant::now() < deadline {
            look.tick().await;
            let delivered = run.totals().delivered;
            if delivered > seen.0 {
                seen = (delivered, Instant::now());
            }
        }
        tokio::time::sleep(LINGER).await;
    }
}
