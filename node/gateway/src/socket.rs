//! What handlers act on: the socket they serve, and all the others.

use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;

use crate::{
    Answers, EmitError, Handshake,
    platform::{Joined, Outgoing, Selection, ServerPort, SocketPort},
};

/// One client's seat in a namespace.
///
/// Clones are cheap and stand for the same socket. It can be kept after the client is gone; emitting is an
/// error then, and the rest does nothing.
#[derive(Clone)]
pub struct Socket(Arc<dyn SocketPort>);

impl Socket {
    /// The socket behind `port`. For platforms.
    pub fn new(port: Arc<dyn SocketPort>) -> Self {
        Self(port)
    }

    /// The id that the client sees as `socket.id`.
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// The namespace that it is connected to.
    pub fn namespace(&self) -> &str {
        self.0.namespace()
    }

    /// How it connected.
    pub fn handshake(&self) -> &Handshake {
        self.0.handshake()
    }

    /// Sends an event to this client alone.
    ///
    /// # Errors
    ///
    /// [`EmitError::Closed`] if the client is gone, [`EmitError::Full`] if it reads too slowly, and those of
    /// [`Outgoing::new`].
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, data: &T) -> Result<(), EmitError> {
        self.0.emit(Outgoing::new(event, data)?)
    }

    /// Joins a room, at once on this node.
    ///
    /// The future resolves when what other nodes emit to the room will arrive too, or once the platform has
    /// waited long enough for that. A handler that awaits it before its ack goes out promises the client that
    /// nothing is missed from then on.
    #[must_use = "await it, so that an ack says that nothing will be missed"]
    pub fn join(&self, room: impl Into<String>) -> Joined {
        self.0.join(vec![room.into()])
    }

    /// Leaves a room, if it is in it.
    pub fn leave(&self, room: impl Into<String>) {
        self.0.leave(&[room.into()]);
    }

    /// The rooms that it is in, that of its own id included.
    pub fn rooms(&self) -> Vec<String> {
        self.0.rooms()
    }

    /// Keeps a value with this socket, in place of the one of its type, for as long as the socket is there.
    pub fn set_data<T: Clone + Send + 'static>(&self, value: T) {
        self.0.values().set(value);
    }

    /// A clone of the value of type `T` that is kept with this socket; see [`SocketData`](crate::SocketData).
    pub fn data<T: Clone + Send + 'static>(&self) -> Option<T> {
        self.0.values().find()
    }

    /// Disconnects it from this namespace.
    pub fn disconnect(&self) {
        self.0.disconnect();
    }

    /// Everyone in the namespace but this socket.
    pub fn broadcast(&self) -> Broadcast {
        let mut broadcast = self.server().everyone();
        broadcast.selection.sender = Some(self.id().to_owned());
        broadcast
    }

    /// Everyone in `room` but this socket.
    pub fn to(&self, room: impl Into<String>) -> Broadcast {
        self.broadcast().to(room)
    }

    /// Everyone but this socket and those in `room`.
    pub fn except(&self, room: impl Into<String>) -> Broadcast {
        self.broadcast().except(room)
    }

    /// The server that it is connected to, at its namespace.
    pub fn server(&self) -> Server {
        self.0.server()
    }

    pub(crate) fn port(&self) -> &dyn SocketPort {
        &*self.0
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.id())
            .field("namespace", &self.namespace())
            .finish()
    }
}

/// All sockets of a namespace, on all nodes.
#[derive(Clone)]
pub struct Server {
    port: Arc<dyn ServerPort>,
    namespace: Arc<str>,
}

impl Server {
    /// The server behind `port`, at `namespace`. For platforms.
    pub fn new(port: Arc<dyn ServerPort>, namespace: impl Into<Arc<str>>) -> Self {
        Self {
            port,
            namespace: namespace.into(),
        }
    }

    /// The id of the node that this runs on.
    pub fn node_id(&self) -> &str {
        self.port.node_id()
    }

    /// The namespace that it emits to.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The same server at another namespace.
    #[must_use]
    pub fn of(&self, namespace: impl Into<Arc<str>>) -> Self {
        Self::new(Arc::clone(&self.port), namespace)
    }

    /// Sends an event to everyone in the namespace.
    ///
    /// # Errors
    ///
    /// As [`Broadcast::emit`].
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, data: &T) -> Result<(), EmitError> {
        self.everyone().emit(event, data)
    }

    /// Everyone in `room`.
    pub fn to(&self, room: impl Into<String>) -> Broadcast {
        self.everyone().to(room)
    }

    /// The one socket with this id.
    pub fn socket(&self, id: impl Into<String>) -> Broadcast {
        // Each socket is in the room of its id, and no other can join that.
        self.to(id)
    }

    /// Everyone who is not in `room`.
    pub fn except(&self, room: impl Into<String>) -> Broadcast {
        self.everyone().except(room)
    }

    /// Everyone on this node.
    pub fn local(&self) -> Broadcast {
        self.everyone().local()
    }

    /// Everyone who can take an event right now.
    pub fn volatile(&self) -> Broadcast {
        self.everyone().volatile()
    }

    /// Everyone in the namespace.
    pub fn everyone(&self) -> Broadcast {
        Broadcast {
            server: self.clone(),
            selection: Selection::default(),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("node", &self.node_id())
            .field("namespace", &self.namespace)
            .finish()
    }
}

/// A selection of sockets, to emit to.
///
/// ```no_run
/// # use roomcast_gateway::{EmitError, Server};
/// # fn example(server: Server) -> Result<(), EmitError> {
/// server.to("red").to("blue").except("muted").emit("news", &["one", "two"])?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing happens before something is done with it"]
pub struct Broadcast {
    server: Server,
    selection: Selection,
}

impl Broadcast {
    /// Adds those in `room`. A socket that is in several of the rooms gets the event once.
    pub fn to(mut self, room: impl Into<String>) -> Self {
        self.selection.rooms.push(room.into());
        self
    }

    /// Leaves out those in `room`.
    pub fn except(mut self, room: impl Into<String>) -> Self {
        self.selection.except.push(room.into());
        self
    }

    /// Only those on this node.
    pub fn local(mut self) -> Self {
        self.selection.local = true;
        self
    }

    /// Those that cannot take it right now may miss it.
    pub fn volatile(mut self) -> Self {
        self.selection.volatile = true;
        self
    }

    /// Sends an event to the selected sockets, encoded once for all of them.
    ///
    /// Returns once it has been handed on, not once it has arrived.
    ///
    /// # Errors
    ///
    /// [`EmitError::UnknownNamespace`] if nothing serves the namespace here, [`EmitError::Closed`] if the node
    /// is shutting down, and those of [`Outgoing::new`].
    pub fn emit<T: Serialize + ?Sized>(self, event: &str, data: &T) -> Result<(), EmitError> {
        let event = Outgoing::new(event, data)?;
        self.server
            .port
            .broadcast(&self.server.namespace, &self.selection, event)
    }

    /// Sends an event to the selected sockets of this node, and gathers their acks.
    ///
    /// Resolves when all have answered, or `timeout` is over: then with those that have. Raw WebSockets are left out, since
    /// they have no way to answer.
    ///
    /// ```no_run
    /// # use roomcast_gateway::{Exception, Server};
    /// # async fn example(server: Server) -> Result<(), Exception> {
    /// use std::time::Duration;
    ///
    /// let answers = server.to("red").emit_with_ack("ready?", &(), Duration::from_secs(5)).await?;
    /// let ready = answers.values::<bool>()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`emit`](Self::emit).
    pub async fn emit_with_ack<T: Serialize + ?Sized>(
        self,
        event: &str,
        data: &T,
        timeout: Duration,
    ) -> Result<Answers, EmitError> {
        let event = Outgoing::new(event, data)?;
        let Server { port, namespace } = &self.server;
        let asked = port.ask(namespace, &self.selection, event, timeout)?;
        Ok(asked.await)
    }

    /// Has the selected sockets of this node join a room; see [`Socket::join`].
    #[must_use = "await it, so that nothing is missed from then on"]
    pub fn join(self, room: impl Into<String>) -> Joined {
        let Server { port, namespace } = &self.server;
        port.join(namespace, &self.selection, vec![room.into()])
    }

    /// Has the selected sockets of this node leave a room.
    pub fn leave(self, room: impl Into<String>) {
        let Server { port, namespace } = &self.server;
        port.leave(namespace, &self.selection, &[room.into()]);
    }

    /// Disconnects the selected sockets of this node from the namespace.
    pub fn disconnect(self) {
        let Server { port, namespace } = &self.server;
        port.disconnect(namespace, &self.selection);
    }

    /// How many sockets of this node are selected.
    pub async fn count(self) -> usize {
        let Server { port, namespace } = &self.server;
        port.count(namespace, &self.selection).await
    }
}
