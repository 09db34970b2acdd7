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
            first_line(&programs.redis_server, "--version")?,
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

fn first_line(program: &Path, argument: &str) -> anyhow::Result<String> {
    let output = std::process::Command::new(program)
        .arg(argument)
        .output()
        .with_context(|| format!("{} cannot be run", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
