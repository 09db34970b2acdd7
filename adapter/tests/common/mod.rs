//! Nodes on one bus, with sockets that keep what they are sent.

#![allow(dead_code, reason = "each file of tests uses a part of this")]

pub(crate) mod clients;
pub(crate) mod counts;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use roomcast_adapter::{
    BroadcastError, Cluster, ClusterAdapter, Config, Joining, Namespace, Subscribe,
    bus::{Bus, MemoryHub},
};
use socketioxide_core::{
    Sid, Value,
    adapter::{BroadcastFlags, BroadcastOptions, CoreAdapter, CoreLocalAdapter},
    packet::Packet,
    parser::Parse,
};
use socketioxide_parser_common::CommonParser;
use tokio::task::JoinSet;

use clients::{Clients, Log};
use counts::Counts;

/// How long anything that must happen may take: far more than it does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Per-room subscription, with no limit that a test would meet.
pub(crate) fn per_room() -> Config {
    limited(100_000)
}

/// Per-room subscription of at most this many rooms.
pub(crate) fn limited(limit: usize) -> Config {
    Config {
        subscribe: Subscribe::PerRoom { limit },
        ..Config::default()
    }
}

/// Both ways to subscribe.
pub(crate) fn both() -> [Config; 2] {
    [per_room(), Config::default()]
}

/// One node, running until dropped.
pub(crate) struct Node {
    pub(crate) cluster: Cluster,
    pub(crate) counts: Counts,
    running: JoinSet<()>,
}

impl Node {
    pub(crate) fn start(bus: impl Bus, config: Config) -> Self {
        let counts = Counts::default();
        let cluster = Cluster::new(Cluster::random_node_id(), bus, config, counts.clone());
        let mut running = JoinSet::new();
        let runs = cluster.clone();
        running.spawn(async move { runs.run().await });
        Self {
            cluster,
            counts,
            running,
        }
    }

    /// Serves a namespace, once its broadcasts arrive.
    pub(crate) async fn serve(&self, name: &str) -> Space {
        self.serve_as::<CommonParser>(name).await
    }

    /// The same for clients of another parser.
    pub(crate) async fn serve_as<P: Parse + Send + Sync + 'static>(&self, name: &str) -> Space<P> {
        let clients = Clients::new(name);
        let local = CoreLocalAdapter::new(clients.clone());
        let adapter = Arc::new(ClusterAdapter::new(&self.cluster, local));
        adapter.clone().init(|| ()).await;
        let namespace = self.cluster.namespace(name).unwrap();
        Space {
            adapter,
            clients,
            namespace,
            name: name.to_owned(),
        }
    }
}

/// `N` nodes that share a bus in memory and serve `/`.
pub(crate) async fn nodes<const N: usize>(config: &Config) -> [(Node, Space); N] {
    let hub = MemoryHub::default();
    let mut nodes = Vec::new();
    for _ in 0..N {
        let node = Node::start(hub.connect(), config.clone());
        let space = node.serve("/").await;
        nodes.push((node, space));
    }
    nodes.try_into().ok().unwrap()
}

/// One namespace of one node.
pub(crate) struct Space<P = CommonParser> {
    pub(crate) adapter: Arc<ClusterAdapter<Clients<P>>>,
    pub(crate) namespace: Namespace,
    clients: Clients<P>,
    name: String,
}

impl<P: Parse + Send + Sync + 'static> Space<P> {
    /// A client that has connected and is in the room of its own id.
    pub(crate) async fn connect(&self) -> Client {
        let sid = Sid::new();
        let log = self.clients.add(sid);
        self.namespace.connected(sid, &sid.to_string()).await;
        Client {
            sid,
            log,
            namespace: self.namespace.clone(),
        }
    }

    /// A client that is in `rooms`, too.
    pub(crate) async fn member(&self, rooms: &[&str]) -> Client {
        let client = self.connect().await;
        client.join(rooms).await;
        client
    }

    /// Emits an event given as JSON.
    pub(crate) fn emit(
        &self,
        event: &str,
        options: BroadcastOptions,
    ) -> Result<(), BroadcastError> {
        self.emit_value(Value::Str(event.to_owned().into(), None), options)
    }

    /// Emits an event with binary values.
    pub(crate) fn emit_binary(
        &self,
        event: &str,
        attachments: &[&'static [u8]],
        options: BroadcastOptions,
    ) -> Result<(), BroadcastError> {
        let attachments: VecDeque<_> = attachments
            .iter()
            .map(|bytes| Bytes::from_static(bytes))
            .collect();
        self.emit_value(
            Value::Str(event.to_owned().into(), Some(attachments)),
            options,
        )
    }

    pub(crate) fn emit_value(
        &self,
        data: Value,
        options: BroadcastOptions,
    ) -> Result<(), BroadcastError> {
        let packet = Packet::event(self.name.clone(), data);
        self.namespace.broadcast(packet, options)
    }
}

/// A client of one node.
pub(crate) struct Client {
    pub(crate) sid: Sid,
    log: Arc<Log>,
    namespace: Namespace,
}

impl Client {
    pub(crate) fn id(&self) -> String {
        self.sid.to_string()
    }

    pub(crate) fn join(&self, rooms: &[&str]) -> Joining {
        self.namespace
            .join(self.sid, rooms.iter().map(ToString::to_string).collect())
    }

    pub(crate) fn leave(&self, rooms: &[&str]) {
        let rooms: Vec<_> = rooms.iter().map(ToString::to_string).collect();
        self.namespace.leave(self.sid, &rooms);
    }

    pub(crate) fn rooms(&self) -> Vec<String> {
        let mut rooms = self.namespace.rooms(self.sid);
        rooms.sort();
        rooms
    }

    pub(crate) fn disconnect(&self) {
        self.namespace.disconnected(self.sid);
    }

    /// Answers one event with a list of values, given as JSON.
    pub(crate) fn acknowledge(&self, values: &str) {
        self.log.acknowledge(values);
    }

    /// The next packet, as it goes to the client.
    pub(crate) async fn next(&self) -> String {
        tokio::time::timeout(PATIENCE, self.log.next())
            .await
            .expect("a packet should have come")
    }

    /// The next packets.
    pub(crate) async fn take(&self, count: usize) -> Vec<String> {
        let mut packets = Vec::with_capacity(count);
        for _ in 0..count {
            packets.push(self.next().await);
        }
        packets
    }

    /// What has come by now.
    pub(crate) fn so_far(&self) -> Vec<String> {
        self.log.drain()
    }
}

/// To all members of `rooms`, as `io.to(rooms)`.
pub(crate) fn to(rooms: &[&str]) -> BroadcastOptions {
    let mut options = everyone();
    options
        .rooms
        .extend(rooms.iter().map(|room| room.to_string().into()));
    options
}

/// To everybody in the namespace, as `io`.
pub(crate) fn everyone() -> BroadcastOptions {
    let mut options = BroadcastOptions::default();
    options.add_flag(BroadcastFlags::Broadcast);
    options
}

/// Leaves out the members of `rooms`.
pub(crate) fn except(mut options: BroadcastOptions, rooms: &[&str]) -> BroadcastOptions {
    options
        .except
        .extend(rooms.iter().map(|room| room.to_string().into()));
    options
}

/// Waits until `happened`, which is `what`.
pub(crate) async fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !happened() {
        // In paused time the clock of tests runs through in an instant, that of other threads does not.
        let late = tokio::time::Instant::now() > deadline && start.elapsed() > PATIENCE / 10;
        assert!(!late, "this should have happened: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
