//! A small Socket.IO client, and scenarios that load a cluster with it.
//!
//! The client speaks Socket.IO protocol 5 over Engine.IO 4, as the official clients of version 4 do. It shares no
//! code with the server, so that a mistake in the server's codec cannot cancel itself out in a test. It is strict
//! where an official client is lenient: whatever breaks the protocol closes the connection and says why.
//!
//! ```no_run
//! use roomcast_loadtest::client::Client;
//! use serde_json::json;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = Client::connect("http://127.0.0.1:3000").await?;
//! let joined = client.emit_with_ack("joinRoom", "lobby").await?;
//! assert_eq!(joined, [json!({ "room": "lobby", "joined": true })]);
//!
//! client.emit("sendToRoom", &json!({ "room": "lobby", "data": "hello" })).await?;
//! let message = client.expect("roomMsg").await?;
//! assert_eq!(message.args, [json!("hello")]);
//! # Ok(())
//! # }
//! ```
//!
//! The scenarios are what the binary `roomcast-loadtest` runs: [`scenario`] drives many connections, [`measure`]
//! checks and times every delivery, [`report`] says what came of it. They use the `/` events gateway, whose event names
//! are options, so that any Socket.IO server with such a gateway can be measured.
//!
//! Types of other crates in the public interface: `serde_json::Value`, `bytes::Bytes`, `clap`'s derive traits, and
//! errors of `tokio-tungstenite` and `hyper` as sources.

pub mod client;
pub mod compare;
pub mod growth;
pub mod html;
pub mod measure;
pub mod monitor;
pub mod neighbours;
pub mod process;
pub mod report;
pub mod scenario;
mod swarm;
