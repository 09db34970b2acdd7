//! The cluster under load: where its nodes are, how clients connect to it, and which processes it consists of.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum as _};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::duration;
use super::events::EventNames;
use super::tokens::TokenSource;
use crate::client::{Client, ConnectError, Target};
use crate::measure::Latency;
use crate::process::{Part, Process};
use crate::report::{Connects, Settings};
use crate::swarm::{Parser, Seat, Transport};

/// Options that every scenario has.
#[derive(Clone, Debug, Args)]
pub struct Cluster {
    /// A node or a load balancer; may be given several times, clients are spread over all
    #[arg(long = "url", default_value = "http://127.0.0.1:3000")]
    pub urls: Vec<String>,
    /// Put load on other machines than this one
    #[arg(long)]
    pub allow_remote: bool,
    /// What carries the packets
    #[arg(long, value_enum, default_value_t)]
    pub transport: Transport,
    /// How packets are written; msgpack needs websocket
    #[arg(long, value_enum, default_value_t)]
    pub parser: Parser,
    /// The namespace that clients connect to
    #[arg(long, default_value = "/")]
    pub namespace: String,
    /// The auth payload with which clients ask for their seats, as JSON
    #[arg(long, value_parser = payload)]
    pub auth: Option<Value>,
    /// Tokens in its place
    #[command(flatten)]
    pub tokens: TokenSource,
    /// How many clients connect at the same time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub connect_concurrency: u16,
    /// How long a client may take to connect, and later all of them to join their rooms
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub connect_timeout: Duration,
    /// A server's process, as NAME=PID, whose use of the machine is reported; may be given several times
    #[arg(long = "pid", value_parser = Process::parse)]
    pub pids: Vec<Process>,
    /// Redis' process
    #[arg(long)]
    pub redis_pid: Option<u32>,
    /// Threads that drive the clients; more than one only pays where there are idle processors
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// What the server's events are called
    #[command(flatten)]
    pub events: EventNames,
}

/// Clients that have connected and are driven by nobody yet, in their order, and how long each took.
pub(super) struct Crowd {
    pub(super) seats: Vec<Seat>,
    pub(super) latency: Latency,
    pub(super) elapsed: Duration,
}

impl Crowd {
    /// What it took to connect them, for the report.
    pub(super) fn connects(&self) -> Connects {
        Connects {
            clients: self.seats.len() as u64,
            seconds: self.elapsed.as_secs_f64(),
            latency_us: self.latency.summary(),
        }
    }
}

impl Cluster {
    /// Load goes to this machine, unless it is said twice that it shall not. Processes have to be there.
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        for url in &self.urls {
            let addresses = Target::parse(url)?.resolve().await?;
            ensure!(
                self.allow_remote || addresses.iter().all(|address| address.ip().is_loopback()),
                "{url} is another machine: pass --allow-remote if you mean to put load on it"
            );
        }
        ensure!(
            self.parser == Parser::Json || self.transport == Transport::WebSocket,
            "--parser msgpack needs --transport websocket"
        );
        ensure!(
            self.auth.is_none() || self.transport != Transport::Raw,
            "--auth is Socket.IO's: over raw WebSockets there is --token"
        );
        self.tokens.check()?;
        self.processes().map(drop)
    }

    /// The processes to look at, this one among them, each seen to be there.
    pub(super) fn processes(&self) -> anyhow::Result<Vec<Process>> {
        let mut processes = self.pids.clone();
        processes.extend(self.redis_pid.map(|pid| Process {
            name: "redis".to_owned(),
            pid,
            part: Part::Redis,
        }));
        processes.push(Process::own());
        for process in &processes {
            process.usage()?;
        }
        Ok(processes)
    }

    /// Connects a client to one of the URLs, which are counted round.
    pub(super) fn seat(
        &self,
        client: usize,
        place: usize,
    ) -> impl Future<Output = Result<Seat, ConnectError>> + use<> {
        let mut builder = Client::builder(&self.urls[place % self.urls.len()])
            .namespace(&self.namespace)
            .deadline(self.connect_timeout);
        match self.tokens.of(client) {
            // Not in the query, which servers and proxies log.
            Some(token) if self.transport == Transport::Raw => {
                builder = builder.header("Authorization", &format!("Bearer {token}"));
            }
            Some(token) => builder = builder.auth(json!({ "token": token })),
            None => {}
        }
        if let Some(auth) = &self.auth {
            builder = builder.auth(auth.clone());
        }
        let (transport, parser) = (self.transport, self.parser);
        async move { Seat::take(&builder, transport, parser).await }
    }

    /// Connects as many clients; `place` says to which of the URLs each belongs.
    pub(super) async fn connect(
        &self,
        clients: usize,
        place: impl Fn(usize) -> usize,
    ) -> anyhow::Result<Crowd> {
        let start = Instant::now();
        let opening = (0..clients).map(|client| {
            let place = place(client);
            let seat = self.seat(client, place);
            async move {
                let begun = Instant::now();
                let seat = seat.await.with_context(|| {
                    let url = &self.urls[place % self.urls.len()];
                    format!("connecting client {} of {clients} to {url}", client + 1)
                })?;
                anyhow::Ok((seat, begun.elapsed()))
            }
        });
        let mut latency = Latency::default();
        let seats = stream::iter(opening)
            .buffered(usize::from(self.connect_concurrency))
            .map_ok(|(seat, elapsed)| {
                latency.record(elapsed);
                seat
            })
            .try_collect()
            .await?;
        Ok(Crowd {
            seats,
            latency,
            elapsed: start.elapsed(),
        })
    }

    /// What a report says of it.
    pub(super) fn settings(&self) -> Settings {
        let transport = self.transport.to_possible_value();
        let transport = transport.map(|value| value.get_name().to_owned());
        vec![
            ("urls".to_owned(), json!(self.urls)),
            ("transport".to_owned(), json!(transport)),
            ("namespace".to_owned(), json!(self.namespace)),
        ]
    }

    pub(super) fn threads(&self) -> u16 {
        self.threads
    }
}

fn payload(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))
}
