//! The socket that a handler serves.

use std::{fmt, sync::Arc};

use serde::Serialize;

use crate::{
    Broadcast, EmitError, Handshake, Server,
    platform::{Joining, Outgoing, SocketPort},
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
    ///
    /// The error is a [`JoinError`](crate::platform::JoinError), which becomes an exception that tells the client why.
    pub fn join(&self, room: impl Into<String>) -> Joining {
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

    /// Lets all servers of the cluster see a value under `name` when they [fetch](crate::Broadcast::fetch_sockets) this
    /// socket, in place of what was there; those of Node.js find it as `socket.data[name]`.
    ///
    /// # Errors
    ///
    /// [`EmitError::Encode`] for a value that has no form in JSON.
    pub fn share<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<(), EmitError> {
        let value = serde_json::to_value(value).map_err(EmitError::Encode)?;
        self.0.values().share(name, value);
        Ok(())
    }

    /// Disconnects it from this namespace.
    pub fn disconnect(&self) {
        self.0.disconnect(false);
    }

    /// Disconnects it from this namespace and all others, and closes its connection. Stock clients do not come back by
    /// themselves.
    pub fn close(&self) {
        self.0.disconnect(true);
    }

    /// Everyone in the namespace but this socket.
    pub fn broadcast(&self) -> Broadcast {
        self.server().everyone().without_sender(self.id())
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
