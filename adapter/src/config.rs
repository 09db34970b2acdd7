//! What a cluster can be told; every default says where it comes from.

use std::time::Duration;

/// Which channels a node subscribes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subscribe {
    /// Node's own way: one pattern per namespace, so a node is sent every broadcast of the cluster.
    ///
    /// Right where rooms are joined behind the adapter's back, through `socket.join(..)`.
    Pattern,
    /// One channel per room that has local members, and the namespace's own channel.
    ///
    /// Needs a server that joins, leaves and reports disconnects through [`Namespace`](crate::Namespace). Above
    /// `limit` rooms the node falls back to the pattern; below 80 % of it, it returns. The rooms are in the adapter's own
    /// index: socketioxide's, which `socket.rooms()` and `io.local()` look into, stays empty.
    PerRoom {
        /// How many rooms are subscribed one by one, rooms of socket ids included.
        limit: usize,
    },
}

/// How the servers of a cluster speak to each other. All of them, and all emitters, have to use the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Wire {
    /// That of Node's `createAdapter`, over Pub/Sub.
    #[default]
    Classic,
    /// That of Node's `createShardedAdapter`, over sharded Pub/Sub: the bus has to be a
    /// [`RedisBus::sharded`](crate::bus::RedisBus::sharded).
    ///
    /// With [`Subscribe::PerRoom`] it is Node's mode `dynamic`, and the limit has no meaning, since there are no patterns; with
    /// [`Subscribe::Pattern`] it is `static`. Order holds within a channel: what goes to a room, and what goes to the whole
    /// namespace, may overtake each other on a Redis Cluster.
    Sharded,
}

/// Settings of a [`Cluster`](crate::Cluster).
#[derive(Debug, Clone)]
pub struct Config {
    /// Prefix of the channels shared with Node's servers, as their option `key`. Default `socket.io`, as there.
    pub key: String,
    /// How servers speak to each other. Default [`Wire::Classic`].
    pub wire: Wire,
    /// Which channels to subscribe to. Default [`Subscribe::Pattern`], which is right for any server.
    pub subscribe: Subscribe,
    /// How long a join waits for its subscription. Default 2 s: a client's patience with an ack, and far above a
    /// round trip to Redis.
    pub join_timeout: Duration,
    /// How many bytes may wait to be published. Default 16 MiB.
    pub outbox_bytes: usize,
    /// How old a message may be when it is published. Default 5 s: later, it would surprise more than it helps.
    pub outbox_age: Duration,
    /// How many bytes that came from the bus may wait, beside those that are being applied. Default 64 MiB, twice what
    /// Redis keeps by default for a slow subscriber before it cuts the connection.
    pub inbox_bytes: usize,
    /// How long to wait for the answers of other nodes. Default 5 s, as in Node's adapter. Acks of clients have a time of
    /// their own.
    pub request_timeout: Duration,
    /// How often a node says that it is there, to the others and to itself. Default 1 s.
    pub heartbeat_interval: Duration,
    /// How long no such message may come back before the connections are opened anew, and how long another node may be
    /// silent before it is taken for dead. Default 3 s, so that a connection that is dead but looks alive is replaced
    /// within the 5 s a node may be deaf.
    pub heartbeat_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            key: "socket.io".to_owned(),
            wire: Wire::Classic,
            subscribe: Subscribe::Pattern,
            join_timeout: Duration::from_secs(2),
            outbox_bytes: 16 * 1024 * 1024,
            outbox_age: Duration::from_secs(5),
            inbox_bytes: 64 * 1024 * 1024,
            request_timeout: Duration::from_secs(5),
            heartbeat_interval: Duration::from_secs(1),
            heartbeat_timeout: Duration::from_secs(3),
        }
    }
}
