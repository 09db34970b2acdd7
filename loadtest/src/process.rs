//! What processes cost, as the operating system counts it.

use std::fs;
use std::io;
use std::ops::Sub;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a process is to the test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// What is measured.
    Server,
    /// What the servers talk through.
    Redis,
    /// This program.
    Generator,
}

/// A process to look at.
#[derive(Clone, Debug)]
pub struct Process {
    /// What it is called in the report.
    pub name: String,
    /// Its id.
    pub pid: u32,
    /// Its part.
    pub part: Part,
}

/// What a process has used since it began, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Seconds in its own code.
    pub user_seconds: f64,
    /// Seconds in the kernel on its behalf.
    pub system_seconds: f64,
    /// Context switches because it waited.
    pub voluntary_switches: u64,
    /// Context switches because another had its turn.
    pub involuntary_switches: u64,
    /// Resident memory in KiB.
    pub rss_kib: u64,
    /// The most resident memory that it has had, in KiB.
    pub peak_kib: u64,
    /// Its threads.
    pub threads: u64,
}

/// Why a process cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[error("cannot look at process {pid} ({name}); it has to be running, and this has to be Linux")]
pub struct ProcessError {
    pid: u32,
    name: String,
    #[source]
    source: io::Error,
}

impl Process {
    /// This program.
    pub fn own() -> Self {
        Self {
            name: "generator".to_owned(),
            pid: std::process::id(),
            part: Part::Generator,
        }
    }

    /// Reads `NAME=PID`.
    ///
    /// # Errors
    ///
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || format!("{text:?} is not NAME=PID, such as node1=4711");
        let (name, pid) = text.split_once('=').ok_or_else(expected)?;
        Ok(Self {
            name: name.to_owned(),
            pid: pid.parse().map_err(|_| expected())?,
            part: Part::Server,
        })
    }

    /// What it has used so far.
    ///
    /// # Errors
    ///
    /// [`ProcessError`] if it is gone.
    pub fn usage(&self) -> Result<Usage, ProcessError> {
        self.read().map_err(|source| ProcessError {
            pid: self.pid,
            name: self.name.clone(),
            source,
        })
    }

    fn read(&self) -> io::Result<Usage> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        usage(&stat, &status).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

impl Usage {
    /// Seconds of a processor.
    pub fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }

    /// The share of one processor over this time, in percent.
    pub fn percent_of(&self, window: Duration) -> f64 {
        100.0 * self.cpu_seconds() / window.as_secs_f64().max(f64::EPSILON)
    }
}

/// What was used since an earlier look; memory and threads are those of the later one.
impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            user_seconds: self.user_seconds - earlier.user_seconds,
            system_seconds: self.system_seconds - earlier.system_seconds,
            voluntary_switches: self.voluntary_switches - earlier.voluntary_switches,
            involuntary_switches: self.involuntary_switches - earlier.involuntary_switches,
            ..self
        }
    }
}

/// Reads what Linux says in `stat` and `status` (proc(5)).
fn usage(stat: &str, status: &str) -> Option<Usage> {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    // The name, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut seconds = || Some(fields.next()?.parse::<u64>().ok()? as f64 / ticks);
    let field = |name: &str| {
        let mut lines = status.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = lines.find(|(found, _)| *found == name)?;
        value.split_whitespace().next()?.parse().ok()
    };
    Some(Usage {
        user_seconds: seconds()?,
        system_seconds: seconds()?,
        voluntary_switches: field("voluntary_ctxt_switches")?,
        involuntary_switches: field("nonvoluntary_ctxt_switches")?,
        rss_kib: field("VmRSS")?,
        peak_kib: field("VmHWM")?,
        threads: field("Threads")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_says_is_understood() {
        let stat = "7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 250 150 0 0 20 0 3 0 5 0 0";
        let status = "Name:\ta\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t3\n\
                      voluntary_ctxt_switches:\t11\nnonvoluntary_ctxt_switches:\t2\n";

        let usage = usage(stat, status).unwrap();

        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(usage.cpu_seconds(), 400.0 / ticks);
        assert_eq!(
            (usage.rss_kib, usage.peak_kib, usage.threads),
            (1024, 2048, 3)
        );
        assert_eq!(
            (usage.voluntary_switches, usage.involuntary_switches),
            (11, 2)
        );
    }

    #[test]
    fn this_process_can_be_looked_at() {
        let usage = Process::own().usage().unwrap();

        assert!(usage.rss_kib > 0 && usage.threads > 0);
    }

    #[test]
    fn a_process_needs_a_name_and_a_number() {
        assert_eq!(Process::parse("node=12").unwrap().pid, 12);
        for wrong in ["12", "node=", "node=x"] {
            assert!(Process::parse(wrong).unwrap_err().contains("NAME=PID"));
        }
    }
}
