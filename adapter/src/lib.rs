mod adapter;
pub mod bus;
mod channel;
mod cluster;
mod config;
mod error;
mod hearing;
mod inbox;
mod namespace;
mod observer;
mod outbox;
mod subscriptions;
#[cfg(test)]
mod testing;
pub mod wire;

pub use adapter::{AdapterFailure, ClusterAdapter, Init};
pub use cluster::Cluster;
pub use config::{Config, Subscribe};
pub use error::{BroadcastError, BusError, InitError, SendError};
pub use inbox::Inbox;
pub use namespace::{Joining, Namespace};
pub use observer::{DropCause, Observer, SubscriptionCounts};
