//! Whom to measure, and how each is started.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::process::Command;

/// An implementation of the `/` gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Peer {
    /// Socket.IO on Node.js with its own Redis adapter
    Node,
    /// NestJS with the Redis adapter of its documentation
    Nest,
    /// socketioxide and socketioxide-redis as they come
    Socketioxide,
    /// This project
    Roomcast,
}

/// Where the programs are.
#[derive(Clone, Debug, Args)]
pub(crate) struct Programs {
    /// The binary of this project [default: roomcast, beside this program]
    #[arg(long, value_name = "FILE")]
    roomcast: Option<PathBuf>,
    /// The folder of the peers
    #[arg(long, default_value = "loadtest/peers", value_name = "DIR")]
    peers_dir: PathBuf,
    /// The binary of the peer on stock socketioxide
    #[arg(
        long,
        default_value = "target/peers/release/roomcast-peer-socketioxide",
        value_name = "FILE"
    )]
    socketioxide: PathBuf,
    /// The Redis server
    #[arg(long, default_value = "redis-server", value_name = "PROGRAM")]
    pub(crate) redis_server: PathBuf,
    /// Node.js
    #[arg(long, default_value = "node", value_name = "PROGRAM")]
    pub(crate) node: PathBuf,
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Node => "Node.js",
            Self::Nest => "NestJS",
            Self::Socketioxide => "socketioxide",
            Self::Roomcast => "Roomcast",
        }
    }
}

impl Programs {
    /// Whether what this peer needs has been built.
    pub(crate) fn check(&self, peer: Peer) -> anyhow::Result<()> {
        let file = self.file(peer)?;
        ensure!(
            file.is_file(),
            "{} is not there: `make bench` builds what a comparison needs",
            file.display()
        );
        Ok(())
    }

    /// What starts one server of this peer.
    pub(crate) fn server(
        &self,
        peer: Peer,
        port: u16,
        redis: Option<&str>,
    ) -> anyhow::Result<Command> {
        let file = self.file(peer)?;
        let mut command = match peer {
            Peer::Roomcast => {
                let mut command = Command::new(file);
                command.arg(format!("--listen=127.0.0.1:{port}"));
                command.args(["--admin-listen=127.0.0.1:0", "--drain-grace=0s"]);
                command.args(redis.map(|url| format!("--redis-url={url}")));
                return Ok(command);
            }
            Peer::Socketioxide => Command::new(file),
            Peer::Node | Peer::Nest => {
                let mut command = Command::new(&self.node);
                command.arg(file);
                command.env("NODE_ENV", "production");
                command
            }
        };
        command.env("PORT", port.to_string());
        match redis {
            Some(url) => command.env("REDIS_URL", url),
            None => command.env_remove("REDIS_URL"),
        };
        Ok(command)
    }

    fn file(&self, peer: Peer) -> anyhow::Result<PathBuf> {
        Ok(match peer {
            Peer::Node => self.peers_dir.join("node/server.mjs"),
            Peer::Nest => self.peers_dir.join("nest/dist/main.js"),
            Peer::Socketioxide => self.socketioxide.clone(),
            Peer::Roomcast => match &self.roomcast {
                Some(file) => file.clone(),
                None => beside_this("roomcast")?,
            },
        })
    }
}

fn beside_this(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("looking for this program")?;
    Ok(own.parent().unwrap_or(Path::new("")).join(name))
}
