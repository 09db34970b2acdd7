//! `roomcast`: arguments, the log, a node, and an exit code.

use std::process::ExitCode;

use anyhow::Context;
use roomcast_node::{
    BindError, Node, Reload, cli,
    config::{Reading, Sources},
    files,
    redis::RedisError,
    runtime, signal, telemetry,
};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    // What is done before a node serves takes one thread.
    let begun = runtime::new(1).map(|runtime| runtime.block_on(cli::begin()));
    match begun {
        Ok(cli::Next::Done(answer)) => answer.print(),
        Ok(cli::Next::Serve(sources, in_force)) => serve(sources, *in_force).into(),
        Err(_) => cli::Exit::Bug.into(),
    }
}

fn serve(sources: Sources, in_force: Reading) -> cli::Exit {
    let config = in_force.config();
    let level = telemetry::install(&config.log);
    files::raise_limit();
    let runtime = runtime::new(config.workers).context("starting the runtime");
    let error = match runtime.and_then(|runtime| runtime.block_on(run(sources, in_force, level))) {
        Ok(()) => return cli::Exit::Clean,
        Err(error) => error,
    };
    tracing::error!("{error:#}");
    match error.downcast_ref::<BindError>() {
        Some(BindError::Redis(RedisError::Url(_) | RedisError::Tls(_))) => cli::Exit::Misconfigured,
        Some(BindError::Redis(_)) => cli::Exit::Unavailable,
        Some(_) => cli::Exit::Misconfigured,
        None => cli::Exit::Bug,
    }
}

async fn run(sources: Sources, in_force: Reading, level: telemetry::Level) -> anyhow::Result<()> {
    // Before anything is bound: a signal that comes while the node starts must not be lost.
    let mut requests = signal::Requests::new().context("listening for signals")?;
    let mut hangups = signal::Hangups::new().context("listening for signals")?;
    let node = tokio::select! {
        node = Node::builder(in_force.config().clone()).bind() => node?,
        () = requests.next() => return Ok(()),
    };
    let handle = node.handle();
    let mut reload = Reload::new(sources, in_force, handle.clone(), level);
    let reloading = async {
        loop {
            hangups.next().await;
            reload.reload();
        }
    };
    let to_end = CancellationToken::new();
    let asked = async {
        requests.next().await;
        to_end.cancel();
        requests.next().await;
        tracing::warn!("asked to end a second time, ending what is left");
        handle.hurry();
        requests.next().await;
    };
    tokio::select! {
        () = node.run(to_end.clone().cancelled_owned()) => {}
        () = asked => tracing::warn!("asked to end a third time, ending at once"),
        () = reloading => {}
    }
    Ok(())
}
