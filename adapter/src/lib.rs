//! Socket.IO rooms and broadcasts across nodes, for any socketioxide 0.18 server.
//!
//! A broadcast on one node reaches the clients of all. The nodes speak the wire format of Node.js's classic Redis adapter,
//! so `@socket.io/redis-adapter` servers and `@socket.io/redis-emitter` in any language can share the cluster.
//!
//! ```text
//!   node A                            Redis                           node B
//!
//!   io.to("red").emit(..)                                      a member of "red"
//!     │ 1. to the members here                                        ▲
//!     │ 2. into the outbox                                            │ 4. to the members here
//!     └──── PUBLISH ─────►  socket.io#/#red#   ───── message ─────────┘
//!
//!   io.emit(..) ──────────► socket.io#/#       ───── message ────► every node that serves "/"
//!
//!   who is there? ────────► socket.io-request#/# ─ message ──────► every node that serves "/"
//!     ▲                                                                    │
//!     └───── message ────── socket.io-response#/#A# ◄──── PUBLISH ─────────┘
//!
//!   heartbeat ────────────► roomcast:{socket.io}:nodes ── message ──► every node, A itself within three seconds
//! ```
//!
//! A broadcast to exactly one room goes to that room's channel, any other to the namespace's. Local delivery comes first
//! and never waits for Redis: what is to be published stands in a bounded outbox. Each node drops its own messages, and is
//! sure to hear the others only while its heartbeat comes back; where it does not, connections are made anew.
//!
//! # A whole server
//!
//! Nothing but the adapter and one task is added to a stock server. Each socket joins the room of its own id, as in
//! Node.js, so that other servers and emitters reach it alone.
//!
//! ```no_run
//! use fred::prelude::*;
//! use roomcast_adapter::{Cluster, ClusterAdapter, Config, bus::RedisBus};
//! use socketioxide::{
//!     SocketIo,
//!     adapter::Emitter,
//!     extract::{Data, SocketRef},
//! };
//!
//! type Adapter = ClusterAdapter<Emitter>;
//!
//! /// A client of Redis, set up so that no burst is lost and no outage is final.
//! async fn redis(url: &str) -> Result<Client, fred::error::Error> {
//!     let mut config = fred::types::config::Config::from_url(url)?;
//!     config.version = fred::types::RespVersion::RESP3;
//!     let client = Builder::from_config(config)
//!         .with_performance_config(|performance| performance.broadcast_channel_capacity = 16_384)
//!         .set_policy(ReconnectPolicy::new_constant(0, 300))
//!         .build()?;
//!     client.init().await?;
//!     Ok(client)
//! }
//!
//! /// Calls the handlers of one client.
//! async fn connected(socket: SocketRef<Adapter>) {
//!     socket.join(socket.id);
//!     socket.on("join", async |socket: SocketRef<Adapter>, Data::<String>(room)| {
//!         socket.join(room);
//!     });
//!     socket.on("say", say);
//! }
//!
//! /// Reaches a room on every node.
//! async fn say(io: SocketIo<Adapter>, Data((room, text)): Data<(String, String)>) {
//!     if let Err(error) = io.to(room).emit("said", &text).await {
//!         eprintln!("not sent: {error}");
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let url = "redis://127.0.0.1:6379";
//!     let bus = RedisBus::new(redis(url).await?, redis(url).await?)?;
//!     let cluster = Cluster::new(Cluster::random_node_id(), bus, Config::default(), ());
//!     let mut in_cluster = tokio::spawn({
//!         let cluster = cluster.clone();
//!         async move { cluster.run().await }
//!     });
//!
//!     let (service, io) = SocketIo::builder()
//!         // What came in a burst is queued for a socket before it is written; what this does not hold is lost.
//!         .max_buffer_size(4096)
//!         .with_adapter::<Adapter>(cluster)
//!         .build_svc();
//!     // Resolves when the namespace hears the cluster.
//!     io.ns("/", connected).await;
//!
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     loop {
//!         let (stream, _) = tokio::select! {
//!             accepted = listener.accept() => accepted?,
//!             ended = &mut in_cluster => return Err(format!("out of the cluster: {ended:?}").into()),
//!         };
//!         let connection = hyper::server::conn::http1::Builder::new()
//!             .serve_connection(hyper_util::rt::TokioIo::new(stream), service.clone())
//!             .with_upgrades();
//!         tokio::spawn(connection);
//!     }
//! }
//! ```
//!
//! With axum, use `build_layer()` in place of `build_svc()`.
//!
//! # Which channels a node subscribes to
//!
//! | [`Subscribe`] | a node is sent | the server |
//! | --- | --- | --- |
//! | `Pattern`, the default | every broadcast of its namespaces | joins and leaves as ever, through `socket.join(..)` |
//! | `PerRoom` | broadcasts to rooms that its own clients are in, and those to all | joins, leaves and disconnects through [`Namespace`] |
//!
//! With `Pattern` the work of each node grows with the traffic of the whole cluster; it is what Node.js servers do, and
//! right for small clusters. socketioxide tells an adapter of no join, so `PerRoom` needs the server's help:
//!
//! ```no_run
//! # use roomcast_adapter::{Cluster, ClusterAdapter, Config, Namespace, Subscribe, bus::MemoryBus};
//! # use socketioxide::{SocketIo, adapter::Emitter, extract::{AckSender, Data, SocketRef}};
//! # type Adapter = ClusterAdapter<Emitter>;
//! # async fn serve(bus: MemoryBus) {
//! let config = Config {
//!     subscribe: Subscribe::PerRoom { limit: 100_000 },
//!     ..Config::default()
//! };
//! let cluster = Cluster::new(Cluster::random_node_id(), bus, config, ());
//! let (layer, io) = SocketIo::builder()
//!     .max_buffer_size(4096)
//!     .with_adapter::<Adapter>(cluster.clone())
//!     .build_layer();
//!
//! io.ns("/", async move |socket: SocketRef<Adapter>| {
//!     let Some(namespace) = cluster.namespace("/") else { return };
//!     let (id, joins, leaves) = (socket.id, namespace.clone(), namespace.clone());
//!     socket.on_disconnect(async move || leaves.disconnected(id));
//!     socket.on(
//!         "join",
//!         async move |Data::<String>(room), ack: AckSender<Adapter>| {
//!             // From the answer on, no message to the room is missed.
//!             joins.join(id, vec![room]).await;
//!             ack.send("joined").ok();
//!         },
//!     );
//!     namespace.connected(id, id.as_str()).await;
//!     if !namespace.is_connected(id) {
//!         // It went away before `on_disconnect` was there to hear of it.
//!         namespace.disconnected(id);
//!     }
//! });
//! # }
//! ```
//!
//! Above its limit of rooms, a node falls back to the pattern, and returns below 80 % of it. No message is lost or applied
//! twice by that.
//!
//! # What is promised
//!
//! - Between nodes a message arrives at most once, as with Redis Pub/Sub itself. What one node publishes in a namespace
//!   arrives in that order.
//! - While Redis is away, clients of one node go on reaching each other. Of what they send, the other nodes get the last
//!   five seconds; within five seconds of Redis being back, every room is heard again.
//! - On a Redis Cluster a node goes through any one of its nodes, and through another within a second when that one is lost.
//!   [`RedisBus::sharded`](bus::RedisBus::sharded) is the transport by which each message passes one master alone.
//! - Nothing is lost in silence: an [`Observer`] is told of each loss and its [cause](DropCause).
//!
//! - A question to other nodes returns what was answered in time, and [who is missing](Missing). One that is dead is waited for
//!   until its heartbeat lapses, at most.
//!
//! # Beyond broadcasts
//!
//! Acks of a broadcast, `rooms`, and joins, leaves and disconnects of a selection of sockets are about the sockets of all nodes,
//! through the server's own calls or through [`Namespace`]. Its [`fetch_sockets`](Namespace::fetch_sockets) lists those of
//! all, Node.js servers included; the server's own lists those of this node, since its type has no place for others' ids.
//! `docs/wire.md` has the details.
//!
//! A program without sockets emits to the clients of all nodes through an [`Emitter`].
//!
//! # Types of other crates
//!
//! The public interface has types of `socketioxide-core` 0.20, `fred` 10, `bytes` 1, `serde` 1 and `serde_json` 1.

mod adapter;
#[cfg(feature = "test-util")]
#[doc(hidden)]
pub mod bench;
pub mod bus;
mod channel;
mod cluster;
mod config;
mod copies;
mod dialect;
mod emitter;
mod error;
mod gather;
mod hearing;
mod inbox;
mod index;
mod namespace;
mod observer;
mod outbox;
mod peers;
mod recipient;
mod remote;
mod subscriptions;
mod telling;
#[cfg(test)]
mod testing;
pub mod wire;

pub use adapter::{AdapterFailure, ClusterAdapter, Init};
pub use cluster::{Cluster, Note};
pub use config::{Config, Subscribe, Wire};
pub use emitter::Emitter;
pub use error::{BroadcastError, BusError, EmitError, InitError, SendError};
pub use gather::Missing;
pub use inbox::Inbox;
pub use namespace::{
    Asked, Asking, Gathered, Gathering, Hold, Joining, Namespace, Prepared, ServerSide,
};
pub use observer::{DropCause, Observer, SubscriptionCounts};
pub use recipient::{Emission, Recipient};
pub use remote::{Profile, RemoteHandshake, RemoteSocket};
