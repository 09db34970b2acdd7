//! How things ended: events, emits, sockets.

use std::{error::Error, fmt};

/// How one event or hook ended, for metrics and logs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The handler ran, and its reply was sent.
    Handled,
    /// The client was told an exception that was meant for it, such as a body that does not fit.
    Exception,
    /// Something is wrong on this side. The text says what, with its causes, and is for the log alone.
    Failed(String),
    /// There is no handler for it.
    Ignored,
}

/// Why an event or an ack was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// Socket.IO keeps this name for itself.
    #[error("the event name `{0}` is reserved")]
    Reserved(String),
    /// The data has no form in JSON.
    #[error("cannot encode the data")]
    Encode(#[source] serde_json::Error),
    /// The socket is disconnected, or the node is shutting down.
    #[error("the socket is closed")]
    Closed,
    /// The client reads too slowly: no more can wait for it.
    #[error("the socket's queue is full")]
    Full,
    /// The platform, or the cluster behind it, cannot carry this event.
    #[error("the event cannot be sent")]
    Refused(#[source] Box<dyn Error + Send + Sync>),
    /// Nothing serves this namespace here.
    #[error("unknown namespace `{0}`")]
    UnknownNamespace(String),
}

impl EmitError {
    /// For platforms: an event that they cannot carry, and why.
    pub fn refused(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Refused(error.into())
    }
}

/// Why a socket is gone, in Socket.IO's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The connection was closed by the client or the network.
    TransportClose,
    /// The connection failed.
    TransportError,
    /// The client did not answer in time.
    PingTimeout,
    /// The client left the namespace.
    ClientNamespaceDisconnect,
    /// A handler or an operator disconnected it from the namespace.
    ServerNamespaceDisconnect,
    /// This node is stopping.
    ServerShuttingDown,
    /// The client sent what is no packet.
    ParseError,
    /// This node closed the connection.
    ForcedClose,
}

impl DisconnectReason {
    /// The words that Socket.IO uses for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::PingTimeout => "ping timeout",
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
            Self::ServerShuttingDown => "server shutting down",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
