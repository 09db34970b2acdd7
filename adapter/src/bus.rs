//! The seam to whatever carries messages between nodes.

mod memory;
mod redis;

#[cfg(feature = "test-util")]
pub use memory::Fault;
pub use memory::{MemoryBus, MemoryHub};
pub(crate) use redis::connected;
pub use redis::{MIN_CAPACITY, RedisBus};

use std::{future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use tokio::sync::watch;

use crate::{error::BusError, inbox::Inbox};

/// What a bus returns: object-safe, and free of the bus's own lifetime.
pub type BusFuture = Pin<Box<dyn Future<Output = Result<(), BusError>> + Send>>;

/// What a bus returns that was asked to count.
pub type CountFuture = Pin<Box<dyn Future<Output = Result<Vec<usize>, BusError>> + Send>>;

/// Something to subscribe to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Messages on this very channel.
    Channel(String),
    /// Messages on every channel that this glob pattern matches.
    Pattern(String),
}

/// A message as the bus delivers it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The channel it was published on.
    pub channel: String,
    /// Its bytes.
    pub payload: Bytes,
    /// Whether a pattern brought it, and not the channel's own subscription.
    pub by_pattern: bool,
}

/// Whether the bus is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Link {
    /// Counts the connections that messages come over; zero before the first. A new one knows no subscription.
    pub epoch: u64,
    /// Whether that connection is up.
    pub receiving: bool,
    /// Whether messages can be published.
    pub publishing: bool,
    /// Counts connections that were lost, or could not be made.
    pub failures: u64,
}

/// Carries messages between nodes: at most once, in the order of publication per publisher.
pub trait Bus: Send + Sync + 'static {
    /// Publishes `payload` on `channel`.
    ///
    /// Calls whose futures are first polled in some order arrive in that order, also when many wait at a time.
    fn publish(&self, channel: String, payload: Bytes) -> BusFuture;

    /// Subscribes to `topics`; resolves once the bus has confirmed all of them.
    fn subscribe(&self, topics: Vec<Topic>) -> BusFuture;

    /// Ends the subscriptions to `topics`.
    fn unsubscribe(&self, topics: Vec<Topic>) -> BusFuture;

    /// How many nodes and other programs subscribe to each of `channels` itself; patterns that match it do not count.
    ///
    /// Counted over the whole of a Redis Cluster. Whoever subscribed before the call, confirmed, is counted.
    fn subscribers(&self, channels: Vec<String>) -> CountFuture;

    /// Closes the connections and opens new ones: called when they look alive but nothing comes.
    fn reopen(&self) -> BusFuture;

    /// The state of the connection, and news of it.
    fn link(&self) -> watch::Receiver<Link>;

    /// Whether there is nobody else on the bus, nor will be: then nothing need be subscribed or published.
    fn is_alone(&self) -> bool {
        false
    }

    /// Puts every message that arrives into `inbox`, until dropped. Called once.
    fn listen(&self, inbox: Inbox) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// For whoever chooses a bus while running.
impl Bus for Arc<dyn Bus> {
    fn publish(&self, channel: String, payload: Bytes) -> BusFuture {
        (**self).publish(channel, payload)
    }

    fn subscribe(&self, topics: Vec<Topic>) -> BusFuture {
        (**self).subscribe(topics)
    }

    fn unsubscribe(&self, topics: Vec<Topic>) -> BusFuture {
        (**self).unsubscribe(topics)
    }

    fn subscribers(&self, channels: Vec<String>) -> CountFuture {
        (**self).subscribers(channels)
    }

    fn reopen(&self) -> BusFuture {
        (**self).reopen()
    }

    fn link(&self) -> watch::Receiver<Link> {
        (**self).link()
    }

    fn is_alone(&self) -> bool {
        (**self).is_alone()
    }

    fn listen(&self, inbox: Inbox) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        (**self).listen(inbox)
    }
}
