//! The load test's command line: arguments, one run, its report, and an exit code.
//!
//! Exit codes: 0 if the run passed, 1 if it failed or could not be run, 64 for arguments that make no sense.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use roomcast_loadtest::compare::Compare;
use roomcast_loadtest::growth::Growth;
use roomcast_loadtest::html;
use roomcast_loadtest::neighbours::Neighbours;
use roomcast_loadtest::scenario::Scenario;
use tokio::runtime::{Builder, Runtime};

/// Puts load on a Socket.IO cluster and checks every delivery
#[derive(Debug, Parser)]
#[command(name = "roomcast-loadtest", version, args_override_self = true)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// Print the report as JSON, or write it to this file and print the table
    #[arg(long, global = true, num_args = 0..=1, default_missing_value = "-", value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report with its plots to this file, as a page that needs nothing else
    #[arg(long, global = true, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
enum Action {
    #[command(flatten)]
    Scenario(Box<Scenario>),
    /// The same load on Node.js, NestJS, stock socketioxide and Roomcast, in turn
    Compare(Compare),
    /// What a message costs each node and Redis as a cluster grows: measured with few nodes, reckoned for many
    Growth(Growth),
    /// How long well-behaved clients wait for an answer beside one that floods, one that does not read, and one that comes
    /// and goes
    Neighbours(Neighbours),
}

/// What is printed, and written to files.
struct Output {
    passed: bool,
    table: String,
    json: String,
    page: String,
}

const BAD_ARGUMENTS: u8 = 64;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Where the text cannot be printed, the exit code still says it.
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(BAD_ARGUMENTS)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => complain(&error, ExitCode::FAILURE),
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let threads = match &arguments.action {
        Action::Scenario(scenario) => scenario.threads(),
        Action::Compare(_) | Action::Growth(_) => 1,
        // So that who misbehaves does not hold up who is measured.
        Action::Neighbours(_) => 2,
    };
    let runtime = runtime(threads).context("starting the runtime")?;
    if let Err(error) = runtime.block_on(arguments.action.check()) {
        return Ok(complain(&error, ExitCode::from(BAD_ARGUMENTS)));
    }
    let output = runtime.block_on(async {
        tokio::select! {
            output = arguments.action.run() => output,
            // What was started ends with the future above.
            interrupted = tokio::signal::ctrl_c() => {
                interrupted.context("listening for signals")?;
                anyhow::bail!("interrupted")
            }
        }
    })?;
    publish(&output, arguments)?;
    Ok(if output.passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Action {
    async fn check(&self) -> anyhow::Result<()> {
        match self {
            Self::Scenario(scenario) => scenario.check().await,
            Self::Compare(compare) => compare.check(),
            Self::Growth(growth) => growth.check(),
            Self::Neighbours(neighbours) => neighbours.check().await,
        }
    }

    async fn run(&self) -> anyhow::Result<Output> {
        match self {
            Self::Scenario(scenario) => {
                let report = scenario.run().await?;
                Ok(Output {
                    passed: report.passed,
                    table: report.to_string(),
                    json: serde_json::to_string_pretty(&report)?,
                    page: html::page(&report),
                })
            }
            Self::Compare(compare) => {
                let comparison = compare.run().await?;
                if let Some(file) = &compare.markdown {
                    write(file, &comparison.markdown())?;
                }
                Ok(Output {
                    passed: true,
                    table: comparison.to_string(),
                    json: serde_json::to_string_pretty(&comparison)?,
                    page: comparison.page(),
                })
            }
            Self::Neighbours(neighbours) => {
                let street = neighbours.run().await?;
                Ok(Output {
                    passed: true,
                    table: street.to_string(),
                    json: serde_json::to_string_pretty(&street)?,
                    page: street.page(),
                })
            }
            Self::Growth(growth) => {
                let outlook = growth.run().await?;
                if let Some(file) = &growth.markdown {
                    write(file, &outlook.markdown())?;
                }
                if let Some(file) = &growth.svg {
                    write(file, &outlook.plot())?;
                }
                Ok(Output {
                    passed: true,
                    table: outlook.markdown(),
                    json: serde_json::to_string_pretty(&outlook)?,
                    page: outlook.page(),
                })
            }
        }
    }
}

fn runtime(threads: u16) -> std::io::Result<Runtime> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder
        .worker_threads(usize::from(threads))
        .enable_all()
        .build()
}

/// Prints the report, and writes the files that were asked for.
fn publish(output: &Output, arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(file) = &arguments.html {
        write(file, &output.page)?;
    }
    let mut out = std::io::stdout().lock();
    match &arguments.json {
        Some(file) if file.as_os_str() == "-" => writeln!(out, "{}", output.json),
        Some(file) => {
            write(file, &output.json)?;
            write!(out, "{}", output.table)
        }
        None => write!(out, "{}", output.table),
    }
    .context("printing the report")
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))
}

fn complain(error: &anyhow::Error, code: ExitCode) -> ExitCode {
    // Where the text cannot be printed, the exit code still says it.
    let _ = writeln!(std::io::stderr(), "roomcast-loadtest: {error:#}");
    code
}
