//! What the cluster reports, for whoever keeps count.

use std::time::Duration;

use tokio::time::Instant;

use crate::wire::{DecodeError, Trace};

/// Why a message was lost. Nothing is lost without one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropCause {
    /// More waited to be published than the outbox holds.
    OutboxFull,
    /// It had waited for the bus longer than it may.
    Expired,
    /// The bus did not take it.
    PublishFailed,
    /// It is larger than any message may be.
    TooLarge,
    /// It could not be read.
    Malformed,
    /// It is no event, and no request that is known.
    UnknownType,
    /// It bears a name that clients, or servers, reserve.
    Reserved,
    /// The Redis client lost it, because messages came faster than they were taken.
    Lagged,
    /// More waited to be applied than the inbox holds.
    InboxFull,
    /// It is a question, and more of these waited for an answer than may.
    Busy,
}

impl DropCause {
    /// All causes, in the order in which a message meets them.
    pub const ALL: [Self; 10] = [
        Self::OutboxFull,
        Self::Expired,
        Self::PublishFailed,
        Self::TooLarge,
        Self::Malformed,
        Self::UnknownType,
        Self::Reserved,
        Self::Lagged,
        Self::InboxFull,
        Self::Busy,
    ];

    /// The cause as a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutboxFull => "outbox_full",
            Self::Expired => "expired",
            Self::PublishFailed => "publish_failed",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::UnknownType => "unknown_type",
            Self::Reserved => "reserved",
            Self::Lagged => "lagged",
            Self::InboxFull => "inbox_full",
            Self::Busy => "busy",
        }
    }
}

impl DecodeError {
    /// The cause under which a message that cannot be read is counted.
    pub(crate) fn drop_cause(&self) -> DropCause {
        match self {
            Self::TooLarge { .. } => DropCause::TooLarge,
            Self::UnknownType { .. } => DropCause::UnknownType,
            Self::ReservedEvent { .. } => DropCause::Reserved,
            Self::Malformed(_) => DropCause::Malformed,
        }
    }
}

/// How many subscriptions a node wants, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubscriptionCounts {
    /// Channels of rooms.
    pub rooms: usize,
    /// Channels of whole namespaces.
    pub namespaces: usize,
    /// Patterns, in place of the channels of a namespace and its rooms.
    pub patterns: usize,
}

/// Told what happens in the cluster. Called on the hot path: implementations count and return.
pub trait Observer: Send + Sync + 'static {
    /// A message was handed to the bus.
    fn published(&self) {}
    /// A message came from the bus on a channel of broadcasts, requests or responses: another node's, or this one's own.
    fn received(&self) {}
    /// A broadcast, from here or from another node, was delivered to this many sockets of this node.
    fn delivered(&self, recipients: usize) {
        let _ = recipients;
    }
    /// The trace that a broadcast which leaves now is part of, if it is recorded. It travels with the broadcast.
    fn trace(&self) -> Option<Trace> {
        None
    }
    /// A broadcast of another node that is part of a trace was delivered, from when it came until now.
    fn traced(&self, trace: Trace, came: Instant, namespace: &str) {
        let _ = (trace, came, namespace);
    }
    /// This many messages were lost.
    fn dropped(&self, cause: DropCause, messages: u64) {
        let _ = (cause, messages);
    }
    /// This many sockets missed a packet, because their queue was full.
    fn overflowed(&self, sockets: usize) {
        let _ = sockets;
    }
    /// A heartbeat came back after this time.
    fn heard(&self, lag: Duration) {
        let _ = lag;
    }
    /// The node hears the bus, or no longer does.
    fn hearing(&self, yes: bool) {
        let _ = yes;
    }
    /// There are this many nodes of this crate now, this one included.
    fn nodes(&self, count: usize) {
        let _ = count;
    }
    /// The bus was connected again after a loss.
    fn reconnected(&self) {}
    /// So many connections to the bus were lost, or could not be made.
    fn connections_failed(&self, count: u64) {
        let _ = count;
    }
    /// What the node wants to be subscribed to has changed.
    fn subscriptions(&self, counts: SubscriptionCounts) {
        let _ = counts;
    }
    /// A join was answered before its subscription was confirmed.
    fn unconfirmed_join(&self) {}
}

/// Observes nothing.
impl Observer for () {}
