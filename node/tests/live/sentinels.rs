//! A master, a replica of it, and three sentinels that watch them.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::server::{Redis, eventually, free_port};

/// Ended when dropped.
pub(crate) struct Sentinels {
    pub(crate) master: Redis,
    pub(crate) replica: Redis,
    sentinels: Vec<Child>,
    ports: Vec<u16>,
    folder: TempDir,
}

impl Sentinels {
    pub(crate) async fn start() -> Self {
        let master = Redis::start().await;
        let port = master.port;
        let replica = Redis::with(|_, _| {
            let settings = ["--replicaof", "127.0.0.1", &port.to_string()];
            settings.map(str::to_owned).to_vec()
        });
        let replica = replica.await;
        eventually("the replica should follow its master", async || {
            let info = replica.tell(&["INFO", "replication"]).await;
            info.iter()
                .any(|line| line.trim() == "master_link_status:up")
        })
        .await;
        let mut all = Self {
            master,
            replica,
            sentinels: Vec::new(),
            ports: Vec::new(),
            folder: tempfile::tempdir().unwrap(),
        };
        for _ in 0..3 {
            all.add_sentinel(port);
        }
        for port in &all.ports {
            eventually("the sentinels should know each other", async || {
                let output = Command::new("redis-cli")
                    .args(["-p", &port.to_string(), "SENTINEL", "MASTER", "main"])
                    .output()
                    .unwrap();
                let text = String::from_utf8(output.stdout).unwrap();
                let lines: Vec<&str> = text.lines().collect();
                let says =
                    |name: &str, value: &str| lines.windows(2).any(|pair| pair == [name, value]);
                says("num-other-sentinels", "2") && says("num-slaves", "1")
            })
            .await;
        }
        all
    }

    fn add_sentinel(&mut self, master: u16) {
        let port = free_port();
        let file = self.folder.path().join(format!("{port}.conf"));
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\n\
             sentinel monitor main 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds main 1000\n\
             sentinel failover-timeout main 3000\n",
            self.folder.path().display()
        );
        fs::write(&file, text).unwrap();
        let sentinel = Command::new("redis-server")
            .arg(&file)
            .arg("--sentinel")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.sentinels.push(sentinel);
        self.ports.push(port);
    }

    pub(crate) fn url(&self) -> String {
        let [first, second, third] = [self.ports[0], self.ports[1], self.ports[2]];
        format!(
            "redis-sentinel://127.0.0.1:{first}/2?sentinelServiceName=main\
             &node=127.0.0.1:{second}&node=127.0.0.1:{third}"
        )
    }
}

impl Drop for Sentinels {
    fn drop(&mut self) {
        for sentinel in &mut self.sentinels {
            let _ = sentinel.kill();
            let _ = sentinel.wait();
        }
    }
}
