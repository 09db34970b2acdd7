//! The handle to one namespace: for servers whose joins, leaves and disconnects go through the adapter.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use socketioxide_core::{Sid, Value, adapter::BroadcastOptions, packet::Packet};

use crate::{
    adapter::Reach,
    error::{BroadcastError, SendError},
    recipient::{Emission, Recipient},
};

/// A join that was made here; resolves once messages from other nodes reach the room, too.
///
/// It waits at most [`Config::join_timeout`](crate::Config::join_timeout), and not at all while the bus is away.
/// Dropping it takes nothing back.
pub type Joining = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An event that is answered by acks; resolves once all have come, or time is up.
pub type Asking = Pin<Box<dyn Future<Output = Asked> + Send>>;

/// What clients answered to an event.
#[derive(Debug, Default)]
pub struct Asked {
    /// The arrays of values, as the namespace's parser reads them, in the order in which they came.
    pub answers: Vec<Value>,
    /// How many of the sockets did not answer in time.
    pub missing: usize,
}

/// Writes packets as the clients of a namespace read them.
pub(crate) trait Encode {
    fn encode(&self, packet: Packet) -> Value;
}

/// What a cluster needs of the adapter of one namespace, whatever server it belongs to.
pub(crate) trait LocalNamespace: Send + Sync + 'static {
    fn connected(&self, socket: Sid, id: &str, reach: Reach) -> Joining;
    fn disconnected(&self, socket: Sid);
    fn join(&self, socket: Sid, rooms: Vec<String>) -> Joining;
    fn leave(&self, socket: Sid, rooms: &[String]);
    fn rooms(&self, socket: Sid) -> Vec<String>;
    fn recipients(&self, options: &BroadcastOptions) -> Vec<(Sid, Arc<dyn Recipient>)>;
    fn ask(&self, packet: Packet, options: BroadcastOptions, timeout: Duration) -> Asking;
    fn is_connected(&self, socket: Sid) -> bool;
    fn send(&self, socket: Sid, packet: Packet) -> Result<(), SendError>;
    fn emission(&self, packet: Packet) -> Emission<'_>;
    fn broadcast(&self, packet: Packet, options: BroadcastOptions) -> Result<(), BroadcastError>;
    fn apply(&self, room: Option<&str>, payload: &Bytes);
}

/// One namespace of this node.
///
/// Needed where a node subscribes per room ([`Subscribe::PerRoom`](crate::Subscribe::PerRoom)): the adapter learns of
/// every room that gets its first local member or loses its last. `socket.join(..)` of the server bypasses it.
#[derive(Clone)]
pub struct Namespace(Arc<dyn LocalNamespace>);

impl Namespace {
    pub(crate) fn new(namespace: Arc<dyn LocalNamespace>) -> Self {
        Self(namespace)
    }

    /// A socket has connected. It joins the room named `id`, its own, by which it is reached alone or left out.
    ///
    /// It is reached by the server's channel for its connection.
    pub fn connected(&self, socket: Sid, id: &str) -> Joining {
        self.0.connected(socket, id, Reach::Channel)
    }

    /// As [`connected`](Self::connected), for a socket that takes by itself what it is sent.
    ///
    /// Where a node subscribes by pattern the server's own index is asked, and the recipient is not.
    pub fn connected_with(&self, socket: Sid, id: &str, recipient: Arc<dyn Recipient>) -> Joining {
        self.0.connected(socket, id, Reach::Recipient(recipient))
    }

    /// A socket is gone, and out of all its rooms. Further calls for it do nothing.
    pub fn disconnected(&self, socket: Sid) {
        self.0.disconnected(socket);
    }

    /// Puts a connected socket into `rooms`: here at once, for the messages of other nodes when the future resolves.
    pub fn join(&self, socket: Sid, rooms: Vec<String>) -> Joining {
        self.0.join(socket, rooms)
    }

    /// Takes a socket out of `rooms`.
    pub fn leave(&self, socket: Sid, rooms: &[String]) {
        self.0.leave(socket, rooms);
    }

    /// The rooms of a socket, in no order.
    pub fn rooms(&self, socket: Sid) -> Vec<String> {
        self.0.rooms(socket)
    }

    /// The selected sockets of this node that were [connected with](Self::connected_with) something of their own.
    pub fn recipients(&self, options: &BroadcastOptions) -> Vec<(Sid, Arc<dyn Recipient>)> {
        self.0.recipients(options)
    }

    /// Sends an event to the selected sockets of this node through the server's channel, and gathers their acks.
    ///
    /// It is sent at once. Dropping the future lets the answers go.
    pub fn ask(&self, packet: Packet, options: BroadcastOptions, timeout: Duration) -> Asking {
        self.0.ask(packet, options, timeout)
    }

    /// Whether the server still has this socket.
    pub fn is_connected(&self, socket: Sid) -> bool {
        self.0.is_connected(socket)
    }

    /// Sends a packet, an event or an ack, through the server's channel for one socket of this node.
    ///
    /// # Errors
    ///
    /// [`SendError`]; a socket that has just gone may also be no error.
    pub fn send(&self, socket: Sid, packet: Packet) -> Result<(), SendError> {
        self.0.send(socket, packet)
    }

    /// A packet to hand to one [`Recipient`] alone.
    pub fn emission(&self, packet: Packet) -> Emission<'_> {
        self.0.emission(packet)
    }

    /// Delivers an event to the selected sockets of this node, and queues it for the others.
    ///
    /// # Errors
    ///
    /// [`BroadcastError::Encode`] if other nodes could not read the event; then nobody has received it.
    pub fn broadcast(
        &self,
        packet: Packet,
        options: BroadcastOptions,
    ) -> Result<(), BroadcastError> {
        self.0.broadcast(packet, options)
    }
}
