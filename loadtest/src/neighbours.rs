//! `neighbours`: how long well-behaved clients wait for an answer, alone and beside one that does not behave.
//!
//! One run after another with the same clients, each of which asks for its own data back at a steady rate: alone, beside a
//! client that sends as much as it may, beside one that does not read what a room is sent, and beside one that comes and
//! goes. Who is thrown out comes back.

use std::{fmt, fmt::Write as _, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::{
    client::{Client, Target},
    html::document,
    measure::{Latency, LatencySummary},
    scenario::duration,
};

/// What is sent to the room of the client that does not read.
const FILLING: usize = 16 * 1024;

/// How often that happens per second.
const FEEDS: u64 = 200;

/// How often a client that comes and goes does so per second.
const COMINGS: u64 = 100;

/// How long a client that does not read stays so, whether it is thrown out meanwhile or not.
const STALL: Duration = Duration::from_secs(2);

/// Before who was thrown out comes back.
const PAUSE: Duration = Duration::from_millis(100);

/// Options.
#[derive(Clone, Debug, Args)]
pub struct Neighbours {
    /// The node
    #[arg(long, default_value = "http://127.0.0.1:3000")]
    url: String,
    /// How many clients behave
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    clients: u32,
    /// How many questions each of them asks per second
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rate: u32,
    /// How many events per second the client sends that floods
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(100..=100_000))]
    flood: u32,
    /// How long each run lasts
    #[arg(long, default_value = "5s", value_parser = duration)]
    duration: Duration,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Street {
    runs: Vec<Run>,
}

/// One run.
#[derive(Debug, Serialize)]
struct Run {
    beside: Trouble,
    latency_us: LatencySummary,
    /// The 99th percentile, over that of the run alone.
    ratio: f64,
}

/// Who is there beside those that behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Trouble {
    Nobody,
    Flooding,
    Stalling,
    Churning,
}

impl Neighbours {
    /// Load goes to this machine alone.
    ///
    /// # Errors
    ///
    /// A sentence for the person who typed the options.
    pub async fn check(&self) -> anyhow::Result<()> {
        let addresses = Target::parse(&self.url)?.resolve().await?;
        ensure!(
            addresses.iter().all(|address| address.ip().is_loopback()),
            "{} is another machine, on which this puts no load",
            self.url
        );
        Ok(())
    }

    /// Runs all of it.
    ///
    /// # Errors
    ///
    /// A client that behaves and is refused, or not answered.
    pub async fn run(&self) -> anyhow::Result<Street> {
        let mut clients = Vec::new();
        for _ in 0..self.clients {
            let client = Client::connect(&self.url).await;
            clients.push(Arc::new(client.context("connecting a client")?));
        }
        let mut runs: Vec<Run> = Vec::new();
        for beside in [
            Trouble::Nobody,
            Trouble::Flooding,
            Trouble::Stalling,
            Trouble::Churning,
        ] {
            let mut trouble = JoinSet::new();
            beside.begin(self, &mut trouble);
            let measured = self.measure(&clients).await;
            trouble.shutdown().await;
            let latency_us = measured.with_context(|| format!("beside: {beside:?}"))?;
            let alone = runs
                .first()
                .map_or(latency_us.p99, |run| run.latency_us.p99);
            runs.push(Run {
                beside,
                ratio: latency_us.p99 as f64 / alone.max(1) as f64,
                latency_us,
            });
        }
        Ok(Street { runs })
    }

    /// Has every client ask for as long as a run lasts.
    async fn measure(&self, clients: &[Arc<Client>]) -> anyhow::Result<LatencySummary> {
        let mut asking = JoinSet::new();
        for (number, client) in (0..).zip(clients) {
            let client = client.clone();
            let period = Duration::from_secs(1) / self.rate;
            let (start, end) = (
                period * number / self.clients,
                Instant::now() + self.duration,
            );
            asking.spawn(async move {
                // One after the other, and not all at once.
                sleep(start).await;
                let mut latencies = Vec::new();
                let mut ticks = interval(period);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
                while Instant::now() < end {
                    // From when it was due, whatever held it up.
                    let due = ticks.tick().await;
                    client.emit_with_ack("echo", &1).await?;
                    latencies.push(due.elapsed());
                }
                anyhow::Ok(latencies)
            });
        }
        let mut latency = Latency::default();
        while let Some(asked) = asking.join_next().await {
            let latencies = asked.context("a client failed")??;
            latencies.into_iter().for_each(|one| latency.record(one));
        }
        Ok(latency.summary())
    }
}

impl Trouble {
    fn begin(self, options: &Neighbours, tasks: &mut JoinSet<()>) {
        let (url, flood) = (options.url.clone(), options.flood);
        match self {
            Self::Nobody => {}
            Self::Flooding => {
                tasks.spawn(again(url, move |client| flooding(client, flood)));
            }
            Self::Stalling => {
                tasks.spawn(again(url.clone(), stalling));
                tasks.spawn(again(url, feeding));
            }
            Self::Churning => {
                tasks.spawn(churning(url));
            }
        }
    }
}

/// Misbehaves, is thrown out, and comes back.
async fn again<F: Future<Output = ()>>(url: String, misbehave: impl Fn(Client) -> F) {
    loop {
        if let Ok(client) = Client::connect(&url).await {
            misbehave(client).await;
        }
        sleep(PAUSE).await;
    }
}

async fn flooding(client: Client, rate: u32) {
    let mut ticks = interval(Duration::from_millis(10));
    while client.is_open() {
        ticks.tick().await;
        for _ in 0..rate / 100 {
            if client.emit("echo", &1).await.is_err() {
                return;
            }
        }
    }
}

async fn stalling(client: Client) {
    if client
        .emit_with_ack("joinRoom", "neighbours")
        .await
        .is_err()
    {
        return;
    }
    client.pause_reading();
    // Whether it is still in, it cannot see.
    sleep(STALL).await;
}

async fn feeding(client: Client) {
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(FEEDS).unwrap_or(1));
    let body = json!({ "room": "neighbours", "data": "x".repeat(FILLING) });
    while client.is_open() {
        ticks.tick().await;
        if client.emit("sendToRoom", &body).await.is_err() {
            return;
        }
    }
}

async fn churning(url: String) {
    let mut ticks = interval(Duration::from_secs(1) / u32::try_from(COMINGS).unwrap_or(1));
    loop {
        ticks.tick().await;
        if let Ok(client) = Client::connect(&url).await {
            client.kill();
        }
    }
}

impl Street {
    /// The table, as a page.
    pub fn page(&self) -> String {
        document(
            "Neighbours",
            &format!("<h1>Neighbours</h1><pre>{self}</pre>"),
        )
    }
}

impl fmt::Display for Street {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        writeln!(
            out,
            "beside       questions    p50 ms    p99 ms    p99.9 ms    p99 / alone"
        )?;
        let milliseconds = |microseconds: u64| microseconds as f64 / 1000.0;
        for run in &self.runs {
            let latency = &run.latency_us;
            writeln!(
                out,
                "{:<10} {:>11} {:>9.2} {:>9.2} {:>11.2} {:>14.2}",
                format!("{:?}", run.beside).to_lowercase(),
                latency.count,
                milliseconds(latency.p50),
                milliseconds(latency.p99),
                milliseconds(latency.p999),
                run.ratio,
            )?;
        }
        formatter.write_str(&out)
    }
}
