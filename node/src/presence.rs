//! Who is online, in the whole cluster.
//!
//! A gateway says who joins and who leaves; what it finds out by other ways, such as that a node has died with its users
//! on it, it is told. Two forms: in Redis, where every node sees the same users, and in memory for a node alone.

mod memory;
mod redis;
mod roster;

use std::{fmt, future::Future, pin::Pin, sync::Arc};

pub use self::redis::PresenceError;
use self::{memory::Memory, redis::Redis};
use crate::{config::Config, redis::RedisError};

/// Who is online. A cheap handle.
#[derive(Clone)]
pub struct Presence(Arc<dyn PresenceStore>);

/// What came of a join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Joined {
    /// The client was not online.
    New,
    /// It was not, but others of that name were, whom their nodes have sent away: it is back, and they are offline.
    Back {
        /// Their ids.
        gone: Vec<Arc<str>>,
    },
    /// It was, under another name.
    Renamed {
        /// That name.
        old: Arc<str>,
    },
    /// It was, under the same name.
    Same,
}

/// Something that is to be announced, by this node and no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A client is online again that was taken for lost with its node.
    Online {
        /// The socket's id.
        client_id: Arc<str>,
        /// Its name.
        username: Arc<str>,
    },
    /// A client is gone, with its node as a rule.
    Offline {
        /// The socket's id.
        client_id: Arc<str>,
        /// Its name.
        username: Arc<str>,
    },
}

/// A user who is online, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The socket's id.
    pub client_id: Arc<str>,
    /// Its name.
    pub username: Arc<str>,
    /// The node that has the socket.
    pub node: String,
}

/// What listens to changes.
pub(crate) type Listener = Box<dyn Fn(Change) + Send + Sync>;

/// The future of an operation.
pub(crate) type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T, PresenceError>> + Send + 'a>>;

/// The seam between the gateway and where users are kept.
pub(crate) trait PresenceStore: Send + Sync + 'static {
    /// A client of this node is online as `username`.
    fn join<'a>(&'a self, client_id: &'a str, username: &'a Arc<str>) -> Doing<'a, Joined>;

    /// A client of this node is gone; its name, if nobody has taken it out before.
    fn leave<'a>(&'a self, client_id: &'a str) -> Doing<'a, Option<Arc<str>>>;

    /// A client of this node was sent away by it, and may be back on another. Its name, if it is offline at once.
    fn depart<'a>(&'a self, client_id: &'a str) -> Doing<'a, Option<Arc<str>>>;

    /// Ids and names of those that came last, in that order. From memory.
    fn online(&self) -> Vec<(Arc<str>, Arc<str>)>;

    /// Everybody, in the order of their coming.
    fn everyone(&self) -> Doing<'_, Vec<User>>;

    /// Who is told of changes; the last who asked.
    fn listen(&self, listener: Listener);

    /// Keeps what this node holds, and finds what others have lost, for as long as it is polled.
    fn run(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Lets go of what this node holds, once its clients are gone.
    fn end(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// Presence as the configuration asks for it: in Redis where `redis.url` is set, and else in this process.
///
/// # Errors
///
/// As of a node that starts: Redis did not answer for 30 s, or its URL is wrong.
///
/// # Cancel safety
///
/// A connection that was made is closed when the future is dropped.
pub async fn connect(config: &Config, node_id: &str) -> Result<Presence, RedisError> {
    let listed = config.chat.online_users;
    Ok(match &config.redis.url {
        Some(url) => {
            let client = crate::redis::listening(url, &config.redis.tls).await?;
            Presence::new(Redis::new(client, &config.redis.key, node_id, listed))
        }
        None => Presence::new(Memory::new(node_id, listed)),
    })
}

impl Presence {
    pub(crate) fn new(store: impl PresenceStore) -> Self {
        Self(Arc::new(store))
    }

    /// A client of this node is online as `username`, until it leaves or its node dies.
    ///
    /// # Errors
    ///
    /// [`PresenceError`] while Redis is away: then the client is not online, and can try again.
    pub async fn join(
        &self,
        client_id: &str,
        username: &Arc<str>,
    ) -> Result<Joined, PresenceError> {
        self.0.join(client_id, username).await
    }

    /// A client of this node is gone. Its name, for whoever gets one to announce; none if it was not online, or if
    /// another node has announced it.
    ///
    /// # Errors
    ///
    /// [`PresenceError`] while Redis is away: it is announced as a [`Change`] once Redis is back.
    pub async fn leave(&self, client_id: &str) -> Result<Option<Arc<str>>, PresenceError> {
        self.0.leave(client_id).await
    }

    /// A client of this node is gone because the node has sent it away, as in a drain. It stays online until somebody of its
    /// name joins on any node ([`Joined::Back`]), and 5 s at most. Its name, if it is to be announced at once, as by a
    /// node alone.
    ///
    /// # Errors
    ///
    /// As [`leave`](Self::leave).
    pub async fn depart(&self, client_id: &str) -> Result<Option<Arc<str>>, PresenceError> {
        self.0.depart(client_id).await
    }

    /// Ids and names of those that joined last, in the cluster, in that order; as many as the setting
    /// `chat.online_users` says. Asks nobody.
    pub fn online(&self) -> Vec<(Arc<str>, Arc<str>)> {
        self.0.online()
    }

    /// Everybody who is online in the cluster, in the order of their coming, however many they are.
    ///
    /// # Errors
    ///
    /// [`PresenceError`] while Redis is away.
    pub async fn everyone(&self) -> Result<Vec<User>, PresenceError> {
        self.0.everyone().await
    }

    /// Has `listener` announce what this node finds out. It must not wait. The last one that was given counts.
    pub fn on_change(&self, listener: impl Fn(Change) + Send + Sync + 'static) {
        self.0.listen(Box::new(listener));
    }

    /// Keeps what this node holds, and finds what others have lost, for as long as it is polled. A node does so by itself.
    pub async fn run(&self) {
        self.0.run().await;
    }

    pub(crate) async fn end(&self) {
        self.0.end().await;
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Presence").finish_non_exhaustive()
    }
}
