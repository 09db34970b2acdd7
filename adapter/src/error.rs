//! What can go wrong, one small type per operation.

use crate::wire::EncodeError;

/// Why the bus did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// There is no connection at the moment.
    #[error("the bus is not connected")]
    Disconnected,
    /// The connection was replaced while the call was under way, so its effect is unknown.
    #[error("the connection was replaced during the call")]
    Reconnected,
    /// Sharded Pub/Sub knows channels only.
    #[error("sharded pub/sub has no patterns")]
    NoPatterns,
    /// Redis, or the way to it, failed.
    #[error("redis failed")]
    Redis(#[source] fred::error::Error),
}

/// Why a bus cannot be made of what was handed in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// The subscriber would lose messages in a burst.
    #[error(
        "the subscriber's broadcast_channel_capacity is {capacity}, which loses messages in a burst: set it to {needed} or more"
    )]
    SmallCapacity {
        /// What the client has.
        capacity: usize,
        /// What is needed at least.
        needed: usize,
    },
    /// The subscriber speaks RESP2, in which a subscription cannot be confirmed.
    #[error(
        "the subscriber speaks RESP2: set its version to RESP3, which Redis knows since version 6"
    )]
    Resp2,
    /// The client gives up at the first lost connection.
    #[error("the {0} has no reconnect policy: give it one without a limit of attempts")]
    NoReconnectPolicy(&'static str),
}

/// Why a broadcast was not made. Nobody has received anything of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BroadcastError {
    /// Other nodes could not read it.
    #[error("the event cannot be put on the wire")]
    Encode(#[from] EncodeError),
}

/// Why an [`Emitter`](crate::Emitter) did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// Servers or their clients could not read it. Nothing was sent.
    #[error("the event cannot be put on the wire")]
    Encode(#[from] EncodeError),
    /// Redis did not confirm it. It will not be sent later; where the connection broke on the way, servers may have it.
    #[error("the event was not published")]
    Publish(#[source] BusError),
}

/// Why a packet did not reach a socket of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// More packets wait for it than may: it reads too slowly.
    #[error("the socket's queue is full")]
    Full,
    /// It is gone.
    #[error("the socket is closed")]
    Closed,
}
