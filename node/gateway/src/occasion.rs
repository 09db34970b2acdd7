//! What handlers are called on: an event, or one of the three turns in a gateway's life.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::{
    DisconnectReason, EmitError, Exception, Raw, Server, Socket,
    acknowledge::OpenAck,
    body,
    platform::{AckId, AckPayload, Incoming},
    state::States,
};

/// What a handler is called on. Every occasion knows the server and the gateway's shared state.
pub trait Occasion: sealed::Sealed {
    /// The server, at the gateway's namespace.
    fn server(&self) -> Server;

    /// The shared state of type `T`, if the gateway was given one.
    fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<T>;
}

pub use crate::server_side::FromServer;

/// An occasion that concerns one socket.
#[diagnostic::on_unimplemented(
    message = "there is no socket on this occasion",
    label = "no socket when a gateway starts",
    note = "`on_init` runs before anyone is connected: take `Server` instead"
)]
pub trait OfSocket: Occasion {
    /// The socket.
    fn socket(&self) -> &Socket;
}

/// A client emitted an event. Clones are cheap and stand for the same event.
#[derive(Debug, Clone)]
pub struct Event(Arc<Arrived>);

#[derive(Debug)]
struct Arrived {
    socket: Socket,
    states: Arc<States>,
    incoming: Incoming,
    ack: Option<OpenAck>,
}

/// A socket connected.
#[derive(Debug, Clone)]
pub struct Connect {
    pub(crate) socket: Socket,
    pub(crate) states: Arc<States>,
}

/// A socket is gone.
#[derive(Debug)]
pub struct Disconnect {
    pub(crate) socket: Socket,
    pub(crate) states: Arc<States>,
    pub(crate) reason: DisconnectReason,
}

/// The gateway starts to be served.
#[derive(Debug)]
pub struct Init {
    pub(crate) server: Server,
    pub(crate) states: Arc<States>,
}

impl Event {
    pub(crate) fn new(
        socket: Socket,
        states: Arc<States>,
        incoming: Incoming,
        ack: Option<AckId>,
    ) -> Self {
        Self(Arc::new(Arrived {
            socket,
            states,
            incoming,
            ack: ack.map(OpenAck::new),
        }))
    }

    /// The event's name.
    pub fn name(&self) -> &str {
        self.0.incoming.event()
    }

    /// The body as it came; none if the event has no arguments.
    pub fn body(&self) -> Option<&Raw> {
        self.0.incoming.body()
    }

    /// Whether the client waits for an ack, or takes an answer in place of one.
    pub fn wants_ack(&self) -> bool {
        self.0.ack.is_some() || self.0.socket.port().answers_with_events()
    }

    /// Answers the ack that the client asked for, if it did and nothing has answered it yet; where clients have no acks,
    /// with an event.
    ///
    /// # Errors
    ///
    /// [`EmitError::Closed`] if the client is gone, [`EmitError::Full`] if it reads too slowly.
    pub(crate) fn answer(&self, payload: AckPayload) -> Result<(), EmitError> {
        let port = self.0.socket.port();
        match self.0.ack.as_ref().and_then(OpenAck::take) {
            Some(id) => port.ack(id, payload),
            None if port.answers_with_events() => port.emit(payload.into_event(self.name())?),
            None => Ok(()),
        }
    }

    /// The field `name` of the body, read from null where there is none.
    ///
    /// # Errors
    ///
    /// An exception that names the field, and what was expected of it.
    pub fn field<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, Exception> {
        match self.body() {
            Some(body) => body::parse_field(body, name),
            None => body::parse_field(&Raw::null(), name),
        }
    }
}

impl Disconnect {
    /// Why it is gone.
    pub fn reason(&self) -> DisconnectReason {
        self.reason
    }
}

macro_rules! occasions_of_sockets {
    ($($occasion:ty),+) => {$(
        impl Occasion for $occasion {
            fn server(&self) -> Server {
                self.socket.server()
            }

            fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
                self.states.find()
            }
        }

        impl OfSocket for $occasion {
            fn socket(&self) -> &Socket {
                &self.socket
            }
        }
    )+};
}

occasions_of_sockets!(Connect, Disconnect);

impl Occasion for Event {
    fn server(&self) -> Server {
        self.0.socket.server()
    }

    fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.states.find()
    }
}

impl OfSocket for Event {
    fn socket(&self) -> &Socket {
        &self.0.socket
    }
}

impl Occasion for Init {
    fn server(&self) -> Server {
        self.server.clone()
    }

    fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.states.find()
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Event {}
    impl Sealed for super::Connect {}
    impl Sealed for super::Disconnect {}
    impl Sealed for super::Init {}
}
