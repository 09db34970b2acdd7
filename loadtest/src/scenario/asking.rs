//! What scenarios have in common in which clients ask, and the server answers with an ack.
//!
//! A client's questions are numbered from 0, and the number is the ack's id. With `--rate`, they leave on a schedule that
//! does not wait for answers, clients in turn; with `--in-flight`, an answer makes a client ask again.

mod asker;
mod pending;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use self::asker::{Asker, Client, Shared};
use super::cluster::Cluster;
use super::duration;
use super::pace::{Schedule, on_schedule};
use crate::client::CloseReason;
use crate::measure::{Latency, Tally};
use crate::monitor::{Counters as _, Monitor};
use crate::report::{Report, Traffic};

/// How long answers may take in the end.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Options that all of these scenarios have.
#[derive(Clone, Debug, Args)]
pub struct Asking {
    #[command(flatten)]
    pub(super) cluster: Cluster,
    /// How many clients connect
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    clients: u32,
    /// Questions a second in total, sent on schedule
    #[arg(long, conflicts_with = "in_flight", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) rate: Option<u32>,
    /// Questions that each client keeps under way [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=128))]
    pub(super) in_flight: Option<u32>,
    /// How long clients ask
    #[arg(long, default_value = "10s", value_parser = duration)]
    duration: Duration,
    /// Fail if the 99th percentile of the latency is above this
    #[arg(long, value_parser = duration)]
    max_p99: Option<Duration>,
    /// Fail if there are fewer answers a second than this
    #[arg(long)]
    min_rate: Option<f64>,
}

/// What clients ask.
pub(super) trait Question: Send + Sync + 'static {
    /// What follows the id in the packet of a client's question with this number: the array of event and body.
    fn ask(&self, client: usize, number: u64) -> String;

    /// Whether `values`, what follows the id in the ack, is the answer to that question.
    fn is_answer(&self, client: usize, number: u64, values: &str) -> bool;
}

impl Asking {
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.duration.is_zero(), "--duration is zero");
        self.cluster.check().await
    }

    /// Asks for the duration, and says what came of each question. The setting is what the scenario adds to ours.
    pub(super) async fn run(
        &self,
        name: &str,
        question: impl Question,
        setting: (String, Value),
    ) -> anyhow::Result<Report> {
        let crowd = self
            .cluster
            .connect(self.clients as usize, |client| client)
            .await?;
        let connects = crowd.connects();
        let shared = Arc::new(Shared::new(question, self.rate.is_none()));
        let mut clients = Vec::new();
        let mut attending = JoinSet::new();
        for (number, seat) in crowd.seats.into_iter().enumerate() {
            let client = Arc::new(Client::new(number, seat.post(), &shared));
            let mut asker = Asker::new(Arc::clone(&client));
            clients.push(client);
            attending.spawn(async move {
                let reason = seat.drive(&mut asker).await;
                (asker, reason)
            });
        }

        let processes = self.cluster.processes()?;
        let monitor = Monitor::start(processes, Arc::clone(&shared) as _, self.duration);
        let start = Instant::now();
        let lag = self.ask(&clients, start).await;
        shared.over.store(true, Ordering::Relaxed);
        let sending = start.elapsed();
        let observed = monitor.finish().await?;
        wait_for_answers(&shared).await;

        for client in &clients {
            client.post.end();
        }
        let mut tally = Tally::default();
        let mut ends = Vec::new();
        while let Some(ended) = attending.join_next().await {
            let (asker, reason) = ended.context("a client's task failed")?;
            tally.add(&asker.tally());
            if reason != CloseReason::Killed {
                ends.push(reason);
            }
        }
        let totals = shared.totals();
        let traffic = Traffic {
            sent: shared.sent(),
            unsent: 0,
            seconds: sending.as_secs_f64(),
            deliveries_per_second: tally.delivered as f64 / sending.as_secs_f64(),
            disconnected: ends.len() as u64,
            first_disconnect: ends.first().map(ToString::to_string),
            first_stray_event: totals.stray.clone(),
            latency_us: totals.latency.summary(),
            schedule_lag_us: lag.map(|lag| lag.summary()),
            percentiles: totals.latency.curve(),
        };
        drop(totals);
        let mut settings = self.cluster.settings();
        settings.extend([
            ("clients".to_owned(), json!(self.clients)),
            ("rate".to_owned(), json!(self.rate)),
            ("in_flight".to_owned(), json!(self.in_flight())),
            (
                "duration_seconds".to_owned(),
                json!(self.duration.as_secs_f64()),
            ),
            setting,
        ]);
        let mut report = Report::new(name, settings, connects);
        report.judge(traffic, tally, observed, self.cluster.threads());
        report.limit(self.max_p99, self.min_rate);
        Ok(report)
    }

    /// How many questions each client keeps under way, where answers set the pace.
    fn in_flight(&self) -> Option<u32> {
        self.rate.is_none().then(|| self.in_flight.unwrap_or(1))
    }

    /// Asks for the duration. Gives back how late a schedule was kept.
    async fn ask<Q: Question>(
        &self,
        clients: &[Arc<Client<Q>>],
        start: Instant,
    ) -> Option<Latency> {
        let Some(rate) = self.rate else {
            for _ in 0..self.in_flight()? {
                clients.iter().for_each(|client| client.ask(Instant::now()));
            }
            sleep_until((start + self.duration).into()).await;
            return None;
        };
        let schedule = Schedule {
            rate,
            duration: self.duration,
            messages: u64::MAX,
        };
        let clients = clients.to_vec();
        let pacing = move || {
            let mut turns = clients.iter().cycle();
            on_schedule(schedule, |due| {
                let Some(client) = turns.next() else {
                    return ControlFlow::Break(());
                };
                client.ask(due);
                ControlFlow::Continue(())
            })
        };
        tokio::task::spawn_blocking(pacing).await.ok()
    }
}

/// Waits until every question is answered, for as long as that may take.
async fn wait_for_answers<Q: Question>(shared: &Shared<Q>) {
    let deadline = Instant::now() + LAST_ANSWERS;
    while shared.done() < shared.sent() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
