//! One client's seat in one namespace: what the gateway sees of it.

use std::{
    fmt::Display,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use roomcast_adapter::{Emission, Namespace, Profile, Recipient, SendError};
use roomcast_gateway::{
    DisconnectReason, Gateway, Refusal, Server, Socket,
    platform::{
        AckId, AckPayload, Admission, EmitError, Handshake, Joining, Outgoing, SocketPort,
        SocketValues, Streaming,
    },
};
use socketioxide_core::{Sid, packet::Packet};
use tokio_util::task::TaskTracker;

use super::{Adapter, Bound};
use crate::{
    connection::{FENCE, Fence, Session, of_packet},
    metrics::NamespaceMetrics,
    platform::{
        expiry, handshake,
        intake::Intake,
        job::{self, Job},
        membership, profile,
        public_id::PublicId,
        queue::Queue,
        streams::Streams,
        user,
    },
};

/// The form of an emission that goes past the engine: WebSocket frames.
const FRAMES: usize = 0;

/// The types of the packets that grant and refuse a seat (Socket.IO protocol 5).
const CONNECT: u8 = 0;
const REFUSAL: u8 = 4;

/// A socket, bound to its gateway.
pub(super) struct Seat {
    /// For tasks that hold it.
    own: Weak<Self>,
    /// Not owned: the engine's socket owns the handlers that own this.
    socket: Weak<socketioxide::socket::Socket<Adapter>>,
    sid: Sid,
    id: PublicId,
    bound: Arc<Bound>,
    namespace: Namespace,
    session: Arc<Session>,
    auth: Option<Box<serde_json::Value>>,
    time: SystemTime,
    handshake: OnceLock<Box<Handshake>>,
    queue: Queue<Job>,
    stage: Mutex<Stage>,
    values: SocketValues,
    streams: Streams,
    /// Counts among the namespaces of its session.
    place: Place,
    is_one_too_many: bool,
}

/// A place among the namespaces of a session, given back once.
struct Place {
    session: Arc<Session>,
    is_left: AtomicBool,
}

impl Place {
    fn leave(&self) {
        if !self.is_left.swap(true, Ordering::Relaxed) {
            self.session.leave_namespace();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Where a socket is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It waits for its CONNECT answer.
    New,
    Seated,
    Left,
}

impl Seat {
    pub(super) fn new(
        socket: &Arc<socketioxide::socket::Socket<Adapter>>,
        bound: Arc<Bound>,
        namespace: Namespace,
        auth: Option<serde_json::Value>,
    ) -> Arc<Self> {
        let known = socket.req_parts().extensions.get::<Arc<Session>>();
        let session = bound.sessions.resolve(socket.id, known);
        let id = PublicId::random();
        let name = bound.gateway.namespace();
        let granted = format!(r#"{{"sid":"{}"}}"#, id.as_str());
        session.seat(name, bound.encoding.answer(CONNECT, name, &granted));
        let place = Place {
            session: session.clone(),
            is_left: AtomicBool::new(false),
        };
        let is_one_too_many = session.enter_namespace() > bound.in_force.namespaces();
        Arc::new_cyclic(|own| Self {
            own: own.clone(),
            socket: Arc::downgrade(socket),
            sid: socket.id,
            id,
            bound,
            namespace,
            session,
            auth: auth.map(Box::new),
            time: SystemTime::now(),
            handshake: OnceLock::new(),
            queue: Queue::held(),
            stage: Mutex::new(Stage::New),
            values: SocketValues::default(),
            streams: Streams::default(),
            place,
            is_one_too_many,
        })
    }

    /// Whether the client was in as many namespaces as it may be when it asked for this one.
    pub(super) fn is_one_too_many(&self) -> bool {
        self.is_one_too_many
    }

    /// Asks the gateway whether the client gets the seat; nothing if everyone does.
    pub(super) fn admission(self: &Arc<Self>) -> Option<Admission> {
        self.bound.gateway.admission(Socket::new(self.clone()))
    }

    /// Takes the gateway's answer.
    ///
    /// # Errors
    ///
    /// What the client's `connect_error` says.
    pub(super) fn admitted(
        self: &Arc<Self>,
        answer: Result<(), Refusal>,
    ) -> Result<(), Box<dyn Display + Send>> {
        let Err(refusal) = answer else { return Ok(()) };
        self.place.leave();
        let socket = Socket::new(self.clone());
        job::log_refusal(&self.bound.metrics, &socket, &refusal);
        self.bound.arriving().remove(&self.sid);
        let mut refused = serde_json::json!({ "message": refusal.message() });
        if let Some(data) = refusal.data() {
            refused["data"] = data.clone();
        }
        let answer = self
            .bound
            .encoding
            .answer(REFUSAL, self.namespace(), &refused.to_string());
        self.session.refused(self.namespace(), answer);
        Err(Box::new(refusal.message().to_owned()))
    }

    /// Waits until other nodes' messages to the room of the client's user arrive, if it has one: its CONNECT answer is the only
    /// word it gets of being in there.
    pub(super) async fn expected(self: &Arc<Self>) {
        let Some(room) = user::room(&Socket::new(self.clone())) else {
            return;
        };
        let (hold, confirmed) = self.namespace.hold(&room);
        confirmed.await;
        if let Some(arriving) = self.bound.arriving().get_mut(&self.sid) {
            arriving.hold = Some(hold);
        }
    }

    /// Takes the seat: its own room and that of its user, and then the gateway's hook. Events that have come meanwhile follow.
    ///
    /// Does nothing if the client has gone already.
    pub(super) fn take(self: &Arc<Self>) {
        {
            let mut stage = self.stage();
            if *stage != Stage::New {
                return;
            }
            *stage = Stage::Seated;
            self.bound.metrics.connected();
            self.session.taken(self.namespace(), self);
            // Nothing waits for its confirmation: CONNECT is out already.
            let seat = self.clone();
            drop(self.namespace.connected_with(self.sid, self.id(), seat));
            if let Some(room) = user::room(&Socket::new(self.clone())) {
                // Confirmed by the hold on it.
                drop(self.namespace.join(self.sid, vec![room]));
            }
        }
        self.queue.start(self, Job::Connected);
        expiry::watch(&Socket::new(self.clone()), &self.streams, &self.bound.tasks);
    }

    /// Leaves all rooms at once, and then tells the gateway, behind the events that came before. Once only.
    pub(super) fn leave(self: &Arc<Self>, reason: DisconnectReason) {
        let reason = self.reason(reason);
        // While the request can still be looked at: hooks and late handlers ask for it.
        self.handshake();
        self.bound.arriving().remove(&self.sid);
        self.place.leave();
        {
            let mut stage = self.stage();
            self.session.unseat(self.namespace());
            if std::mem::replace(&mut *stage, Stage::Left) != Stage::Seated {
                return;
            }
            self.namespace.disconnected(self.sid);
            self.bound.metrics.disconnected(reason.as_str());
        }
        self.streams.end();
        self.queue
            .submit(self, Job::Disconnected(reason), |job| job);
    }

    /// The engine sees a lost transport also where this node lets its clients go.
    fn reason(&self, seen: DisconnectReason) -> DisconnectReason {
        match seen {
            DisconnectReason::TransportClose | DisconnectReason::TransportError
                if self.session.is_sent_away() =>
            {
                DisconnectReason::ServerShuttingDown
            }
            seen => seen,
        }
    }

    /// Whether the socket is gone. The engine gives its id to the client's next socket in the namespace, which what is
    /// left of this one must not touch.
    fn is_gone(&self) -> bool {
        *self.stage() == Stage::Left
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        // A single value: nothing can be half done after a panic.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, packet: Packet) -> Result<(), EmitError> {
        if self.is_gone() {
            return Err(EmitError::Closed);
        }
        self.deliver(&self.namespace.emission(packet));
        Ok(())
    }

    /// Sends through the engine's channel. A client for which too much waits is out, or it would miss something.
    fn send_by_channel(&self, packet: Packet) -> bool {
        let sent = self.namespace.send(self.sid, packet);
        if sent == Err(SendError::Full) {
            self.bound.too_slow(self.sid, &self.session);
        }
        sent.is_ok()
    }
}

impl Recipient for Seat {
    fn deliver(&self, emission: &Emission<'_>) {
        self.session.send(
            self.namespace(),
            || emission.form(FRAMES, |emission| of_packet(emission.value())),
            || {
                self.send_by_channel(emission.packet().clone());
            },
        );
    }

    fn disconnect(&self, close: bool) {
        SocketPort::disconnect(self, close);
    }

    fn socket_id(&self) -> &str {
        self.id()
    }

    fn detoured(&self) {
        if !self.is_gone() {
            self.session.detoured(self);
        }
    }

    fn profile(&self) -> Profile {
        profile::of(self)
    }
}

impl Fence for Seat {
    fn send_fence(&self) -> bool {
        let nothing = self.bound.encoding.nothing();
        self.send_by_channel(Packet::ack(self.namespace().to_owned(), nothing, FENCE))
    }
}

impl Intake for Seat {
    fn gateway(&self) -> &Gateway {
        &self.bound.gateway
    }

    fn metrics(&self) -> &Arc<NamespaceMetrics> {
        &self.bound.metrics
    }

    fn session(&self) -> &Arc<Session> {
        &self.session
    }

    fn jobs(&self) -> &Queue<Job> {
        &self.queue
    }

    fn tracker(&self) -> &TaskTracker {
        &self.bound.tasks
    }

    /// After it is told that it is out, a stock client does not come back by itself. It keeps its seat until its connection is closed: the engine would close one at once over which events
    /// come for a seat that is no more, and the client would not know why.
    fn flooded(&self) {
        let goodbye = Packet::disconnect(self.namespace().to_owned());
        // A client that is gone, or does not read, is not told.
        let _ = self.send(goodbye);
        self.bound.close_soon(self.sid, &self.session);
    }
}

impl SocketPort for Seat {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn namespace(&self) -> &str {
        self.bound.gateway.namespace()
    }

    fn handshake(&self) -> &Handshake {
        self.handshake.get_or_init(|| {
            let socket = self.socket.upgrade();
            let parts = socket.as_ref().map(|socket| socket.req_parts());
            let mut handshake = parts.map_or_else(
                || Handshake::new("", self.time),
                |parts| of_request(parts, self.time),
            );
            if let Some(auth) = &self.auth {
                handshake = handshake.with_auth((**auth).clone());
            }
            Box::new(handshake)
        })
    }

    fn values(&self) -> &SocketValues {
        &self.values
    }

    fn stream(&self, replies: Streaming) -> bool {
        let Some(seat) = self.own.upgrade() else {
            return true;
        };
        let (metrics, session) = (self.bound.metrics.clone(), self.session.clone());
        let driven = job::replied(replies, metrics, session, Socket::new(seat));
        self.streams
            .begin(&self.bound.tasks, || self.is_gone(), driven)
    }

    fn emit(&self, event: Outgoing) -> Result<(), EmitError> {
        self.bound.metrics.sent(event.event());
        let (text, attachments) = event.into_parts();
        let value = self.bound.encoding.value(text, attachments)?;
        self.send(Packet::event(self.namespace().to_owned(), value))
    }

    fn ack(&self, id: AckId, payload: AckPayload) -> Result<(), EmitError> {
        let (text, attachments) = payload.into_parts();
        let value = self.bound.encoding.value(text, attachments)?;
        self.send(Packet::ack(self.namespace().to_owned(), value, id.0))
    }

    fn join(&self, rooms: Vec<String>) -> Joining {
        if self.is_gone() {
            return Box::pin(std::future::ready(Ok(())));
        }
        membership::join(
            &self.namespace,
            self.sid,
            rooms,
            self.bound.in_force.rooms(),
        )
    }

    fn leave(&self, rooms: &[String]) {
        if !self.is_gone() {
            self.namespace.leave(self.sid, rooms);
        }
    }

    fn rooms(&self) -> Vec<String> {
        if self.is_gone() {
            return Vec::new();
        }
        self.namespace.rooms(self.sid)
    }

    fn disconnect(&self, close: bool) {
        if close {
            if !self.is_gone() {
                self.bound.close(self.sid, &self.session);
            }
            return;
        }
        if let Some(socket) = self.socket.upgrade()
            && !self.is_gone()
            && socket.disconnect().is_err()
        {
            // It does not read, so it cannot be told; it is out with its connection.
            self.session.close();
        }
    }

    fn server(&self) -> Server {
        self.bound.server.clone()
    }
}

/// What the engine's request says.
fn of_request(parts: &http::request::Parts, time: SystemTime) -> Handshake {
    let query = parts.uri.query().unwrap_or_default();
    let is_websocket = query.split('&').any(|pair| pair == "transport=websocket");
    handshake::of_request(parts, time, is_websocket)
}
