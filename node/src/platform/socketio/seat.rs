//! One client's seat in one namespace: what the gateway sees of it.

use std::{
    fmt::Display,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Instant, SystemTime},
};

use roomcast_adapter::{Emission, Namespace, Recipient, SendError};
use roomcast_gateway::{
    DisconnectReason, Refusal, Server, Socket,
    platform::{
        AckId, AckPayload, Admission, EmitError, Handshake, Incoming, Joined, Outcome, Outgoing,
        SocketPort, SocketValues, Streaming,
    },
};
use socketioxide_core::{Sid, packet::Packet};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Adapter, Bound, published,
    queue::{Queue, Work, Worker},
};
use crate::auth::Expiry;
use crate::connection::{FENCE, Fence, Peer, Session, Waiting, of_packet};
use crate::platform::public_id::PublicId;

/// What an event without a readable name is counted as: none of those that are registered.
const UNREADABLE: &str = "";

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
    /// Streams of replies under way; made for the first of them.
    streams: OnceLock<Box<Streams>>,
}

/// What ends with a socket's seat.
#[derive(Default)]
struct Streams {
    end: CancellationToken,
    count: AtomicUsize,
}

/// How many streams of replies one socket may have under way; a client that asks for more is told an exception.
const STREAMS: usize = 1000;

/// Where a socket is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It waits for its CONNECT answer.
    New,
    Seated,
    Left,
}

/// What a seat does, in order.
pub(super) enum Job {
    Connected,
    Event(Incoming, Option<AckId>, Option<Waiting>),
    Disconnected(DisconnectReason),
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
        let namespace_name = bound.gateway.namespace();
        let granted = serde_json::json!({ "sid": id.as_str() });
        let answer = bound.encoding.answer(CONNECT, namespace_name, &granted);
        session.seat(namespace_name, answer);
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
            streams: OnceLock::new(),
        })
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
        &self,
        answer: Result<(), Refusal>,
    ) -> Result<(), Box<dyn Display + Send>> {
        let Err(refusal) = answer else { return Ok(()) };
        if let Some(error) = refusal.failure() {
            self.log("an admission", &Outcome::Failed(error.to_owned()));
        }
        self.bound.arriving().remove(&self.sid);
        let mut refused = serde_json::json!({ "message": refusal.message() });
        if let Some(data) = refusal.data() {
            refused["data"] = data.clone();
        }
        let answer = self
            .bound
            .encoding
            .answer(REFUSAL, self.namespace(), &refused);
        self.session.refused(self.namespace(), answer);
        Err(Box::new(refusal.message().to_owned()))
    }

    /// Takes the seat: its own room, and then the gateway's hook. Events that have come meanwhile follow.
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
        }
        self.queue.start(self, Job::Connected);
        if let Some(expiry) = Socket::new(self.clone()).data::<Expiry>() {
            self.expire(expiry);
        }
    }

    /// Disconnects the socket when its token expires, unless it has gone by then.
    fn expire(self: &Arc<Self>, expiry: Expiry) {
        let seat = self.clone();
        let end = self.streams.get_or_init(Box::default).end.clone();
        self.bound.tasks.spawn(async move {
            let expired = tokio::time::sleep(expiry.left());
            if end.run_until_cancelled(expired).await.is_some() {
                if let Ok(exception) = Outgoing::new("exception", &told("token expired")) {
                    // A client that does not read is disconnected all the same.
                    let _ = seat.emit(exception);
                }
                SocketPort::disconnect(&*seat);
            }
        });
    }

    /// Handles an event, now or behind those that came before it.
    pub(super) fn event(self: &Arc<Self>, event: Incoming, ack: Option<AckId>, bytes: usize) {
        // What is handled beside others counts as waiting until it has ended.
        let beside = self.bound.gateway.is_concurrent(event.event());
        let waiting = beside.then(|| self.session.event_waits(bytes));
        let job = Job::Event(event, ack, waiting);
        self.queue.submit(self, job, |job| match job {
            Job::Event(event, ack, None) => {
                Job::Event(event, ack, Some(self.session.event_waits(bytes)))
            }
            other => other,
        });
    }

    /// Answers an event that cannot be read.
    pub(super) fn refuse(&self) {
        self.bound.metrics.received(UNREADABLE);
        if let Ok(exception) = Outgoing::new("exception", &told("Invalid message")) {
            // A client that is gone, or does not read, is not told.
            let _ = self.emit(exception);
        }
    }

    /// Leaves all rooms at once, and then tells the gateway, behind the events that came before. Once only.
    pub(super) fn leave(self: &Arc<Self>, reason: DisconnectReason) {
        // While the request can still be looked at: hooks and late handlers ask for it.
        self.handshake();
        self.bound.arriving().remove(&self.sid);
        {
            let mut stage = self.stage();
            self.session.unseat(self.namespace());
            if std::mem::replace(&mut *stage, Stage::Left) != Stage::Seated {
                return;
            }
            self.namespace.disconnected(self.sid);
            self.bound.metrics.disconnected(reason.as_str());
        }
        if let Some(streams) = self.streams.get() {
            streams.end.cancel();
        }
        self.queue
            .submit(self, Job::Disconnected(reason), |job| job);
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

    fn log(&self, what: &str, outcome: &Outcome) {
        if let Outcome::Failed(error) = outcome {
            tracing::error!(
                namespace = self.namespace(),
                event = what,
                error,
                "a handler failed"
            );
        }
        self.bound.metrics.ended(outcome);
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

    fn disconnect(&self) {
        SocketPort::disconnect(self);
    }
}

impl Fence for Seat {
    fn send_fence(&self) -> bool {
        let nothing = self.bound.encoding.nothing();
        self.send_by_channel(Packet::ack(self.namespace().to_owned(), nothing, FENCE))
    }
}

impl Worker<Job> for Seat {
    fn queue(&self) -> &Queue<Job> {
        &self.queue
    }

    fn tasks(&self) -> &TaskTracker {
        &self.bound.tasks
    }

    fn is_concurrent(&self, job: &Job) -> bool {
        match job {
            Job::Event(event, ..) => self.bound.gateway.is_concurrent(event.event()),
            Job::Connected | Job::Disconnected(_) => false,
        }
    }

    fn begin(self: &Arc<Self>, job: Job) -> Work {
        let seat = self.clone();
        let socket = Socket::new(self.clone());
        match job {
            Job::Connected => {
                let hook = self.bound.gateway.connected(socket);
                Box::pin(async move { seat.log("on_connection", &hook.await) })
            }
            Job::Event(event, ack, waiting) => {
                // In its turn it waits no more, so the connection may read on.
                let beside = self.bound.gateway.is_concurrent(event.event());
                let waiting = waiting.filter(|_| beside);
                let start = Instant::now();
                let name = event.event().to_owned();
                let duration = self.bound.metrics.received(&name);
                let handled = self.bound.gateway.dispatch(socket, event, ack);
                Box::pin(async move {
                    let outcome = published::told(handled, || seat.session.publishes()).await;
                    duration.observe(start.elapsed().as_secs_f64());
                    seat.log(&name, &outcome);
                    drop(waiting);
                })
            }
            Job::Disconnected(reason) => {
                let hook = self.bound.gateway.disconnected(socket, reason);
                Box::pin(async move { seat.log("on_disconnect", &hook.await) })
            }
        }
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
        let streams = self.streams.get_or_init(Box::default);
        if streams.count.fetch_add(1, Ordering::Relaxed) >= STREAMS {
            streams.count.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        if self.is_gone() {
            // It left before it could end this one.
            streams.end.cancel();
        }
        let Some(seat) = self.own.upgrade() else {
            return true;
        };
        self.bound.tasks.spawn(async move {
            let Some(streams) = seat.streams.get() else {
                return;
            };
            let replied = published::told(replies, || seat.session.publishes());
            if let Some(outcome) = streams.end.run_until_cancelled(replied).await {
                seat.log("a stream of replies", &outcome);
            }
            streams.count.fetch_sub(1, Ordering::Relaxed);
        });
        true
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

    fn join(&self, rooms: Vec<String>) -> Joined {
        if self.is_gone() {
            return Box::pin(std::future::ready(()));
        }
        self.namespace.join(self.sid, rooms)
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

    fn disconnect(&self) {
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

/// An exception that no event has caused.
fn told(message: &str) -> serde_json::Value {
    serde_json::json!({ "status": "error", "message": message })
}

fn of_request(parts: &http::request::Parts, time: SystemTime) -> Handshake {
    let mut handshake = Handshake::new(parts.uri.to_string(), time);
    for (name, value) in &parts.headers {
        handshake = handshake.with_header(name.as_str(), String::from_utf8_lossy(value.as_bytes()));
    }
    let query = parts.uri.query().unwrap_or_default();
    if query.split('&').any(|pair| pair == "transport=websocket") {
        // The connection does not keep what all of them have sent.
        handshake = handshake
            .with_header("connection", "Upgrade")
            .with_header("upgrade", "websocket");
    }
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        handshake = handshake.with_query(name, value);
    }
    if let Some(Peer(address)) = parts.extensions.get() {
        handshake = handshake.with_address(*address);
    }
    handshake
}
