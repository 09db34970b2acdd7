//! For authors of platforms: what carries gateways.
//!
//! A platform has sockets and finds out what happens to them; a [`Gateway`](crate::Gateway) knows what to do
//! about it. A platform
//!
//! 1. implements [`SocketPort`] and [`ServerPort`] for what it has,
//! 2. calls [`init`](crate::Gateway::init) once; for each client that asks for a seat
//!    [`admission`](crate::Gateway::admission), whose refusal is the answer; and then [`connected`](crate::Gateway::connected) and
//!    [`disconnected`](crate::Gateway::disconnected) once per socket, in that order,
//! 3. parses what arrives with [`Incoming::parse`] and hands it to [`dispatch`](crate::Gateway::dispatch),
//!    and what other servers send to this one's application to [`server_side`](crate::Gateway::server_side),
//! 4. drives each future that these return to its end before it dispatches the same socket's next event,
//!    and counts its [`Outcome`]; for an [event that is concurrent](crate::Gateway::is_concurrent) polling it once is
//!    enough, and the rest goes on beside.
//!
//! The futures send replies and exceptions themselves, through the socket's port. They never panic, whatever
//! handlers do. They are `'static`, start nothing before they are polled, and can be dropped at any time.
//!
//! Ports are called from handlers, so none of their methods may block.

mod event;
mod handshake;
mod outcome;

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    time::Duration,
};

pub(crate) use self::event::is_reserved;
pub use self::{
    event::{AckId, AckPayload, Incoming, MalformedEvent, Outgoing},
    handshake::Handshake,
    outcome::{DisconnectReason, EmitError, Outcome},
};
pub use crate::attachments::inline;
use crate::{Answers, Gathered, Raw, RemoteSocket, Server};
pub use crate::{
    admission::Admission,
    run::{Dispatch, Hook, Streaming},
    server_side::Answering,
    socket_data::SocketValues,
};

/// One socket, as its platform sees it. Implemented by platforms, used through [`Socket`](crate::Socket).
pub trait SocketPort: Send + Sync + 'static {
    /// The id that the client sees.
    fn id(&self) -> &str;

    /// The namespace that it is connected to, `/` first.
    fn namespace(&self) -> &str;

    /// How it connected.
    fn handshake(&self) -> &Handshake;

    /// What handlers keep with it.
    fn values(&self) -> &SocketValues;

    /// Sends an event to this socket alone.
    ///
    /// # Errors
    ///
    /// [`EmitError::Closed`] or [`EmitError::Full`].
    fn emit(&self, event: Outgoing) -> Result<(), EmitError>;

    /// Answers the event that carried `id`. Called at most once per id.
    ///
    /// # Errors
    ///
    /// [`EmitError::Closed`] or [`EmitError::Full`].
    fn ack(&self, id: AckId, payload: AckPayload) -> Result<(), EmitError>;

    /// True where clients have no acks: what a handler returns as one is [emitted](Self::emit) under the name of the
    /// event that it answers, each item of a stream by itself.
    fn answers_with_events(&self) -> bool {
        false
    }

    /// Drives a stream of replies to its end, beside the socket's other events, and counts its [`Outcome`]. Drops it
    /// when the socket is gone. False if the socket has too many under way: the client is told, then.
    fn stream(&self, replies: Streaming) -> bool;

    /// Joins at once on this node; the future resolves when other nodes' messages will arrive too, or once
    /// that has taken too long. All of them or, where that is refused, none.
    fn join(&self, rooms: Vec<String>) -> Joining;

    /// Leaves at once. Rooms that it is not in are ignored.
    fn leave(&self, rooms: &[String]);

    /// The rooms that it is in, that of its own id included.
    fn rooms(&self) -> Vec<String>;

    /// Disconnects it from its namespace. The connection and its other sockets stay, unless it is to `close`.
    fn disconnect(&self, close: bool);

    /// The server that it is connected to, at its namespace.
    fn server(&self) -> Server;
}

/// All sockets of all nodes. Implemented by platforms, used through [`Server`].
pub trait ServerPort: Send + Sync + 'static {
    /// This node's id, unique in the cluster.
    fn node_id(&self) -> &str;

    /// Sends an event to the selected sockets of `namespace`, on all nodes unless the selection is local.
    ///
    /// # Errors
    ///
    /// [`EmitError::UnknownNamespace`], or [`EmitError::Closed`] while the node shuts down.
    fn broadcast(
        &self,
        namespace: &str,
        selection: &Selection,
        event: Outgoing,
    ) -> Result<(), EmitError>;

    /// Does all of a [`broadcast`](Self::broadcast) that can fail. What it returns does the rest, once it is called.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    fn prepare(
        &self,
        namespace: &str,
        selection: &Selection,
        event: Outgoing,
    ) -> Result<Prepared, EmitError>;

    /// Sends an event to the selected sockets at once, and gathers their acks until all have come or `timeout` is over.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    fn ask(
        &self,
        namespace: &str,
        selection: &Selection,
        event: Outgoing,
        timeout: Duration,
    ) -> Result<Pending<Answers>, EmitError>;

    /// Has the selected sockets join `rooms`, at once on this node; the future resolves when other nodes' messages to them
    /// arrive there, too.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    fn sockets_join(
        &self,
        namespace: &str,
        selection: &Selection,
        rooms: Vec<String>,
    ) -> Result<Joined, EmitError>;

    /// Has the selected sockets leave `rooms`.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    fn sockets_leave(
        &self,
        namespace: &str,
        selection: &Selection,
        rooms: Vec<String>,
    ) -> Result<(), EmitError>;

    /// Disconnects the selected sockets from the namespace; with `close`, their connections are closed, too.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    fn disconnect_sockets(
        &self,
        namespace: &str,
        selection: &Selection,
        close: bool,
    ) -> Result<(), EmitError>;

    /// Asks for the selected sockets.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    fn fetch_sockets(
        &self,
        namespace: &str,
        selection: &Selection,
    ) -> Result<Pending<Gathered<Vec<RemoteSocket>>>, EmitError>;

    /// Asks for up to `limit` of the selected sockets, in the order of their ids: those behind `after`, or the first.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    fn fetch_page(
        &self,
        namespace: &str,
        selection: &Selection,
        after: Option<String>,
        limit: usize,
    ) -> Result<Pending<Gathered<Vec<RemoteSocket>>>, EmitError>;

    /// Counts the selected sockets.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    fn count(
        &self,
        namespace: &str,
        selection: &Selection,
    ) -> Result<Pending<Gathered<usize>>, EmitError>;

    /// Asks for the rooms that have members.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    fn rooms(&self, namespace: &str) -> Result<Pending<Gathered<BTreeSet<String>>>, EmitError>;

    /// Asks how many sockets each room has; the rooms of the sockets' own ids are left out.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    fn room_sizes(
        &self,
        namespace: &str,
    ) -> Result<Pending<Gathered<BTreeMap<String, usize>>>, EmitError>;

    /// Sends an event to the applications of the other servers.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    fn server_side_emit(&self, namespace: &str, event: Outgoing) -> Result<(), EmitError>;

    /// The same, and gathers what they answer until all have or `timeout` is over.
    ///
    /// # Errors
    ///
    /// As [`broadcast`](Self::broadcast).
    fn server_side_ask(
        &self,
        namespace: &str,
        event: Outgoing,
        timeout: Duration,
    ) -> Result<Pending<Gathered<Vec<Raw>>>, EmitError>;
}

/// A broadcast that can fail no more. Called, it is sent; dropped, it never is.
pub type Prepared = Box<dyn FnOnce() + Send>;

/// Resolves once the cluster has answered.
pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Resolves once a join holds in the whole cluster.
pub type Joined = Pending<()>;

/// Resolves once a socket's own join holds in the whole cluster, or at once where it is refused.
pub type Joining = Pending<Result<(), JoinError>>;

/// Why a socket does not join a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// It is in as many as it may be.
    #[error("too many rooms: a socket may be in {0}")]
    TooMany(usize),
}

/// Which sockets of a namespace an event goes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Those in any of these rooms, each socket once; everyone if empty.
    pub rooms: Vec<String>,
    /// But none that is in any of these.
    pub except: Vec<String>,
    /// Those that cannot take it right now may miss it.
    pub volatile: bool,
    /// Only those on this node.
    pub local: bool,
    /// The id of a socket that is left out.
    pub sender: Option<String>,
}
