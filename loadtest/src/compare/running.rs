//! A cluster that runs for one measurement, and ends with it however that ends.

use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::peer::{Peer, Programs};
use crate::client::Client;
use crate::report::Report;

/// How long a server may take to come up.
const COMING_UP: Duration = Duration::from_secs(30);

/// How long a server may take to end before it is killed.
const ENDING: Duration = Duration::from_secs(2);

/// No run takes longer.
const LONGEST_RUN: Duration = Duration::from_secs(180);

/// Lines of a program's output that are kept for when it fails.
const LINES: usize = 20;

/// Servers, and their Redis.
pub(crate) struct Running {
    redis: Option<Program>,
    servers: Vec<(String, Program)>,
}

/// One child process, killed when dropped.
struct Program {
    name: String,
    child: Child,
    pid: u32,
    output: Arc<Mutex<VecDeque<String>>>,
    _readers: JoinSet<()>,
}

impl Running {
    pub(crate) async fn start(
        programs: &Programs,
        peer: Peer,
        nodes: usize,
        with_redis: bool,
        further: &[&str],
    ) -> anyhow::Result<Self> {
        let (mut redis, mut redis_url) = (None, None);
        if with_redis {
            let port = free_port().await?;
            let mut command = Command::new(&programs.redis_server);
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
            command.args(["--save", "", "--appendonly", "no"]);
            let mut program = Program::start("redis-server", command)?;
            program.wait_for(port).await?;
            redis_url = Some(format!("redis://127.0.0.1:{port}"));
            redis = Some(program);
        }
        let mut servers = Vec::new();
        for _ in 0..nodes {
            let port = free_port().await?;
            let mut command = programs.server(peer, port, redis_url.as_deref())?;
            command.args(further);
            let mut program = Program::start(peer.name(), command)?;
            program.wait_for(port).await?;
            let url = format!("http://127.0.0.1:{port}");
            program.wait_for_seat(&url).await?;
            servers.push((url, program));
        }
        Ok(Self { redis, servers })
    }

    /// Puts load on the cluster, with this program started again. `--only-first` in the arguments leaves out all nodes
    /// but the first.
    pub(crate) async fn load(&self, arguments: &[String]) -> anyhow::Result<Report> {
        let own = std::env::current_exe().context("looking for this program")?;
        let only_first = arguments.iter().any(|argument| argument == "--only-first");
        let mut command = Command::new(own);
        command.args(
            arguments
                .iter()
                .filter(|argument| *argument != "--only-first"),
        );
        for (number, (url, program)) in self.servers.iter().enumerate() {
            if number == 0 || !only_first {
                command.args(["--url", url]);
            }
            command.args(["--pid", &format!("server{}={}", number + 1, program.pid)]);
        }
        if let Some(redis) = &self.redis {
            command.args(["--redis-pid", &redis.pid.to_string()]);
        }
        command.args(["--json", "-"]).kill_on_drop(true);
        let ran = timeout(LONGEST_RUN, command.output()).await;
        let output = ran
            .with_context(|| format!("the generator ran longer than {LONGEST_RUN:?}"))?
            .context("starting the generator")?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(
            !output.stdout.is_empty(),
            "the generator failed: {}{}",
            error.trim(),
            self.last_words()
        );
        serde_json::from_slice(&output.stdout).context("reading the generator's report")
    }

    /// Where the servers are.
    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        self.servers.iter().map(|(url, _)| &**url)
    }

    /// Ends all of it, and waits for the end.
    pub(crate) async fn end(self) {
        let Self { redis, servers } = self;
        for (_, server) in servers {
            server.end().await;
        }
        if let Some(redis) = redis {
            redis.end().await;
        }
    }

    fn last_words(&self) -> String {
        let servers = self.servers.iter().map(|(_, program)| program.last_words());
        servers.collect()
    }
}

impl Program {
    fn start(name: &str, mut command: Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let pid = child
            .id()
            .with_context(|| format!("{name} ended at once"))?;
        let output = Arc::<Mutex<VecDeque<String>>>::default();
        let mut readers = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            readers.spawn(keep(stdout, Arc::clone(&output)));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.spawn(keep(stderr, Arc::clone(&output)));
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            pid,
            output,
            _readers: readers,
        })
    }

    /// Waits until somebody listens on the port.
    async fn wait_for(&mut self, port: u16) -> anyhow::Result<()> {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            self.is_coming_up(start).await?;
        }
        Ok(())
    }

    /// Waits until a client can take a seat.
    async fn wait_for_seat(&mut self, url: &str) -> anyhow::Result<()> {
        let start = Instant::now();
        while Client::connect(url).await.is_err() {
            self.is_coming_up(start).await?;
        }
        Ok(())
    }

    async fn is_coming_up(&mut self, start: Instant) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended with {status}{}", self.name, self.last_words());
        }
        ensure!(
            start.elapsed() < COMING_UP,
            "{} did not come up within {COMING_UP:?}{}",
            self.name,
            self.last_words()
        );
        sleep(Duration::from_millis(50)).await;
        Ok(())
    }

    async fn end(mut self) {
        let pid = rustix::process::Pid::from_raw(self.pid.cast_signed());
        // Where it has ended already there is nothing to do.
        let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::TERM));
        if timeout(ENDING, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }

    fn last_words(&self) -> String {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = output
            .iter()
            .map(|line| format!("\n  {}: {line}", self.name));
        lines.collect()
    }
}

/// Keeps the last lines.
async fn keep(stream: impl AsyncRead + Unpin, output: Arc<Mutex<VecDeque<String>>>) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        if output.len() == LINES {
            output.pop_front();
        }
        output.push_back(line);
    }
}

/// A port that nobody has at the moment.
async fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn a_program_that_does_not_come_up_is_an_error_with_its_last_words() {
        let mut program = Program::start("peer", shell("echo no such database; exit 3")).unwrap();
        let port = free_port().await.unwrap();

        let error = program.wait_for(port).await.unwrap_err().to_string();

        assert!(error.contains("peer ended with exit status: 3"), "{error}");
    }

    #[tokio::test]
    async fn a_program_ends_with_whoever_started_it() {
        let program = Program::start("peer", shell("exec sleep 1000")).unwrap();
        let pid = program.pid;
        program.end().await;

        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        assert!(stat.is_err(), "process {pid} is still there");
    }
}
