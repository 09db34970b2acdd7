//! `echo`: every client asks the server for its own data back, and checks each answer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::cluster::Cluster;
use super::duration;
use crate::client::CloseReason;
use crate::client::driver::Inbound;
use crate::measure::{Latency, Tally, Track};
use crate::monitor::{Counters, Monitor};
use crate::report::{Report, Settings, Traffic};
use crate::swarm::Post;

/// How long answers may take in the end.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Echo {
    #[command(flatten)]
    pub(super) cluster: Cluster,
    /// How many clients connect
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    clients: u32,
    /// Echoes a second in total, sent on schedule
    #[arg(long, conflicts_with = "in_flight", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Echoes that each client keeps under way [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=128))]
    in_flight: Option<u32>,
    /// How long echoes are sent
    #[arg(long, default_value = "10s", value_parser = duration)]
    duration: Duration,
    /// Size of an echo's data in bytes
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    payload: u32,
    /// Fail if the 99th percentile of the latency is above this
    #[arg(long, value_parser = duration)]
    max_p99: Option<Duration>,
    /// Fail if there are fewer echoes a second than this
    #[arg(long)]
    min_rate: Option<f64>,
}

/// What all clients share.
struct Shared {
    epoch: Instant,
    event: String,
    pad: String,
    on_return: bool,
    over: AtomicBool,
    sent: AtomicU64,
    totals: Mutex<Totals>,
}

#[derive(Default)]
struct Totals {
    latency: Latency,
    answered: u64,
    stray: Option<String>,
}

/// One client.
struct Asker {
    shared: Arc<Shared>,
    asking: Arc<Asking>,
    track: Track,
    tally: Tally,
    now: Instant,
}

struct Asking {
    shared: Arc<Shared>,
    post: Post,
    next: AtomicU64,
}

impl Asking {
    /// Asks for the next echo, which is due at this time. Its id is its number, and its data begins with the time.
    fn ask(&self, due: Instant) {
        let shared = &self.shared;
        let since = due.saturating_duration_since(shared.epoch).as_micros();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let packet = format!("2{id}{}\"{since}:{}\"]", shared.event, shared.pad);
        shared.sent.fetch_add(1, Ordering::Relaxed);
        // What the connection does not take is missing in the end.
        self.post.send(&packet);
    }
}

impl Asker {
    fn answer(&mut self, id: u64, data: &str) {
        let shared = Arc::clone(&self.shared);
        let read = || {
            let (since, pad) = data.strip_suffix("\"]")?.split_once(':')?;
            (pad == shared.pad).then_some(())?;
            since.parse::<u64>().ok()
        };
        let Some(since) = read() else {
            self.tally.corrupted += 1;
            return;
        };
        let verdict = self.track.deliver(id);
        self.tally.count(verdict);
        let latency = self.now.saturating_duration_since(shared.epoch);
        {
            let mut totals = shared.totals();
            totals.answered += 1;
            totals
                .latency
                .record(latency.saturating_sub(Duration::from_micros(since)));
        }
        if shared.on_return && !shared.over.load(Ordering::Relaxed) {
            self.asking.ask(Instant::now());
        }
    }
}

impl Inbound for Asker {
    fn batch(&mut self, now: Instant) {
        self.now = now;
    }

    fn message(&mut self, packet: &str) -> Result<(), CloseReason> {
        let ack = packet
            .strip_prefix('3')
            .and_then(|ack| ack.split_once("[\""));
        match ack.and_then(|(id, data)| Some((id.parse().ok()?, data))) {
            Some((id, data)) => self.answer(id, data),
            None if packet == "1" => return Err(CloseReason::ServerDisconnect),
            None => {
                let mut totals = self.shared.totals();
                totals
                    .stray
                    .get_or_insert_with(|| packet.chars().take(200).collect());
            }
        }
        Ok(())
    }

    fn binary(&mut self, _: bytes::Bytes) -> Result<(), CloseReason> {
        Ok(())
    }
}

impl Shared {
    fn totals(&self) -> MutexGuard<'_, Totals> {
        // Counters; one that is off by one does no harm.
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counters for Shared {
    fn done(&self) -> u64 {
        self.totals().answered
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Echo {
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.duration.is_zero(), "--duration is zero");
        self.cluster.check().await
    }

    pub(super) async fn run(&self) -> anyhow::Result<Report> {
        let crowd = self
            .cluster
            .connect(self.clients as usize, |client| client)
            .await?;
        let connects = crowd.connects();
        let shared = Arc::new(Shared {
            epoch: Instant::now(),
            event: self.cluster.events.echo(),
            pad: "x".repeat((self.payload as usize).saturating_sub(10)),
            on_return: self.rate.is_none(),
            over: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            totals: Mutex::default(),
        });
        let mut asking = Vec::new();
        let mut attending = JoinSet::new();
        for seat in crowd.seats {
            let own = Arc::new(Asking {
                shared: Arc::clone(&shared),
                post: seat.post(),
                next: AtomicU64::new(0),
            });
            asking.push(Arc::clone(&own));
            let mut asker = Asker {
                shared: Arc::clone(&shared),
                asking: own,
                track: Track::default(),
                tally: Tally::default(),
                now: Instant::now(),
            };
            attending.spawn(async move {
                let reason = seat.drive(&mut asker).await;
                (asker, reason)
            });
        }

        let processes = self.cluster.processes()?;
        let monitor = Monitor::start(processes, Arc::clone(&shared) as _, self.duration);
        let start = Instant::now();
        let lag = self.ask(&asking, start).await;
        shared.over.store(true, Ordering::Relaxed);
        let sending = start.elapsed();
        let observed = monitor.finish().await?;
        wait_for_answers(&shared).await;

        for own in &asking {
            own.post.end();
        }
        let mut tally = Tally::default();
        let mut ends = Vec::new();
        while let Some(ended) = attending.join_next().await {
            let (asker, reason) = ended.context("a client's task failed")?;
            let sent = asker.asking.next.load(Ordering::Relaxed);
            tally.add(&Tally {
                expected: sent,
                lost: asker.track.lost(sent),
                ..asker.tally
            });
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
        let mut report = Report::new("echo", self.settings(), connects);
        report.judge(traffic, tally, observed, self.cluster.threads());
        report.limit(self.max_p99, self.min_rate);
        Ok(report)
    }

    /// Sends for the duration. Gives back how late a schedule was kept.
    async fn ask(&self, asking: &[Arc<Asking>], start: Instant) -> Option<Latency> {
        let Some(rate) = self.rate else {
            for _ in 0..self.in_flight.unwrap_or(1) {
                asking.iter().for_each(|own| own.ask(Instant::now()));
            }
            sleep_until((start + self.duration).into()).await;
            return None;
        };
        let mut lag = Latency::default();
        for (number, own) in (0..u64::MAX).zip(asking.iter().cycle()) {
            let due = start
                + Duration::from_nanos(number.saturating_mul(1_000_000_000) / u64::from(rate));
            if due > start + self.duration {
                break;
            }
            sleep_until(due.into()).await;
            lag.record(due.elapsed());
            own.ask(due);
        }
        Some(lag)
    }

    fn settings(&self) -> Settings {
        vec![
            ("urls".to_owned(), json!(self.cluster.urls)),
            ("clients".to_owned(), json!(self.clients)),
            ("rate".to_owned(), json!(self.rate)),
            (
                "in_flight".to_owned(),
                json!(self.rate.is_none().then(|| self.in_flight.unwrap_or(1))),
            ),
            (
                "duration_seconds".to_owned(),
                json!(self.duration.as_secs_f64()),
            ),
            ("payload_bytes".to_owned(), json!(self.payload)),
        ]
    }
}

/// Waits until every echo has come back, for as long as that may take.
async fn wait_for_answers(shared: &Shared) {
    let deadline = Instant::now() + LAST_ANSWERS;
    while shared.done() < shared.sent() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
