//! A redis-server of one's own, to be stopped, killed, hung and asked.

use std::{
    net::Ipv4Addr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fred::{
    clients::Client,
    error::Error,
    interfaces::ClientLike,
    types::{
        Builder, ClusterHash, CustomCommand, RespVersion,
        config::{Config, ReconnectPolicy, TcpConfig},
    },
};
use roomcast_adapter::bus::RedisBus;
use tokio::net::{TcpListener, TcpStream};

use crate::common::PATIENCE;

/// A redis-server on a free port, ended when dropped.
pub(crate) struct Redis {
    pub(crate) port: u16,
    process: Child,
}

impl Redis {
    pub(crate) async fn start() -> Self {
        let port = free_port().await;
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

    /// Has it hang: its connections stay open, and nothing is read or answered.
    pub(crate) fn hang(&self) {
        self.signal("STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    /// Asks it something, over a connection made for this.
    pub(crate) async fn ask(&self, command: &'static str, arguments: &[&str]) -> Vec<String> {
        let client = client(self.port, |_| ()).await;
        let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let answer: fred::types::Value = client.custom(command, arguments).await.unwrap();
        client.quit().await.unwrap();
        let mut answer: Vec<String> = match answer {
            fred::types::Value::Array(values) => values,
            value => vec![value],
        }
        .into_iter()
        .map(|value| value.as_string().unwrap_or_default())
        .collect();
        answer.sort();
        answer
    }

    fn signal(&self, signal: &str) {
        let process = self.process.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &process]).status();
        assert!(status.unwrap().success());
    }

    async fn answers(&self) {
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
            .await
            .is_err()
        {
            assert!(start.elapsed() < PATIENCE, "redis-server should answer");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have been killed by the test already.
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

async fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

/// A bus on what listens on this port, its clients set up as those of a node are.
pub(crate) async fn bus(port: u16) -> RedisBus {
    RedisBus::new(client(port, |_| ()).await, client(port, |_| ()).await).unwrap()
}

/// A client as a node's, but for what `change` does to it.
pub(crate) async fn client(port: u16, change: impl FnOnce(&mut Builder)) -> Client {
    let mut builder = builder(port).unwrap();
    change(&mut builder);
    let client = builder.build().unwrap();
    client.init().await.unwrap();
    client
}

fn builder(port: u16) -> Result<Builder, Error> {
    let mut config = Config::from_url(&format!("redis://127.0.0.1:{port}"))?;
    config.version = RespVersion::RESP3;
    config.fail_fast = false;
    let mut builder = Builder::from_config(config);
    builder
        .with_performance_config(|performance| performance.broadcast_channel_capacity = 16_384)
        .with_connection_config(|connection| {
            connection.connection_timeout = Duration::from_secs(2);
            connection.internal_command_timeout = Duration::from_secs(2);
            connection.max_command_attempts = 1;
            connection.max_command_buffer_len = 65_536;
            connection.reconnect_on_auth_error = true;
            connection.unresponsive.max_timeout = Some(Duration::from_secs(4));
            connection.unresponsive.interval = Duration::from_secs(1);
            connection.tcp = TcpConfig {
                nodelay: Some(true),
                ..TcpConfig::default()
            };
        })
        .set_policy(ReconnectPolicy::new_constant(0, 300));
    Ok(builder)
}
