//! What all scenarios with messages to many have in common: clients, publishers among them, and a check of every delivery.
//!
//! Client number `c` is in room `c % rooms`, and connected so that each room is spread over all nodes; the first clients
//! are the publishers. With `--rate`, messages leave on a schedule that does not wait for the cluster, and their latency
//! counts from the time at which they were due. With `--in-flight`, a publisher sends its next message when one of its own
//! has come back, so that the cluster sets the pace.
//!
//! A client that leaves and comes back is owed what was sent from the ack of its join on. What was under way when it left,
//! and what was sent while it was away, is counted as missed, and is no loss; a gap before the last message that it got is.

mod attend;
pub(super) mod chat;
mod company;
mod member;
mod message;
mod presence;
mod publisher;
mod run;
mod sending;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use self::attend::{Attendee, Ended, Stage};
use self::run::Run;
use super::cluster::Cluster;
use super::duration;
use super::pace::Schedule;
use crate::client::CloseReason;
use crate::measure::{Latency, Tally};
use crate::monitor::Monitor;
use crate::report::{Report, Returns, Settings, Traffic};

/// How long the scenario listens after the last expected delivery, so that duplicates are seen.
const LINGER: Duration = Duration::from_millis(250);

/// How long the scenario waits for the last deliveries at most, however slowly they come.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How many seconds a user of the chat has from one message to the next, unless a rate is given.
const EVERY: u32 = 10;

/// Options that all of these scenarios have.
#[derive(Clone, Debug, Args)]
pub struct Load {
    #[command(flatten)]
    pub(super) cluster: Cluster,
    /// How many clients connect
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) clients: u32,
    /// How many of them publish [default: one per room]
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
    /// How long clients idle once all has come, to see what the servers' memory returns to
    #[arg(long, default_value = "0s", value_parser = duration)]
    hold: Duration,
    /// How long nothing may come before what is missing counts as lost
    #[arg(long, default_value = "5s", value_parser = duration)]
    grace: Duration,
    /// Fail if the 99th percentile of the latency is above this
    #[arg(long, value_parser = duration)]
    max_p99: Option<Duration>,
    /// Fail if there are fewer deliveries a second than this
    #[arg(long)]
    min_rate: Option<f64>,
}

/// To whom messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// To the members of the publisher's room.
    Rooms(u32),
    /// To everyone in the namespace.
    Everyone,
    /// To the members of the publisher's room, as the chat's messages.
    Chat(u32),
}

/// What some of the clients do beside listening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conduct {
    /// They stay.
    Steady,
    /// Every so often a share of them drops its connections, and comes back.
    Churn {
        every: Duration,
        away: Duration,
        one_in: u32,
    },
    /// Whoever loses its connection comes back, to the next node. A process may be told to end.
    Return { after: Duration, pid: Option<u32> },
    /// The last so many stop reading.
    Stall { clients: u32 },
}

/// One scenario: what is sent to whom, and what clients do meanwhile.
#[derive(Debug)]
pub(super) struct Flow<'a> {
    pub(super) name: &'static str,
    pub(super) load: &'a Load,
    pub(super) audience: Audience,
    pub(super) conduct: Conduct,
}

impl Flow<'_> {
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        let load = self.load;
        ensure!(
            self.rooms() <= load.clients as usize,
            "--rooms {} is more than --clients {}: some rooms would be empty",
            self.rooms(),
            load.clients
        );
        ensure!(
            self.publishers() <= load.clients,
            "--publishers {} is more than --clients {}: publishers are clients",
            self.publishers(),
            load.clients
        );
        if let Audience::Chat(_) = self.audience {
            ensure!(
                load.payload <= chat::LONGEST,
                "--payload {} is more than the {} bytes of the chat's longest message",
                load.payload,
                chat::LONGEST
            );
        }
        ensure!(!load.duration.is_zero(), "--duration is zero");
        if let Conduct::Stall { clients } = self.conduct {
            ensure!(
                clients + self.publishers() <= load.clients,
                "--slow {clients} and --publishers {} are more than --clients {}: publishers have to read",
                self.publishers(),
                load.clients
            );
        }
        if let Conduct::Return { .. } = self.conduct {
            ensure!(
                load.cluster.urls.len() > 1,
                "one --url is not enough: clients of the node that is taken away need another to go to"
            );
        }
        load.cluster.check().await
    }

    pub(super) async fn run(&self) -> anyhow::Result<Report> {
        let load = self.load;
        let crowd = load
            .cluster
            .connect(load.clients as usize, |client| self.place(client))
            .await?;
        let connects = crowd.connects();
        let run = Arc::new(Run::new(
            self.publishers() as usize,
            load.messages,
            load.payload as usize,
        ));
        let stage = Arc::new(self.stage(&run));
        let mut attending = JoinSet::new();
        for (client, seat) in crowd.seats.into_iter().enumerate() {
            attending.spawn(Attendee::new(client, &stage).attend(Some(seat)));
        }
        stage.all_joined(load.cluster.connect_timeout).await?;
        stage.all_acquainted(load.cluster.connect_timeout).await?;
        let publishers: Vec<_> = (0..self.publishers() as usize)
            .map(|client| Arc::clone(stage.publisher(client)))
            .collect();

        let processes = load.cluster.processes()?;
        let monitor = Monitor::start(processes, Arc::clone(&run) as _, load.duration);
        let start = Instant::now();
        let conducting = stage.conduct();
        let sending = async {
            match load.in_flight {
                Some(in_flight) => {
                    sending::on_return(in_flight, load.duration, &publishers, &run).await;
                    None
                }
                None => {
                    let schedule = Schedule {
                        rate: self.rate(),
                        duration: load.duration,
                        messages: load.messages,
                    };
                    let run = Arc::clone(&run);
                    let pacing = move || sending::on_schedule(schedule, &publishers, &run);
                    tokio::task::spawn_blocking(pacing).await.ok()
                }
            }
        };
        let lag = tokio::select! {
            lag = sending => lag,
            // It goes on for as long as messages are sent.
            () = conducting => None,
        };
        let sending = start.elapsed();
        let observed = monitor.finish().await?;
        let sent = run.all_sent();
        self.wait(&sent, &run, &stage).await;
        tokio::time::sleep(load.hold).await;
        let after = memory(&load.cluster);

        stage.end();
        let mut tally = Tally::default();
        let mut ends = Vec::new();
        let mut returns = Returns::default();
        let mut away = Latency::default();
        let mut crowd = presence::Crowd::default();
        while let Some(ended) = attending.join_next().await {
            let ended = ended.context("a client's task failed")?;
            if !ended.counts {
                returns.stalled += 1;
                returns.stalled_disconnected += u64::from(ended.was_disconnected());
                continue;
            }
            tally.add(&ended.member.tally(&sent));
            crowd.add(&ended.member);
            returns.missed += ended.member.missed();
            returns.count += ended.returns.len() as u64;
            ended.returns.iter().for_each(|time| away.record(*time));
            ends.extend(ended.unexpected_end().cloned());
        }
        returns.away_us = away.summary();
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
            percentiles: totals.latency.curve(),
        };
        let presence = crowd.presence(&totals.joins);
        drop(totals);
        let mut report = Report::new(self.name, self.settings(), connects);
        report.returns = (self.conduct != Conduct::Steady).then_some(returns);
        report.judge(traffic, tally, observed, load.cluster.threads());
        if let Some(presence) = presence {
            report.judge_presence(presence);
        }
        if !load.hold.is_zero() {
            report.after_hold(&after, load.clients);
        }
        report.limit(load.max_p99, load.min_rate);
        Ok(report)
    }

    fn stage(&self, run: &Arc<Run>) -> Stage {
        let load = self.load;
        Stage::new(attend::Plan {
            cluster: load.cluster.clone(),
            audience: self.audience,
            conduct: self.conduct,
            clients: load.clients as usize,
            rooms: self.rooms(),
            publishers: self.publishers() as usize,
            publishes_on_return: load.in_flight.is_some(),
            places: (0..load.clients as usize)
                .map(|client| self.place(client))
                .collect(),
            run: Arc::clone(run),
        })
    }

    /// Which of the URLs a client connects to.
    fn place(&self, client: usize) -> usize {
        let urls = self.load.cluster.urls.len();
        match self.conduct {
            // Publishers are not on the node that is taken away, which is the first.
            Conduct::Return { .. } if client < self.publishers() as usize => {
                1 + client % (urls - 1)
            }
            _ => (client / self.rooms() + client % self.rooms()) % urls,
        }
    }

    fn rooms(&self) -> usize {
        match self.audience {
            Audience::Rooms(rooms) | Audience::Chat(rooms) => rooms as usize,
            Audience::Everyone => 1,
        }
    }

    fn publishers(&self) -> u32 {
        let default = match self.audience {
            Audience::Chat(_) => (self.load.clients / 2).max(1),
            Audience::Rooms(rooms) => rooms,
            Audience::Everyone => 1,
        };
        self.load.publishers.unwrap_or(default)
    }

    fn rate(&self) -> u32 {
        let default = match self.audience {
            Audience::Chat(_) => self.publishers().div_ceil(EVERY),
            Audience::Rooms(_) | Audience::Everyone => 100,
        };
        self.load.rate.unwrap_or(default)
    }

    fn settings(&self) -> Settings {
        let load = self.load;
        let rate = load.in_flight.is_none().then(|| self.rate());
        let mut settings = load.cluster.settings();
        settings.extend([
            ("clients".to_owned(), json!(load.clients)),
            (
                "rooms".to_owned(),
                match self.audience {
                    Audience::Rooms(rooms) | Audience::Chat(rooms) => json!(rooms),
                    Audience::Everyone => json!(null),
                },
            ),
            ("publishers".to_owned(), json!(self.publishers())),
            ("rate".to_owned(), json!(rate)),
            ("in_flight".to_owned(), json!(load.in_flight)),
            (
                "duration_seconds".to_owned(),
                json!(load.duration.as_secs_f64()),
            ),
            ("messages".to_owned(), json!(load.messages)),
            ("payload_bytes".to_owned(), json!(load.payload)),
        ]);
        let seconds = |duration: Duration| json!(duration.as_secs_f64());
        match self.conduct {
            Conduct::Steady => {}
            Conduct::Churn {
                every,
                away,
                one_in,
            } => settings.extend([
                ("churn_every_seconds".to_owned(), seconds(every)),
                ("churn_away_seconds".to_owned(), seconds(away)),
                ("churn_one_in".to_owned(), json!(one_in)),
            ]),
            Conduct::Return { after, pid } => settings.extend([
                ("drain_after_seconds".to_owned(), seconds(after)),
                ("drain_pid".to_owned(), json!(pid)),
            ]),
            Conduct::Stall { clients } => settings.push(("slow".to_owned(), json!(clients))),
        }
        settings
    }

    /// Deliveries that the messages sent by each publisher must bring, where everybody stays.
    fn expected(&self, sent: &[u64]) -> u64 {
        let stalled = match self.conduct {
            Conduct::Stall { clients } => clients as usize,
            _ => 0,
        };
        let (clients, rooms) = (self.load.clients as usize - stalled, self.rooms());
        let members = |room: usize| (clients / rooms + usize::from(room < clients % rooms)) as u64;
        sent.iter()
            .enumerate()
            .map(|(publisher, sent)| sent * members(publisher % rooms))
            .sum()
    }

    /// Waits until all has come and a moment more. What is slow is not lost: the grace begins again with each delivery.
    async fn wait(&self, sent: &[u64], run: &Run, stage: &Stage) {
        let load = self.load;
        let comes_and_goes = matches!(self.conduct, Conduct::Churn { .. } | Conduct::Return { .. });
        if comes_and_goes {
            // Who is still away is owed nothing, but whether it comes back is to be seen.
            let _ = stage.all_joined(load.cluster.connect_timeout).await;
        }
        let expected = if comes_and_goes {
            u64::MAX
        } else {
            self.expected(sent)
        };
        let deadline = Instant::now() + LONGEST_WAIT.max(load.grace);
        let mut look = interval(Duration::from_millis(10));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seen = (run.totals().delivered, Instant::now());
        while seen.0 < expected && seen.1.elapsed() < load.grace && Instant::now() < deadline {
            look.tick().await;
            let delivered = run.totals().delivered;
            if delivered > seen.0 {
                seen = (delivered, Instant::now());
            }
        }
        tokio::time::sleep(LINGER).await;
    }
}

/// The resident memory of each process of the cluster, in KiB.
fn memory(cluster: &Cluster) -> Vec<u64> {
    let processes = cluster.pids.iter();
    // One that was taken away holds nothing.
    processes
        .map(|process| process.usage().map_or(0, |usage| usage.rss_kib))
        .collect()
}

impl Ended {
    /// Whether the server ended the last connection.
    fn was_disconnected(&self) -> bool {
        self.last != CloseReason::Killed
    }

    /// Why the last connection ended, if nobody here ended it.
    fn unexpected_end(&self) -> Option<&CloseReason> {
        Some(&self.last)
            .filter(|last| !matches!(last, CloseReason::Killed | CloseReason::ClientDisconnect))
    }
}
