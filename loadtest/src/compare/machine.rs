//! On what a comparison was made: the machine, the versions, the day.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context as _;
use serde::Serialize;

use super::peer::{Peer, Programs};

/// What has to be known to read the figures.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    pub(crate) versions: Vec<String>,
}

impl Machine {
    pub(crate) fn here(programs: &Programs, peers: &[Peer]) -> anyhow::Result<Self> {
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let mut versions = vec![
            format!("Roomcast {}", env!("CARGO_PKG_VERSION")),
            format!("Redis {}", redis_version(&programs.redis_server)?),
        ];
        if peers
            .iter()
            .any(|peer| matches!(peer, Peer::Node | Peer::Nest))
        {
            versions.push(format!(
                "Node.js {}",
                first_line(&programs.node, "--version")?
            ));
        }
        let memory = value("/proc/meminfo", "MemTotal").unwrap_or_default();
        let kib: f64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        Ok(Self {
            date: now.chars().take(10).collect(),
            processor: value("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: kib / 1024.0 / 1024.0,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            versions,
        })
    }
}

/// The value of a line `name : value`.
fn value(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(found, _)| found.trim() == name)?;
    Some(value.trim().to_owned())
}

/// The number in a line such as `Redis server v=7.0.15 sha=…`.
fn redis_version(program: &Path) -> anyhow::Result<String> {
    let line = first_line(program, "--version")?;
    let version = line
        .split_whitespace()
        .find_map(|word| word.strip_prefix("v="));
    Ok(version.unwrap_or(&line).to_owned())
}

fn first_line(program: &Path, argument: &str) -> anyhow::Result<String> {
    let output = std::process::Command::new(program)
        .arg(argument)
        .output()
        .with_context(|| format!("{} cannot be run", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
