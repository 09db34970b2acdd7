//! All sockets of all nodes: to emit to, to select, to ask about.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use serde::Serialize;

use crate::{
    Answers, EmitError, Gathered, Raw, RemoteSocket,
    platform::{Joined, Outgoing, Selection, ServerPort},
};

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

    /// All sockets of all nodes; see [`Broadcast::fetch_sockets`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn fetch_sockets(&self) -> Result<Gathered<Vec<RemoteSocket>>, EmitError> {
        self.everyone().fetch_sockets().await
    }

    /// Has all sockets of all nodes join a room; see [`Broadcast::sockets_join`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn sockets_join(&self, room: impl Into<String>) -> Result<Joined, EmitError> {
        self.everyone().sockets_join(room)
    }

    /// Has all sockets of all nodes leave a room.
    ///
    /// # Errors
    ///
    /// As [`Broadcast::sockets_leave`].
    pub fn sockets_leave(&self, room: impl Into<String>) -> Result<(), EmitError> {
        self.everyone().sockets_leave(room)
    }

    /// Disconnects all sockets of all nodes; see [`Broadcast::disconnect_sockets`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn disconnect_sockets(&self, close: bool) -> Result<(), EmitError> {
        self.everyone().disconnect_sockets(close)
    }

    /// All rooms that have a member on any node, those of the sockets' own ids included.
    ///
    /// # Errors
    ///
    /// As [`Broadcast::fetch_sockets`].
    pub async fn rooms(&self) -> Result<Gathered<BTreeSet<String>>, EmitError> {
        Ok(self.port.rooms(&self.namespace)?.await)
    }

    /// Sends an event to the applications of all other servers, for whom
    /// [`Gateway::on_server_side`](crate::Gateway::on_server_side), or Node's `io.on`, takes it.
    ///
    /// # Errors
    ///
    /// As [`Broadcast::emit`].
    pub fn server_side_emit<T: Serialize + ?Sized>(
        &self,
        event: &str,
        data: &T,
    ) -> Result<(), EmitError> {
        let event = Outgoing::new(event, data)?;
        self.port.server_side_emit(&self.namespace, event)
    }

    /// The same, and gathers what the applications answer: null for an empty answer. It waits no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// As [`Broadcast::emit`].
    pub async fn server_side_emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        data: &T,
        timeout: Duration,
    ) -> Result<Gathered<Vec<Raw>>, EmitError> {
        let event = Outgoing::new(event, data)?;
        let asked = self.port.server_side_ask(&self.namespace, event, timeout)?;
        Ok(asked.await)
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

    /// Sends an event to the selected sockets of all nodes, and gathers their acks.
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

    /// Has the selected sockets of all nodes join a room: those of this node at once, the others in the order of the calls, so
    /// that what is emitted to the room afterwards reaches them, too.
    ///
    /// The future resolves as that of [`Socket::join`](crate::Socket::join) does.
    ///
    /// # Errors
    ///
    /// [`EmitError::UnknownNamespace`], or [`EmitError::Closed`] while the node shuts down.
    pub fn sockets_join(self, room: impl Into<String>) -> Result<Joined, EmitError> {
        let Server { port, namespace } = &self.server;
        port.sockets_join(namespace, &self.selection, vec![room.into()])
    }

    /// Has the selected sockets of all nodes leave a room.
    ///
    /// # Errors
    ///
    /// As [`sockets_join`](Self::sockets_join).
    pub fn sockets_leave(self, room: impl Into<String>) -> Result<(), EmitError> {
        let Server { port, namespace } = &self.server;
        port.sockets_leave(namespace, &self.selection, vec![room.into()])
    }

    /// Disconnects the selected sockets of all nodes from the namespace; with `close`, their connections are closed and all
    /// that they carry is disconnected. Stock clients do not come back by themselves.
    ///
    /// # Errors
    ///
    /// As [`sockets_join`](Self::sockets_join).
    pub fn disconnect_sockets(self, close: bool) -> Result<(), EmitError> {
        let Server { port, namespace } = &self.server;
        port.disconnect_sockets(namespace, &self.selection, close)
    }

    /// The selected sockets of all nodes.
    ///
    /// ```no_run
    /// # use roomcast_gateway::{EmitError, Server};
    /// # async fn example(server: Server) -> Result<(), EmitError> {
    /// let found = server.to("red").fetch_sockets().await?;
    /// for socket in &found.value {
    ///     println!("{} is in {:?}", socket.id, socket.rooms);
    /// }
    /// if !found.missing.is_nobody() {
    ///     println!("some nodes have not answered: {:?}", found.missing);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`sockets_join`](Self::sockets_join). A node that does not answer is no error.
    pub async fn fetch_sockets(self) -> Result<Gathered<Vec<RemoteSocket>>, EmitError> {
        let Server { port, namespace } = &self.server;
        Ok(port.fetch_sockets(namespace, &self.selection)?.await)
    }

    /// How many sockets of all nodes are selected.
    ///
    /// # Errors
    ///
    /// As [`fetch_sockets`](Self::fetch_sockets).
    pub async fn count(self) -> Result<Gathered<usize>, EmitError> {
        let Server { port, namespace } = &self.server;
        Ok(port.count(namespace, &self.selection)?.await)
    }

    pub(crate) fn without_sender(mut self, id: &str) -> Self {
        self.selection.sender = Some(id.to_owned());
        self
    }
}
