//! socketioxide's handler traits, implemented so that they are called in the task that reads the connection.
//!
//! Its own handlers for closures spawn a task per event: events overtake each other, and nothing holds a client back.

use std::{
    fmt::Display,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
};

use roomcast_gateway::{
    DisconnectReason, Refusal,
    platform::{AckId, Incoming},
};
use socketioxide::{
    handler::{ConnectHandler, DisconnectHandler, MessageHandler},
    socket::{DisconnectReason as EngineReason, Socket},
};
use socketioxide_core::Value;

use super::{Adapter, Arriving, Bound, payload, seat::Seat};
use crate::platform::intake::Intake as _;

/// What a client's `connect_error` says that is in as many namespaces as it may be.
const TOO_MANY: &str = "too many namespaces";

/// Marks the implementations below, as the traits ask for.
pub(super) struct Inline;

/// A client has connected to a namespace.
#[derive(Clone)]
pub(super) struct OnConnect(pub(super) Arc<Bound>);

impl ConnectHandler<Adapter, Inline> for OnConnect {
    /// Before the CONNECT answer leaves: the client's first event may come right behind it, or its end, and without a
    /// handler either would be lost.
    fn call_middleware<'a>(
        &'a self,
        socket: Arc<Socket<Adapter>>,
        auth: &'a Option<Value>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Box<dyn Display + Send>>> + Send + 'a>> {
        if let Some(namespace) = self.0.namespace.get() {
            let auth = auth.as_ref().and_then(auth_object);
            let seat = Seat::new(&socket, self.0.clone(), namespace.clone(), auth);
            socket.on_fallback(OnEvent(seat.clone()));
            socket.on_disconnect(OnDisconnect(seat.clone()));
            let arriving = Arriving::of(&seat);
            self.0.arriving().insert(socket.id, arriving);
            if seat.is_one_too_many() {
                return Box::pin(ready(seat.admitted(Err(Refusal::new(TOO_MANY)))));
            }
            if let Some(admission) = seat.admission() {
                return Box::pin(async move {
                    seat.admitted(admission.await)?;
                    seat.expected().await;
                    Ok(())
                });
            }
        }
        Box::pin(ready(Ok(())))
    }

    fn call(&self, socket: Arc<Socket<Adapter>>, _auth: Option<Value>) {
        let arriving = self.0.arriving().remove(&socket.id);
        // It is gone where the client has gone meanwhile.
        let seat = arriving
            .as_ref()
            .and_then(|arriving| arriving.seat.upgrade());
        if let Some(seat) = seat {
            seat.take();
        }
    }
}

/// A client has sent an event.
struct OnEvent(Arc<Seat>);

impl MessageHandler<Adapter, Inline> for OnEvent {
    fn call(&self, _socket: Arc<Socket<Adapter>>, value: Value, ack: Option<i64>) {
        let bytes = payload::size(&value);
        let parsed = payload::text(value)
            .and_then(|(text, attachments)| Incoming::parse(text, attachments, ack.is_some()).ok());
        match parsed {
            Some(event) => self.0.event(event, ack.map(AckId), bytes),
            None => self.0.refuse(),
        }
    }
}

/// A client has left a namespace, or is gone.
struct OnDisconnect(Arc<Seat>);

impl DisconnectHandler<Adapter, Inline> for OnDisconnect {
    fn call_with_defer(
        &self,
        socket: Arc<Socket<Adapter>>,
        reason: EngineReason,
        remove: fn(Arc<Socket<Adapter>>),
    ) {
        self.0.leave(words(reason));
        // At once, and not after the gateway's hook: a hook that waits, or panics, keeps nobody in a room.
        remove(socket);
    }
}

/// The reasons as Socket.IO's servers name them.
fn words(reason: EngineReason) -> DisconnectReason {
    match reason {
        EngineReason::TransportClose => DisconnectReason::TransportClose,
        EngineReason::TransportError | EngineReason::MultipleHttpPollingError => {
            DisconnectReason::TransportError
        }
        EngineReason::PacketParsingError => DisconnectReason::ParseError,
        EngineReason::HeartbeatTimeout => DisconnectReason::PingTimeout,
        EngineReason::ClientNSDisconnect => DisconnectReason::ClientNamespaceDisconnect,
        EngineReason::ServerNSDisconnect => DisconnectReason::ServerNamespaceDisconnect,
        EngineReason::ClosingServer => DisconnectReason::ServerShuttingDown,
    }
}

fn auth_object(value: &Value) -> Option<serde_json::Value> {
    match value {
        Value::Str(text, _) => serde_json::from_str(text).ok(),
        Value::Bytes(bytes) => {
            let (text, _) = roomcast_adapter::wire::msgpack_to_json(bytes).ok()?;
            serde_json::from_str(&text).ok()
        }
    }
}
