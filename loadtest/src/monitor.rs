//! Looks at processes and counters while a scenario runs, once a second, and shows how far it is.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::process::{Part, Process, ProcessError, Usage};

/// How often is looked.
const LOOK: Duration = Duration::from_secs(1);

/// What the scenario has counted so far.
pub trait Counters: Send + Sync + 'static {
    /// Deliveries, or whatever the scenario is about.
    fn done(&self) -> u64;

    /// Messages that were sent.
    fn sent(&self) -> u64;
}

/// One second of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// Since messages began to be sent.
    pub seconds: f64,
    /// Deliveries a second since the last sample.
    pub deliveries_per_second: f64,
    /// Messages a second since the last sample.
    pub messages_per_second: f64,
    /// Per process, in the order of the report: percent of one processor.
    pub cpu_percent: Vec<f64>,
    /// Per process, in the same order.
    pub rss_kib: Vec<u64>,
}

/// What one process used while messages were sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cost {
    /// What it is called.
    pub name: String,
    /// Its part.
    pub part: Part,
    /// What it used, and what it holds at the end.
    #[serde(flatten)]
    pub usage: Usage,
    /// The share of one processor, in percent.
    pub cpu_percent: f64,
    /// Resident memory when it began, in KiB.
    pub rss_before_kib: u64,
}

/// What was seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Observed {
    /// How long was looked, in seconds.
    pub seconds: f64,
    /// Each process.
    pub processes: Vec<Cost>,
    /// Each second.
    pub timeline: Vec<Sample>,
}

/// Looks until it is told to stop.
pub(crate) struct Monitor {
    stop: oneshot::Sender<()>,
    looking: JoinHandle<Result<Observed, ProcessError>>,
}

impl Monitor {
    /// Begins to look. `expected` is how long the run takes, for the progress that is shown on a terminal.
    #[expect(
        clippy::disallowed_methods,
        reason = "its owner waits for it in `finish`; it ends by itself when the owner is gone"
    )]
    pub(crate) fn start(
        processes: Vec<Process>,
        counters: Arc<dyn Counters>,
        expected: Duration,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let looking = tokio::spawn(look(processes, counters, expected, stopped));
        Self { stop, looking }
    }

    /// Looks a last time, and says what was seen.
    pub(crate) async fn finish(self) -> anyhow::Result<Observed> {
        // Where it has ended already, it says why below.
        let _ = self.stop.send(());
        Ok(self.looking.await??)
    }
}

async fn look(
    processes: Vec<Process>,
    counters: Arc<dyn Counters>,
    expected: Duration,
    mut stopped: oneshot::Receiver<()>,
) -> Result<Observed, ProcessError> {
    let usages =
        || -> Result<Vec<Usage>, ProcessError> { processes.iter().map(Process::usage).collect() };
    let bar = bar(expected);
    let start = Instant::now();
    let first = usages()?;
    let mut last = (start, first.clone(), counters.done(), counters.sent());
    let mut timeline = Vec::new();
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        let is_over = tokio::select! {
            biased;
            _ = &mut stopped => true,
            _ = ticks.tick() => false,
        };
        // A process that is taken away on purpose is looked at for the last time before.
        let now = usages().unwrap_or_else(|_| last.1.clone());
        let (done, sent) = (counters.done(), counters.sent());
        let elapsed = last.0.elapsed();
        let per_second = |count: u64| count as f64 / elapsed.as_secs_f64().max(f64::EPSILON);
        // The last one may be too short to say anything.
        if elapsed > LOOK / 4 {
            timeline.push(Sample {
                seconds: start.elapsed().as_secs_f64(),
                deliveries_per_second: per_second(done - last.2),
                messages_per_second: per_second(sent - last.3),
                cpu_percent: percent(&now, &last.1, elapsed),
                rss_kib: now.iter().map(|usage| usage.rss_kib).collect(),
            });
            bar.set_position(start.elapsed().as_secs().min(expected.as_secs()));
            bar.set_message(format!("{:.0} deliveries/s", per_second(done - last.2)));
        }
        last = (Instant::now(), now, done, sent);
        if is_over {
            break;
        }
    }
    bar.finish_and_clear();
    let window = start.elapsed();
    let costs = processes.iter().zip(&first).zip(&last.1);
    Ok(Observed {
        seconds: window.as_secs_f64(),
        processes: costs
            .map(|((process, first), last)| {
                let usage = *last - *first;
                Cost {
                    name: process.name.clone(),
                    part: process.part,
                    usage,
                    cpu_percent: usage.percent_of(window),
                    rss_before_kib: first.rss_kib,
                }
            })
            .collect(),
        timeline,
    })
}

fn percent(now: &[Usage], before: &[Usage], window: Duration) -> Vec<f64> {
    let pairs = now.iter().zip(before);
    pairs
        .map(|(now, before)| (*now - *before).percent_of(window))
        .collect()
}

/// Shown on a terminal alone, and not where the report goes.
fn bar(expected: Duration) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{elapsed_precise} [{bar:40}] {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(expected.as_secs().max(1)).with_style(style)
}

impl Observed {
    /// Processor seconds of all processes of this part.
    pub fn cpu_seconds(&self, part: Part) -> f64 {
        let of_part = self.processes.iter().filter(|cost| cost.part == part);
        of_part.map(|cost| cost.usage.cpu_seconds()).sum()
    }
}
