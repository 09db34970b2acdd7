//! `compare`: the same scenarios against several implementations, in turn, on this machine.
//!
//! Every run has a cluster of its own, with a Redis of its own, on free ports, and a generator of its own: this program,
//! started again. Peers are interleaved, so that what changes on the machine meets all of them. A run in which a delivery
//! was lost, repeated or reordered does not count, however fast it was.

pub(crate) mod machine;
mod output;
pub(crate) mod peer;
mod row;
pub(crate) mod running;
mod statistics;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum as _};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use self::machine::Machine;
use self::peer::{Peer, Programs};
use self::row::{Measure, Row};
use self::running::Running;
use self::statistics::Series;

/// Descriptors that the largest run needs in one process: 10,000 connections, and some more.
const FILES: u64 = 12_000;

/// Options of the comparison.
#[derive(Clone, Debug, Args)]
pub struct Compare {
    /// Whom to measure, in this order; ratios are to node
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Peer::value_variants().to_vec())]
    peers: Vec<Peer>,
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Row::value_variants().to_vec())]
    rows: Vec<Row>,
    /// How often
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=99))]
    repetitions: u16,
    /// How long each run sends
    #[arg(long, default_value = "4s", value_parser = crate::scenario::duration)]
    duration: Duration,
    #[command(flatten)]
    programs: Programs,
    /// Write the table to this file, as Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Comparison {
    machine: Machine,
    repetitions: u16,
    duration_seconds: f64,
    peers: Vec<Peer>,
    measures: Vec<Measured>,
    /// What went wrong in runs that do not count.
    faults: Vec<String>,
}

/// One line of the table.
#[derive(Debug, Serialize)]
struct Measured {
    measure: Measure,
    /// For each peer.
    series: Vec<Series>,
}

impl Compare {
    /// Says what is missing, before anything is started.
    ///
    /// # Errors
    ///
    /// A sentence for the person who typed the options.
    pub fn check(&self) -> anyhow::Result<()> {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        ensure!(
            !self.rows.contains(&Row::Idle) || limit.is_none_or(|limit| limit >= FILES),
            "10,000 connections need {FILES} open files, and the limit is {}: raise it with `ulimit -n {FILES}`",
            limit.unwrap_or_default()
        );
        for peer in &self.peers {
            self.programs.check(*peer)?;
        }
        Ok(())
    }

    /// Runs all of it.
    ///
    /// # Errors
    ///
    /// A peer that does not start, or a run that could not be made.
    pub async fn run(&self) -> anyhow::Result<Comparison> {
        let mut comparison = Comparison {
            machine: Machine::here(&self.programs, &self.peers)?,
            repetitions: self.repetitions,
            duration_seconds: self.duration.as_secs_f64(),
            peers: self.peers.clone(),
            measures: Vec::new(),
            faults: Vec::new(),
        };
        for row in &self.rows {
            for measure in row.measures() {
                let series = self.peers.iter().map(|_| Series::default()).collect();
                comparison.measures.push(Measured {
                    measure: *measure,
                    series,
                });
            }
        }
        let runs = u64::from(self.repetitions) * (self.rows.len() * self.peers.len()) as u64;
        let bar = progress(runs);
        for repetition in 1..=self.repetitions {
            for row in &self.rows {
                for (column, peer) in self.peers.iter().enumerate() {
                    bar.set_message(format!(
                        "{row:?} of {peer:?}, {repetition} of {}",
                        self.repetitions
                    ));
                    self.measure(*row, column, *peer, &mut comparison)
                        .await
                        .with_context(|| format!("measuring {row:?} of {peer:?}"))?;
                    bar.inc(1);
                }
            }
        }
        bar.finish_and_clear();
        Ok(comparison)
    }

    async fn measure(
        &self,
        row: Row,
        column: usize,
        peer: Peer,
        comparison: &mut Comparison,
    ) -> anyhow::Result<()> {
        let shape = row.shape();
        let running = Running::start(&self.programs, peer, shape.nodes, shape.redis, &[]).await?;
        let report = running.load(&row.arguments(self.duration)).await?;
        running.end().await;
        let is_sound = row.is_sound(&report);
        if !is_sound {
            let fault = format!("{row:?} of {peer:?}: {}", report.faults.join("; "));
            comparison.faults.push(fault);
        }
        for measured in &mut comparison.measures {
            if let Some(value) = row.value(measured.measure, &report) {
                measured.series[column].push(value, is_sound);
            }
        }
        Ok(())
    }
}

fn progress(runs: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {pos}/{len} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(runs).with_style(style)
}
