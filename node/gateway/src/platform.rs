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

use std::{pin::Pin, time::Duration};

pub(crate) use self::event::is_reserved;
pub use self::{
    event::{AckId, AckPayload, Incoming, MalformedEvent, Outgoing},
    handshake::Handshake,
    outcome::{DisconnectReason, EmitError, Outcome},
};
pub use crate::attachments::inline;
use crate::{Answers, Server};
pub use crate::{
    admission::Admission,
    run::{Dispatch, Hook, Streaming},
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
    /// that has taken too long.
    fn join(&self, rooms: Vec<String>) -> Joined;

    /// Leaves at once. Rooms that it is not in are ignored.
    fn leave(&self, rooms: &[String]);

    /// The rooms that it is in, that of its own id included.
    fn rooms(&self) -> Vec<String>;

    /// Disconnects it from its namespace. The connection and its other sockets stay.
    fn disconnect(&self);

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

    /// Has the selected sockets join `rooms`, at once on this node.
    fn join(&self, namespace: &str, selection: &Selection, rooms: Vec<String>) -> Joined;

    /// Has the selected sockets leave `rooms`.
    fn leave(&self, namespace: &str, selection: &Selection, rooms: &[String]);

    /// Disconnects the selected sockets from the namespace.
    fn disconnect(&self, namespace: &str, selection: &Selection);

    /// Counts the selected sockets.
    fn count(&self, namespace: &str, selection: &Selection) -> Pending<usize>;
}

/// Resolves once the cluster has answered.
pub type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Resolves once a join holds in the whole cluster.
pub type Joined = Pending<()>;

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
