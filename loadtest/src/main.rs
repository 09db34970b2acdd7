//! The load test's command line: arguments, one run, its report, and an exit code.
//!
//! Exit codes: 0 if the run passed, 1 if it failed or could not be run, 64 for arguments that make no sense.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use roomcast_loadtest::report::Report;
use roomcast_loadtest::scenario::Scenario;
use tokio::runtime::{Builder, Runtime};

/// Puts load on a Socket.IO cluster and checks every delivery
#[derive(Debug, Parser)]
#[command(name = "roomcast-loadtest", version, args_override_self = true)]
struct Arguments {
    #[command(subcommand)]
    scenario: Scenario,
    /// Print the report as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Threads that drive the clients; more than one only pays where there are idle processors
    #[arg(long, global = true, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
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
    let runtime = runtime(arguments.threads).context("starting the runtime")?;
    if let Err(error) = runtime.block_on(arguments.scenario.check()) {
        return Ok(complain(&error, ExitCode::from(BAD_ARGUMENTS)));
    }
    let report = runtime.block_on(arguments.scenario.run())?;
    print(&report, arguments.json).context("printing the report")?;
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

fn print(report: &Report, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(())
}

fn complain(error: &anyhow::Error, code: ExitCode) -> ExitCode {
    // Where the text cannot be printed, the exit code still says it.
    let _ = writeln!(std::io::stderr(), "roomcast-loadtest: {error:#}");
    code
}
