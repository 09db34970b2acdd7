//! A redis-server of a test's own, to be stopped, killed, hung and asked; and several that make a Redis Cluster.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each file of tests uses a part of this"
)]

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long a server may take for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A redis-server on a free port, ended when dropped.
pub(crate) struct Redis {
    pub(crate) port: u16,
    program: &'static str,
    arguments: Vec<String>,
    process: Child,
    /// Where it keeps what it writes.
    folder: TempDir,
}

impl Redis {
    pub(crate) async fn start() -> Self {
        Self::with(|_, _| Vec::new()).await
    }

    /// With more arguments, made of its port and its folder.
    pub(crate) async fn with(more: impl FnOnce(u16, &str) -> Vec<String>) -> Self {
        Self::run("redis-server", more).await
    }

    /// The same server of another name.
    pub(crate) async fn valkey() -> Self {
        Self::run("valkey-server", |_, _| Vec::new()).await
    }

    async fn run(program: &'static str, more: impl FnOnce(u16, &str) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let arguments = more(port, folder.path().to_str().unwrap());
        let redis = Self {
            port,
            program,
            process: spawn(program, port, &folder, &arguments),
            arguments,
            folder,
        };
        redis.answers().await;
        redis
    }

    /// Ends it as a crash does, so that all it knew is gone.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts an empty one in its place; returns when it answers.
    pub(crate) async fn start_again(&mut self) {
        self.process = spawn(self.program, self.port, &self.folder, &self.arguments);
        self.answers().await;
    }

    /// Has it hang: its connections stay open, and nothing is read or answered.
    pub(crate) fn hang(&self) {
        self.signal("STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    pub(crate) fn folder(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    /// Asks it something, over a connection made for this; the parts of the answer, sorted.
    pub(crate) async fn ask(&self, command: &str, arguments: &[&str]) -> Vec<String> {
        let mut answer = self.tell(&[&[command], arguments].concat()).await;
        answer.sort();
        answer
    }

    /// The lines of its answer.
    pub(crate) async fn tell(&self, words: &[&str]) -> Vec<String> {
        let port = self.port.to_string();
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let asking = tokio::task::spawn_blocking(move || {
            Command::new("redis-cli")
                .args(["-p", &port])
                .args(words)
                .output()
        });
        let output = asking.await.unwrap().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn signal(&self, signal: &str) {
        let process = self.process.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &process]).status();
        assert!(status.unwrap().success());
    }

    async fn answers(&self) {
        eventually("redis-server should answer", async || {
            let answer = self.tell(&["PING"]).await;
            // Where it wants a password or TLS it answers in its way.
            !answer.is_empty() || is_open(self.port)
        })
        .await;
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have been killed by the test already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A Redis Cluster whose nodes give each other up after a second.
pub(crate) struct RedisCluster {
    /// Masters first, each with a third of the slots, and then a replica of each.
    pub(crate) nodes: Vec<Redis>,
}

/// The slots of three masters.
const SLOTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

impl RedisCluster {
    /// Three masters.
    pub(crate) async fn start() -> Self {
        Self::of(0).await
    }

    /// Three masters, each with a replica.
    pub(crate) async fn with_replicas() -> Self {
        Self::of(3).await
    }

    async fn of(replicas: usize) -> Self {
        let mut nodes = Vec::new();
        for _ in 0..3 + replicas {
            let node = Redis::with(|_, _| {
                let bus = free_port().to_string();
                let settings = [
                    ["--cluster-enabled", "yes"],
                    ["--cluster-node-timeout", "1000"],
                    ["--cluster-port", &bus],
                    ["--repl-diskless-sync-delay", "0"],
                    ["--cluster-replica-validity-factor", "0"],
                ];
                settings.concat().iter().map(ToString::to_string).collect()
            });
            nodes.push(node.await);
        }
        let cluster = Self { nodes };
        for (node, (first, last)) in cluster.nodes.iter().zip(SLOTS) {
            let done = node.tell(&["CLUSTER", "ADDSLOTSRANGE", first, last]).await;
            assert_eq!(done, ["OK"]);
        }
        let first = &cluster.nodes[0];
        for node in &cluster.nodes[1..] {
            let bus = &node.arguments[5];
            let port = node.port.to_string();
            first
                .tell(&["CLUSTER", "MEET", "127.0.0.1", &port, bus])
                .await;
        }
        cluster.everybody_knows(3 + replicas).await;
        for (master, replica) in cluster.nodes[..3].iter().zip(&cluster.nodes[3..]) {
            let id = master.tell(&["CLUSTER", "MYID"]).await;
            let done = replica.tell(&["CLUSTER", "REPLICATE", &id[0]]).await;
            assert_eq!(done, ["OK"]);
        }
        for replica in &cluster.nodes[3..] {
            eventually("the replica should follow its master", async || {
                let info = replica.tell(&["INFO", "replication"]).await;
                info.iter()
                    .any(|line| line.trim() == "master_link_status:up")
            })
            .await;
        }
        for node in &cluster.nodes {
            eventually("the cluster should be complete", async || {
                let nodes = node.tell(&["CLUSTER", "NODES"]).await;
                let is_replica = |line: &&String| line.contains("slave");
                let info = node.tell(&["CLUSTER", "INFO"]).await;
                nodes.iter().filter(is_replica).count() == replicas
                    && info.iter().any(|line| line.trim() == "cluster_state:ok")
            })
            .await;
        }
        cluster
    }

    async fn everybody_knows(&self, count: usize) {
        for node in &self.nodes {
            eventually("the nodes should know each other", async || {
                let nodes = node.tell(&["CLUSTER", "NODES"]).await;
                let is_known = |line: &&String| !line.contains("handshake");
                nodes.iter().filter(is_known).count() == count
            })
            .await;
        }
    }

    /// The URL by which a node finds all of it.
    pub(crate) fn url(&self) -> String {
        let [first, second] = [self.nodes[0].port, self.nodes[1].port];
        format!("redis-cluster://127.0.0.1:{first}?node=127.0.0.1:{second}")
    }

    /// The node that somebody subscribes to `channel` at.
    pub(crate) async fn place_of(&self, count: &str, channel: &str) -> Option<usize> {
        for (index, node) in self.nodes.iter().enumerate() {
            let counts = node.tell(&["PUBSUB", count, channel]).await;
            if counts.get(1).is_some_and(|count| count != "0") {
                return Some(index);
            }
        }
        None
    }

    /// The master that has keys which start so.
    pub(crate) async fn place_with(&self, start: &str) -> usize {
        for (index, node) in self.nodes[..3].iter().enumerate() {
            let keys = node.tell(&["KEYS", "*"]).await;
            if keys.iter().any(|key| key.starts_with(start)) {
                return index;
            }
        }
        panic!("no master has a key that starts with {start}")
    }
}

/// Waits until `is_so`, and says what should have come to pass if that takes too long.
pub(crate) async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn is_open(port: u16) -> bool {
    std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn spawn(program: &str, port: u16, folder: &TempDir, arguments: &[String]) -> Child {
    // Where the setup puts what the system does not have.
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/python/bin");
    let own = tools.join(program);
    let program = if own.exists() { own } else { program.into() };
    Command::new(&program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
        .arg("--dir")
        .arg(folder.path())
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("these tests start {program:?}, which `make setup` installs: {error}")
        })
}

/// One that nobody listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
