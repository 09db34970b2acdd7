//! What can go wrong with a client, and why a connection ended.

use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite;

use super::engine::EngineError;
use super::packet::PacketError;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be used.
    #[error("cannot use the url {url:?}: {reason}")]
    Url {
        /// The URL as it was given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A header or the path is no valid HTTP.
    #[error("cannot make the request")]
    Request(#[source] http::Error),
    /// The host's name has no address.
    #[error("cannot resolve {host:?}")]
    Resolve {
        /// The host and port.
        host: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// This process may not open more files.
    #[error("too many open files: raise the limit of this process, as with `ulimit -n 65536`")]
    TooManyFiles,
    /// The server does not take the TCP connection.
    #[error("cannot connect to {address}")]
    Tcp {
        /// The last address that was tried.
        address: std::net::SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The server answers with an HTTP status that opens no connection.
    #[error("the server answers {status}: {body}")]
    Http {
        /// The status code.
        status: u16,
        /// The answer's body as text.
        body: String,
    },
    /// The WebSocket upgrade fails.
    #[error("the websocket upgrade fails")]
    WebSocket(#[source] Box<tungstenite::Error>),
    /// A polling request fails.
    #[error("a polling request fails")]
    Polling(#[source] hyper::Error),
    /// The server's first packets are no Engine.IO.
    #[error("the server does not speak engine.io 4")]
    Engine(#[source] EngineError),
    /// The server's answer to CONNECT is no Socket.IO.
    #[error("the server does not speak socket.io 5")]
    Packet(#[source] PacketError),
    /// The server sends a valid packet at a time when it makes no sense.
    #[error("the server sends {0:?} while the client connects")]
    Unexpected(String),
    /// The server ends the connection before the namespace is joined.
    #[error("the connection ends while the client connects: {0}")]
    Closed(CloseReason),
    /// The server refuses the namespace.
    #[error("the server refuses {namespace}: {message}")]
    Refused {
        /// The namespace that was asked for.
        namespace: String,
        /// The message of its CONNECT_ERROR.
        message: String,
        /// What else it says.
        data: Option<Value>,
    },
    /// Time is up.
    #[error("no {step} within {after:?}")]
    Timeout {
        /// What was waited for.
        step: &'static str,
        /// The deadline.
        after: Duration,
    },
}

/// Why a call on an open client fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Time is up.
    #[error("no {waited_for} within {after:?}; unread events: {unread:?}")]
    Timeout {
        /// What was waited for.
        waited_for: String,
        /// The deadline.
        after: Duration,
        /// Names of the events that came instead and nobody has read, the first ten.
        unread: Vec<String>,
    },
    /// The connection ended first.
    #[error("the connection ended before the {waited_for}: {reason}")]
    Closed {
        /// What was waited for.
        waited_for: String,
        /// Why it ended.
        reason: CloseReason,
    },
    /// The data cannot be written as JSON.
    #[error("cannot encode the data of {event:?}")]
    Encode {
        /// The event's name.
        event: String,
        /// Why not.
        source: serde_json::Error,
    },
    /// The server did not ask for an ack of this event.
    #[error("the event {0:?} asks for no ack")]
    NoAck(String),
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// This client disconnected.
    #[error("the client disconnected")]
    ClientDisconnect,
    /// The server sent the packet that takes the seat in the namespace away.
    #[error("the server disconnected the client")]
    ServerDisconnect,
    /// The server closed the transport; the text is its reason, if it gave one.
    #[error("the server closed the transport ({0})")]
    TransportClose(String),
    /// The transport broke.
    #[error("the transport failed ({0})")]
    TransportError(String),
    /// The server's ping is overdue.
    #[error("no ping of the server came in time")]
    PingTimeout,
    /// The server broke the protocol.
    #[error("the server broke the protocol ({0})")]
    Protocol(String),
    /// More events came than this client keeps unread.
    #[error("more than {0} events were left unread")]
    InboxFull(usize),
    /// This client let go of the connection without a goodbye.
    #[error("the client let go of the connection")]
    Killed,
}

impl From<EngineError> for CloseReason {
    fn from(error: EngineError) -> Self {
        Self::Protocol(error.to_string())
    }
}

impl From<PacketError> for CloseReason {
    fn from(error: PacketError) -> Self {
        Self::Protocol(error.to_string())
    }
}
