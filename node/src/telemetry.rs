//! The log: lines for people, or JSON for machines.

use std::io::IsTerminal;

use tracing_subscriber::{
    EnvFilter, Registry, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

use crate::config::{Log, LogFormat, LogLevel};

/// Libraries whose own log, but for errors, only matters when something is looked into.
const QUIET: [&str; 6] = [
    "fred",
    "hyper",
    "socketioxide",
    "engineioxide",
    "tungstenite",
    "tower_http",
];

/// How much is written, which can be changed while the process runs.
#[derive(Debug, Clone)]
pub struct Level(reload::Handle<EnvFilter, Registry>);

impl Level {
    /// Writes events of this importance and above from now on.
    pub fn set(&self, level: LogLevel) {
        // It fails where the subscriber is gone, and with it whoever would read.
        let _ = self.0.reload(filter(level));
    }
}

/// Installs the process's log, to standard error. Called once, by a `main`.
pub fn install(log: &Log) -> Level {
    let (filter, level) = reload::Layer::new(filter(log.level));
    let registry = tracing_subscriber::registry().with(filter);
    let layer = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match log.format {
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).init(),
        LogFormat::Text => registry.with(layer).init(),
    }
    Level(level)
}

fn filter(level: LogLevel) -> EnvFilter {
    let level = match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    };
    let mut directives = level.to_owned();
    // At trace everything is wanted; below, every packet and every attempt of theirs would bury what we say.
    if level != "trace" {
        for library in QUIET {
            directives.push_str(&format!(",{library}=error"));
        }
    }
    EnvFilter::new(directives)
}
