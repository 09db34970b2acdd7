//! The cluster under load: where its nodes are, how clients connect to it, what its events are called.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::duration;
use crate::client::driver::Opened;
use crate::client::{Client, Target, Transport};
use crate::measure::Latency;

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
    /// How many clients connect at the same time
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub connect_concurrency: u16,
    /// How long a client may take to connect, and later all of them to join their rooms
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub connect_timeout: Duration,
}

/// The names of the events of the `/` gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventNames {
    /// Joins the room that is its body.
    pub join_room: String,
    /// Sends `data` to everyone in `room`.
    pub send_to_room: String,
    /// What everyone in the room gets.
    pub room_message: String,
}

/// Clients that have connected and are driven by nobody yet, in their order, and how long each took.
pub(super) struct Crowd {
    pub(super) clients: Vec<Opened>,
    pub(super) latency: Latency,
    pub(super) elapsed: Duration,
}

impl Default for EventNames {
    fn default() -> Self {
        Self {
            join_room: "joinRoom".to_owned(),
            send_to_room: "sendToRoom".to_owned(),
            room_message: "roomMsg".to_owned(),
        }
    }
}

impl Cluster {
    /// Load goes to this machine, unless it is said twice that it shall not.
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        for url in &self.urls {
            let addresses = Target::parse(url)?.resolve().await?;
            ensure!(
                self.allow_remote || addresses.iter().all(|address| address.ip().is_loopback()),
                "{url} is another machine: pass --allow-remote if you mean to put load on it"
            );
        }
        Ok(())
    }

    /// Connects as many clients; `place` says to which of the URLs each belongs.
    pub(super) async fn connect(
        &self,
        clients: usize,
        place: impl Fn(usize) -> usize,
    ) -> anyhow::Result<Crowd> {
        let start = Instant::now();
        let opening = (0..clients).map(|client| {
            let url = &self.urls[place(client) % self.urls.len()];
            let builder = Client::builder(url)
                .transport(self.transport)
                .deadline(self.connect_timeout);
            async move {
                let begun = Instant::now();
                let opened = builder.open().await;
                let opened = opened.with_context(|| {
                    format!("connecting client {} of {clients} to {url}", client + 1)
                })?;
                anyhow::Ok((opened, begun.elapsed()))
            }
        });
        let mut latency = Latency::default();
        let clients = stream::iter(opening)
            .buffered(usize::from(self.connect_concurrency))
            .map_ok(|(opened, elapsed)| {
                latency.record(elapsed);
                opened
            })
            .try_collect()
            .await?;
        Ok(Crowd {
            clients,
            latency,
            elapsed: start.elapsed(),
        })
    }
}
