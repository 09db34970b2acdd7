//! A redis-server of a test's own, to be killed, hung and started again.

use std::{
    net::Ipv4Addr,
    process::{Child, Command, Stdio},
};

use roomcast_node::{
    config::{RedisUrl, Sources},
    store::RedisStore,
};
use tokio::net::{TcpListener, TcpStream};

use crate::common::wait_for;

/// A redis-server on a free port, ended when dropped.
pub(crate) struct Redis {
    port: u16,
    process: Child,
}

impl Redis {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let redis = Self {
            port,
            process: spawn(port),
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
        self.process = spawn(self.port);
        self.answers().await;
    }

    async fn answers(&self) {
        wait_for("redis-server to answer", async || {
            let address = (Ipv4Addr::LOCALHOST, self.port);
            TcpStream::connect(address).await.is_ok()
        })
        .await;
    }

    pub(crate) fn url(&self) -> RedisUrl {
        let flag = format!("--redis-url=redis://127.0.0.1:{}", self.port);
        let config = Sources::new([flag.into()], []).config().unwrap();
        config.redis.url.unwrap()
    }

    /// A store as a node's, over a connection of its own.
    pub(crate) async fn store(&self) -> RedisStore {
        self.store_of("socket.io").await
    }

    pub(crate) async fn store_of(&self, key: &str) -> RedisStore {
        RedisStore::connect(&self.url(), key).await.unwrap()
    }

    /// Has it hang: its connections stay open, and nothing is read or answered.
    pub(crate) fn hang(&self) {
        self.signal("STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &process]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended by itself already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(port: u16) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
        .stdout(Stdio::null())
        .spawn()
        .expect(
            "these tests start a redis-server, which has to be installed (Debian: redis-server)",
        )
}
