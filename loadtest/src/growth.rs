//! `growth`: what a message to a room costs each node and Redis, as a cluster grows.
//!
//! Runs of one to eight nodes give the costs of the single steps, and show how well the [model] fits them. Beyond, it is
//! all reckoning: no machine of ours has a hundred nodes.

mod model;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use self::model::{Costs, Observation, Way, spread};
use crate::client::Client;
use crate::compare::peer::{Peer, Programs};
use crate::compare::running::Running;
use crate::html::plot::{Line, Plot};
use crate::html::{document, section};
use crate::process::Part;
use crate::report::Report;

/// Members of a room.
const MEMBERS: u32 = 10;

/// Rooms that the clients of a run are in.
const ROOMS: u32 = 100;

/// Messages a second in a run.
const RATE: u32 = 1000;

/// Nodes of the runs.
const MEASURED: [u32; 4] = [1, 2, 4, 8];

/// Nodes for which the table has a row.
const TABLE: [u32; 8] = [1, 2, 4, 8, 16, 32, 64, 100];

/// Options.
#[derive(Clone, Debug, Args)]
pub struct Growth {
    #[command(flatten)]
    programs: Programs,
    /// How long each run sends
    #[arg(long, default_value = "5s", value_parser = crate::scenario::duration)]
    duration: Duration,
    /// Write the tables to this file, as Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Write the plot to this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// What was measured, and what follows.
#[derive(Debug, Serialize)]
pub struct Outlook {
    observations: Vec<Observation>,
    costs: Costs,
}

impl Growth {
    /// Says what is missing, before anything is started.
    ///
    /// # Errors
    ///
    /// A sentence for the person who typed the options.
    pub fn check(&self) -> anyhow::Result<()> {
        self.programs.check(Peer::Roomcast)
    }

    /// Runs all of it.
    ///
    /// # Errors
    ///
    /// A node that does not start, or a run that could not be made or lost something.
    pub async fn run(&self) -> anyhow::Result<Outlook> {
        let mut observations = Vec::new();
        for way in [Way::Rooms, Way::Pattern] {
            for nodes in MEASURED {
                let observation = self.observe(way, nodes).await;
                observations.push(observation.with_context(|| format!("{nodes} nodes, {way:?}"))?);
            }
        }
        Ok(Outlook {
            costs: Costs::of(&observations, self.dropped().await?)
                .context("too few runs to reckon from")?,
            observations,
        })
    }

    /// What a node pays for a message that the pattern brings, and of whose room it has no member.
    async fn dropped(&self) -> anyhow::Result<f64> {
        let report = self.load(Way::Pattern, 2, "--only-first").await?;
        let mut servers = report.observed.processes.iter();
        let servers = servers.by_ref().filter(|cost| cost.part == Part::Server);
        let beside = servers.last().map_or(0.0, |cost| cost.usage.cpu_seconds());
        Ok(1e6 * beside / sent(&report))
    }

    async fn observe(&self, way: Way, nodes: u32) -> anyhow::Result<Observation> {
        let report = self.load(way, nodes, "").await?;
        let per_message = |part| 1e6 * report.observed.cpu_seconds(part) / sent(&report);
        Ok(Observation {
            way,
            nodes,
            servers_us: per_message(Part::Server),
            redis_us: per_message(Part::Redis),
        })
    }

    async fn load(&self, way: Way, nodes: u32, further_argument: &str) -> anyhow::Result<Report> {
        let further: &[&str] = match way {
            Way::Pattern => &["--redis-room-subscriptions=1"],
            _ => &[],
        };
        let programs = &self.programs;
        let running =
            Running::start(programs, Peer::Roomcast, nodes as usize, true, further).await?;
        // A node falls back to the pattern for more rooms than it may subscribe: those of two clients of its own.
        let mut bystanders = Vec::new();
        for url in running.urls() {
            for _ in 0..2 {
                bystanders.push(
                    Client::connect(url)
                        .await
                        .context("connecting a bystander")?,
                );
            }
        }
        let arguments = format!(
            "fanout --clients {} --rooms {ROOMS} --rate {RATE} --duration {}ms {further_argument}",
            ROOMS * MEMBERS,
            self.duration.as_millis()
        );
        let arguments: Vec<_> = arguments.split_whitespace().map(str::to_owned).collect();
        let report = running.load(&arguments).await?;
        drop(bystanders);
        running.end().await;
        anyhow::ensure!(report.passed, "{}", report.faults.join("; "));
        Ok(report)
    }
}

/// Messages that were sent, and never none.
fn sent(report: &Report) -> f64 {
    let sent = report.traffic.as_ref().map(|traffic| traffic.sent);
    sent.unwrap_or_default().max(1) as f64
}

impl Outlook {
    /// The tables.
    pub fn markdown(&self) -> String {
        let mut out = String::from(
            "| nodes | way | servers, measured | reckoned | Redis, measured | reckoned |\n\
             | ---: | --- | ---: | ---: | ---: | ---: |\n",
        );
        for seen in &self.observations {
            // The generator spreads each room over all nodes.
            let reached = f64::from(seen.nodes.min(MEMBERS));
            out += &format!(
                "| {} | {} | {:.0} | {:.0} | {:.1} | {:.1} |\n",
                seen.nodes,
                seen.way.title(),
                seen.servers_us,
                self.costs.servers_us(seen.way, seen.nodes, reached),
                seen.redis_us,
                self.costs.redis_us(seen.way, seen.nodes, reached),
            );
        }
        out += "\n| nodes | each node: rooms | pattern | Redis: rooms | pattern | each of eight shards |\n\
                | ---: | ---: | ---: | ---: | ---: | ---: |\n";
        for nodes in TABLE {
            let node = |way| self.costs.per_node_us(way, nodes, MEMBERS);
            let redis = |way| self.costs.redis_us(way, nodes, spread(nodes, MEMBERS));
            out += &format!(
                "| {nodes} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |\n",
                node(Way::Rooms),
                node(Way::Pattern),
                redis(Way::Rooms),
                redis(Way::Pattern),
                redis(Way::Sharded),
            );
        }
        out += &format!(
            "\nMicroseconds of processor time per message to a room of {MEMBERS} members, who are spread at random.\n"
        );
        out
    }

    /// The plot as a file.
    pub fn plot(&self) -> String {
        self.drawn().file()
    }

    /// A page.
    pub fn page(&self) -> String {
        let mut body = String::from("<h1>A cluster that grows</h1>");
        section(
            &mut body,
            "Processor time per message (microseconds), by nodes",
            &self.drawn(),
        );
        body += &format!("<pre>{}</pre>", crate::html::escaped(&self.markdown()));
        document("A cluster that grows", &body)
    }

    fn drawn(&self) -> Plot {
        let line = |name: &str, value: &dyn Fn(u32) -> f64| Line {
            name: name.to_owned(),
            points: (1..=100)
                .map(|nodes| (f64::from(nodes), value(nodes)))
                .collect(),
        };
        let node = |way| move |nodes| self.costs.per_node_us(way, nodes, MEMBERS);
        let redis = |way| move |nodes| self.costs.redis_us(way, nodes, spread(nodes, MEMBERS));
        Plot::over(
            vec![
                line("node, rooms", &node(Way::Rooms)),
                line("node, pattern", &node(Way::Pattern)),
                line("Redis, rooms", &redis(Way::Rooms)),
                line("Redis, pattern", &redis(Way::Pattern)),
                line("each of 8 shards", &redis(Way::Sharded)),
            ],
            &[1.0, 20.0, 40.0, 60.0, 80.0, 100.0],
        )
    }
}
