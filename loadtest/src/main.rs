//! The load test's command line: arguments, one run, its report, and an exit code.
//!
//! Exit codes: 0 if the run passed, 1 if it failed or could not be run, 64 for arguments that make no sense.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use roomcast_loadtest::html;
use roomcast_loadtest::report::Report;
use roomcast_loadtest::scenario::Scenario;
use tokio::runtime::{Builder, Runtime};

/// Puts load on a Socket.IO cluster and checks every delivery
#[derive(Debug, Parser)]
#[command(name = "roomcast-loadtest", version, args_override_self = true)]
struct Arguments {
    #[command(subcommand)]
    scenario: Scenario,
    /// Print the report as JSON, or write it to this file and print the table
    #[arg(long, global = true, num_args = 0..=1, default_missing_value = "-", value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report with its plots to this file, as a page that needs nothing else
    #[arg(long, global = true, value_name = "FILE")]
    html: Option<PathBuf>,
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
    let runtime = runtime(arguments.scenario.threads()).context("starting the runtime")?;
    if let Err(error) = runtime.block_on(arguments.scenario.check()) {
        return Ok(complain(&error, ExitCode::from(BAD_ARGUMENTS)));
    }
    let report = runtime.block_on(arguments.scenario.run())?;
    publish(&report, arguments)?;
    Ok(if report.passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
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
fn publish(report: &Report, arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(file) = &arguments.html {
        std::fs::write(file, html::page(report))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    let mut out = std::io::stdout().lock();
    let json = serde_json::to_string_pretty(report).context("writing JSON")?;
    match &arguments.json {
        Some(file) if file.as_os_str() == "-" => writeln!(out, "{json}"),
        Some(file) => {
            std::fs::write(file, json).with_context(|| format!("writing {}", file.display()))?;
            write!(out, "{report}")
        }
        None => write!(out, "{report}"),
    }
    .context("printing the report")
}

fn complain(error: &anyhow::Error, code: ExitCode) -> ExitCode {
    // Where the text cannot be printed, the exit code still says it.
    let _ = writeln!(std::io::stderr(), "roomcast-loadtest: {error:#}");
    code
}
