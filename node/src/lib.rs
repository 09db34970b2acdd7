//! Roomcast, a Socket.IO broker: a library to build a node with gateways of one's own, and the binary `roomcast`.
//!
//! # A node with one more gateway
//!
//! ```no_run
//! use roomcast_node::{Config, Node, signal, telemetry};
//! use roomcast_node::gateway::{Ack, Data, Gateway};
//!
//! async fn ping(Data(text): Data<String>) -> Ack<String> {
//!     Ack(text)
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let config = Config::from_args()?;
//!     telemetry::install(&config.log);
//!     let gateway = Gateway::new("/echo").on("ping", ping);
//!     let node = Node::builder(config).gateway(gateway).bind().await?;
//!     node.run(signal::shutdown()?).await;
//!     Ok(())
//! }
//! ```
//!
//! [`gateway`] is how handlers are written. [`Config`] says what can be set, by flags, environment and file.

pub mod auth;
pub mod cli;
pub mod config;
pub mod files;
pub mod gateways;
pub mod interceptors;
pub mod presence;
pub mod redis;
mod reload;
mod repetition;
pub mod runtime;
pub mod signal;
pub mod store;
pub mod telemetry;

mod connection;
mod drain;
mod http;
mod limit;
mod live;
mod metrics;
mod node;
mod nodes;
mod platform;
mod rebalance;
mod traces;
mod watched;

pub use auth::{KeyError, KeyFileError};
pub use config::Config;
pub use drain::{DrainStatus, Ending, Phase};
pub use live::ReloadError;
pub use node::{BindError, Builder, Handle, Node};
pub use nodes::{About, NodeStatus};
pub use rebalance::Share;
pub use reload::Reload;
pub use roomcast_gateway as gateway;

/// The version of this crate, and of the binary.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
