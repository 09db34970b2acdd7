//! Real nodes on free ports, in this process: alone, or several on a bus in memory.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file is a crate of its own and uses a part"
)]

pub mod raw;

use std::{net::SocketAddr, time::Duration};

use roomcast_adapter::bus::{Bus, MemoryHub};
use roomcast_loadtest::client::{Client, Transport};
use roomcast_node::{Builder, Config, Handle, Node, gateway::Gateway};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinSet,
};

/// How long a test waits for anything at all.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// A node that serves.
pub struct TestNode {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    /// Holds the one task that the node runs on.
    running: JoinSet<()>,
}

/// The configuration of a test node: free ports, and a drain that does not dawdle.
pub fn config() -> Config {
    let mut config = Config::default();
    config.listen = "127.0.0.1:0".parse().unwrap();
    config.admin.listen = "127.0.0.1:0".parse().unwrap();
    config.drain.grace = Duration::from_millis(100);
    config.drain.deadline = Duration::from_secs(10);
    config
}

impl TestNode {
    /// A node alone.
    pub async fn start(config: Config, gateways: Vec<Gateway>) -> Self {
        Self::on(&MemoryHub::default(), config, gateways).await
    }

    /// A node on `hub`.
    pub async fn on(hub: &MemoryHub, config: Config, gateways: Vec<Gateway>) -> Self {
        Self::on_bus(hub.connect(), config, gateways).await
    }

    /// A node on a bus of the test's own.
    pub async fn on_bus(bus: impl Bus, config: Config, gateways: Vec<Gateway>) -> Self {
        let mut builder = Node::builder(config).bus(bus);
        for gateway in gateways {
            builder = builder.gateway(gateway);
        }
        Self::of(builder).await
    }

    /// A node as `builder` makes it.
    pub async fn of(builder: Builder) -> Self {
        let node = builder.bind().await.unwrap();
        let (address, admin) = (node.address(), node.admin_address());
        let handle = node.handle();
        let (stop, stopped) = oneshot::channel();
        let mut running = JoinSet::new();
        running.spawn(node.run(async {
            let _ = stopped.await;
        }));
        let node = Self {
            address,
            admin,
            handle,
            stop: Some(stop),
            running,
        };
        wait_for("the node to be ready", async || {
            node.get("/ready").await.0 == 200
        })
        .await;
        node
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub async fn client(&self) -> Client {
        Client::connect(&self.url()).await.unwrap()
    }

    pub async fn client_of(&self, namespace: &str, transport: Transport) -> Client {
        Client::builder(&self.url())
            .namespace(namespace)
            .transport(transport)
            .connect()
            .await
            .unwrap()
    }

    /// Asks the node to end; [`ended`](Self::ended) waits for it.
    pub fn shut_down(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap();
        }
    }

    pub async fn ended(mut self) {
        tokio::time::timeout(DEADLINE, self.running.join_next())
            .await
            .expect("the node did not end in time");
    }

    /// Status and body of a GET on the admin port.
    pub async fn get(&self, path: &str) -> (u16, String) {
        get(self.admin, path).await
    }

    /// The value of one metric, labels included in `name`; zero if there is no such line.
    pub async fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.get("/metrics").await;
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
            .unwrap_or_default()
    }
}

/// Status and body of a GET.
pub async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    send(address, &request).await
}

/// Status and body of whatever answers `request`; status 0 if nobody does.
pub async fn send(address: SocketAddr, request: &str) -> (u16, String) {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = tokio::time::timeout(DEADLINE, exchange)
        .await
        .expect("no answer in time")
        .unwrap_or_default();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned());
    (status.unwrap_or(0), body.unwrap_or_default())
}

/// Waits until `condition` holds, and says what it waited for if it never does.
pub async fn wait_for(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        let mut look = tokio::time::interval(Duration::from_millis(10));
        while !condition().await {
            look.tick().await;
        }
    };
    if tokio::time::timeout(DEADLINE, waiting).await.is_err() {
        panic!("waited in vain for {what}");
    }
}
