//! The handle to one namespace: for servers whose joins, leaves and disconnects go through the adapter, and for whoever
//! asks about the sockets of all nodes.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use socketioxide_core::{Sid, Value, adapter::BroadcastOptions, packet::Packet};

use crate::{
    adapter::Reach,
    error::{BroadcastError, SendError},
    gather::Missing,
    recipient::{Emission, Recipient},
    remote::RemoteSocket,
    wire::DecodeError,
};

/// A join that was made here; resolves once messages from other nodes reach the room, too.
///
/// It waits at most [`Config::join_timeout`](crate::Config::join_timeout), and not at all while the bus is away.
/// Dropping it takes nothing back.
pub type Joining = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A room that this node hears, whoever is in it. Ends when it is dropped.
#[must_use = "it ends when it is dropped"]
pub struct Hold {
    namespace: Arc<dyn LocalNamespace>,
    room: String,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.namespace.release(&self.room);
    }
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hold").field(&self.room).finish()
    }
}

/// An event that is answered by acks; resolves once all have come, or time is up.
pub type Asking = Pin<Box<dyn Future<Output = Asked> + Send>>;

/// A broadcast that can fail no more. Called, it is sent; dropped, it never is.
pub type Prepared = Box<dyn FnOnce() + Send>;

/// A question to all nodes. It resolves once everyone has answered or is gone, at the latest after
/// [`Config::request_timeout`](crate::Config::request_timeout), with what was answered by then.
pub type Gathering<T> = Pin<Box<dyn Future<Output = Gathered<T>> + Send>>;

/// What the nodes answered to a question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gathered<T> {
    /// The answers of all that have answered, this node first.
    pub value: T,
    /// Who has not.
    pub missing: Missing,
}

/// What clients answered to an event.
#[derive(Debug, Default)]
pub struct Asked {
    /// The arrays of values, as the namespace's parser reads them, in the order in which they came. Of clients of other
    /// nodes, the first value only.
    pub answers: Vec<Value>,
    /// How many of the sockets did not answer in time.
    pub silent: usize,
    /// Which servers did not say how many sockets they asked.
    pub missing: Missing,
}

/// An application that servers send events to: Node's `io.on(event, listener)` for `serverSideEmit`.
pub trait ServerSide: Send + Sync + 'static {
    /// Takes an event of another server: the list of its name and arguments, as JSON. What the future resolves to is the
    /// answer, as JSON, if one is wanted; `None` is an empty one.
    ///
    /// The future is dropped when nobody waits for it any more.
    fn handle(
        &self,
        event: String,
        wants_answer: bool,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + Send>>;
}

/// Writes packets as the clients of a namespace read them.
pub(crate) trait Encode {
    fn encode(&self, packet: Packet) -> Value;
}

/// What a cluster needs of the adapter of one namespace, whatever server it belongs to.
pub(crate) trait LocalNamespace: Send + Sync + 'static {
    fn uid(&self) -> &str;
    fn connected(&self, socket: Sid, id: &str, reach: Reach) -> Joining;
    fn disconnected(&self, socket: Sid);
    fn join(&self, socket: Sid, rooms: Vec<String>) -> Joining;
    fn leave(&self, socket: Sid, rooms: &[String]);
    fn hold(&self, room: &str) -> Joining;
    fn release(&self, room: &str);
    fn rooms(&self, socket: Sid) -> Vec<String>;
    fn rooms_with(&self, socket: Sid, more: &[String]) -> usize;
    fn is_connected(&self, socket: Sid) -> bool;
    fn send(&self, socket: Sid, packet: Packet) -> Result<(), SendError>;
    fn emission(&self, packet: Packet) -> Emission<'_>;
    fn broadcast(&self, packet: Packet, options: BroadcastOptions) -> Result<(), BroadcastError>;
    fn prepare(
        self: Arc<Self>,
        packet: Packet,
        options: BroadcastOptions,
    ) -> Result<Prepared, BroadcastError>;
    fn ask(
        &self,
        packet: Packet,
        options: BroadcastOptions,
        timeout: Duration,
    ) -> Result<Asking, BroadcastError>;
    fn sockets_join(
        &self,
        options: BroadcastOptions,
        rooms: Vec<String>,
    ) -> Result<Joining, BroadcastError>;
    fn sockets_leave(
        &self,
        options: BroadcastOptions,
        rooms: Vec<String>,
    ) -> Result<(), BroadcastError>;
    fn disconnect_sockets(
        &self,
        options: BroadcastOptions,
        close: bool,
    ) -> Result<(), BroadcastError>;
    fn fetch_sockets(
        self: Arc<Self>,
        options: BroadcastOptions,
    ) -> Result<Gathering<Vec<RemoteSocket>>, BroadcastError>;
    fn fetch_page(
        self: Arc<Self>,
        options: BroadcastOptions,
        after: Option<String>,
        limit: usize,
    ) -> Result<Gathering<Vec<RemoteSocket>>, BroadcastError>;
    fn count(
        self: Arc<Self>,
        options: BroadcastOptions,
    ) -> Result<Gathering<usize>, BroadcastError>;
    fn room_sizes(self: Arc<Self>) -> Gathering<BTreeMap<String, usize>>;
    fn all_rooms(self: Arc<Self>) -> Gathering<BTreeSet<String>>;
    fn server_side_emit(&self, event: String) -> Result<(), BroadcastError>;
    fn server_side_ask(
        self: Arc<Self>,
        event: String,
        timeout: Duration,
    ) -> Result<Gathering<Vec<Option<String>>>, BroadcastError>;
    fn on_server_side(&self, application: Arc<dyn ServerSide>);
    /// Takes a broadcast of another node.
    fn apply(self: Arc<Self>, room: Option<&str>, payload: &Bytes) -> Result<(), DecodeError>;
    /// Takes a request of another node.
    fn requested(self: Arc<Self>, payload: &Bytes) -> Result<(), DecodeError>;
}

/// One namespace, of this node and of all others.
///
/// Needed where a node subscribes per room ([`Subscribe::PerRoom`](crate::Subscribe::PerRoom)): the adapter learns of
/// every room that gets its first local member or loses its last. `socket.join(..)` of the server bypasses it.
///
/// # Selections
///
/// [`BroadcastOptions`] select sockets: those in any of `rooms`, or all with the flag `Broadcast`, but none in one of
/// `except`; with the flag `Local`, those of this node only.
///
/// # Questions
///
/// What asks other nodes never fails for want of an answer: it returns what it has, and [who is missing](Missing).
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

    /// Has messages of other nodes to `room` arrive as if a socket were in it: for one that is about to connect, and joins it
    /// then. They do when the future resolves, and as long as the hold is kept.
    pub fn hold(&self, room: &str) -> (Hold, Joining) {
        let joining = self.0.hold(room);
        let hold = Hold {
            namespace: self.0.clone(),
            room: room.to_owned(),
        };
        (hold, joining)
    }

    /// The rooms of a socket of this node, in no order.
    pub fn rooms(&self, socket: Sid) -> Vec<String> {
        self.0.rooms(socket)
    }

    /// How many rooms a socket of this node would be in if it joined these as well.
    pub fn rooms_with(&self, socket: Sid, more: &[String]) -> usize {
        self.0.rooms_with(socket, more)
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

    /// Does all of a [`broadcast`](Self::broadcast) that can fail. What it returns does the rest, once it is called.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    pub fn prepare(
        &self,
        packet: Packet,
        options: BroadcastOptions,
    ) -> Result<Prepared, BroadcastError> {
        self.0.clone().prepare(packet, options)
    }

    /// Sends an event to the selected sockets of all nodes, as [`broadcast`](Self::broadcast) does, and gathers their acks
    /// for as long as `timeout`. Those that are reached by a [`Recipient`] alone, and not by the server, are left out.
    ///
    /// It is sent at once. Dropping the future lets the answers go.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    pub fn ask(
        &self,
        packet: Packet,
        options: BroadcastOptions,
        timeout: Duration,
    ) -> Result<Asking, BroadcastError> {
        self.0.ask(packet, options, timeout)
    }

    /// Has the selected sockets of all nodes join `rooms`: those of this node at once, the others once their nodes hear of
    /// it. What is broadcast to the rooms afterwards reaches all of them.
    ///
    /// The future resolves when messages of other nodes reach those of this node.
    ///
    /// # Errors
    ///
    /// [`BroadcastError::Encode`] if there are too many rooms for one message; then nobody has joined any.
    pub fn sockets_join(
        &self,
        options: BroadcastOptions,
        rooms: Vec<String>,
    ) -> Result<Joining, BroadcastError> {
        self.0.sockets_join(options, rooms)
    }

    /// Has the selected sockets of all nodes leave `rooms`.
    ///
    /// # Errors
    ///
    /// As [`sockets_join`](Self::sockets_join).
    pub fn sockets_leave(
        &self,
        options: BroadcastOptions,
        rooms: Vec<String>,
    ) -> Result<(), BroadcastError> {
        self.0.sockets_leave(options, rooms)
    }

    /// Disconnects the selected sockets of all nodes from the namespace; with `close`, their connections are closed, too,
    /// where sockets have a [`Recipient`].
    ///
    /// # Errors
    ///
    /// As [`sockets_join`](Self::sockets_join).
    pub fn disconnect_sockets(
        &self,
        options: BroadcastOptions,
        close: bool,
    ) -> Result<(), BroadcastError> {
        self.0.disconnect_sockets(options, close)
    }

    /// The selected sockets of all nodes.
    ///
    /// # Errors
    ///
    /// [`BroadcastError::Encode`] if there are too many rooms for one message.
    pub fn fetch_sockets(
        &self,
        options: BroadcastOptions,
    ) -> Result<Gathering<Vec<RemoteSocket>>, BroadcastError> {
        self.0.clone().fetch_sockets(options)
    }

    /// Up to `limit` of the selected sockets of all nodes, in the order of their ids: those whose ids come after `after`, or
    /// the first. Nodes of this crate tell of no more than are wanted, those of Node.js list all.
    ///
    /// # Errors
    ///
    /// As [`fetch_sockets`](Self::fetch_sockets).
    pub fn fetch_page(
        &self,
        options: BroadcastOptions,
        after: Option<String>,
        limit: usize,
    ) -> Result<Gathering<Vec<RemoteSocket>>, BroadcastError> {
        self.0.clone().fetch_page(options, after, limit)
    }

    /// How many sockets of all nodes are selected. Nodes of this crate count, those of Node.js list them.
    ///
    /// # Errors
    ///
    /// As [`fetch_sockets`](Self::fetch_sockets).
    pub fn count(&self, options: BroadcastOptions) -> Result<Gathering<usize>, BroadcastError> {
        self.0.clone().count(options)
    }

    /// All rooms that have a member on any node, those of the sockets' own ids included.
    pub fn all_rooms(&self) -> Gathering<BTreeSet<String>> {
        self.0.clone().all_rooms()
    }

    /// The rooms of all nodes and how many sockets each has, those of the sockets' own ids left out. Nodes of this crate
    /// tell of their rooms, those of Node.js of their sockets.
    pub fn room_sizes(&self) -> Gathering<BTreeMap<String, usize>> {
        self.0.clone().room_sizes()
    }

    /// Sends an event, the list of its name and arguments as JSON, to the applications of the other servers.
    ///
    /// # Errors
    ///
    /// [`BroadcastError`] if it is no event, or one that servers keep for themselves.
    pub fn server_side_emit(&self, event: impl Into<String>) -> Result<(), BroadcastError> {
        self.0.server_side_emit(event.into())
    }

    /// The same, and gathers what the applications answer, as JSON; `None` for an empty answer.
    ///
    /// # Errors
    ///
    /// As [`server_side_emit`](Self::server_side_emit).
    pub fn server_side_ask(
        &self,
        event: impl Into<String>,
        timeout: Duration,
    ) -> Result<Gathering<Vec<Option<String>>>, BroadcastError> {
        self.0.clone().server_side_ask(event.into(), timeout)
    }

    /// Hands events of other servers to `application` from now on. Without one, who asks gets an empty answer.
    pub fn on_server_side(&self, application: Arc<dyn ServerSide>) {
        self.0.on_server_side(application);
    }
}
