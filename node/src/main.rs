//! `roomcast`: arguments, the log, a node, and an exit code.

use std::process::ExitCode;

use anyhow::Context;
use roomcast_node::{BindError, Config, Node, cli, files, signal, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    match cli::begin().await {
        cli::Next::Done(answer) => answer.print(),
        cli::Next::Serve(config) => serve(*config).await.into(),
    }
}

async fn serve(config: Config) -> cli::Exit {
    telemetry::install(&config.log);
    files::raise_limit();
    let error = match run(config).await {
        Ok(()) => return cli::Exit::Clean,
        Err(error) => error,
    };
    tracing::error!("{error:#}");
    match error.downcast_ref::<BindError>() {
        Some(BindError::Redis(_)) => cli::Exit::RedisUnavailable,
        Some(_) => cli::Exit::Misconfigured,
        None => cli::Exit::Bug,
    }
}

async fn run(config: Config) -> anyhow::Result<()> {
    // Before anything is bound: a signal that comes while the node starts must not be lost.
    let shutdown = signal::shutdown().context("listening for signals")?;
    let impatience = signal::impatience().context("listening for signals")?;
    tokio::pin!(shutdown);
    let node = tokio::select! {
        node = Node::builder(config).bind() => node?,
        () = &mut shutdown => return Ok(()),
    };
    tokio::select! {
        () = node.run(shutdown) => {}
        () = impatience => tracing::warn!("asked to end a second time, ending at once"),
    }
    Ok(())
}
