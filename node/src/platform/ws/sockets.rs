//! The socket of one raw WebSocket, as its gateway and the cluster see it.

use std::sync::{
    Arc, OnceLock, Weak,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use roomcast_adapter::{Emission, Profile, Recipient};
use roomcast_gateway::{
    DisconnectReason, Gateway, Server, Socket,
    platform::{
        AckId, AckPayload, EmitError, Handshake, Joining, Outgoing, SocketPort, SocketValues,
        Streaming,
    },
};
use socketioxide_core::Sid;
use tokio_util::task::TaskTracker;

use super::{codec, ending::Ending};
use crate::{
    connection::{PING, Session},
    metrics::NamespaceMetrics,
    platform::{
        Served, expiry,
        intake::Intake,
        job::{self, Job},
        membership, profile,
        public_id::PublicId,
        queue::Queue,
        streams::Streams,
        user,
    },
};

/// The form of an emission that raw WebSockets share; the one before it is Socket.IO's.
const FORM: usize = 1;

/// A socket, bound to its gateway.
pub(super) struct Seat {
    /// For tasks that hold it.
    own: Weak<Self>,
    /// By which the room index knows it.
    sid: Sid,
    /// By which everybody else does.
    id: PublicId,
    served: Arc<Served>,
    session: Arc<Session>,
    handshake: Handshake,
    tasks: TaskTracker,
    queue: Queue<Job>,
    values: SocketValues,
    streams: Streams,
    is_gone: AtomicBool,
    /// How it is to end, where that is not for the node's own end.
    ending: OnceLock<Ending>,
}

impl Seat {
    pub(super) fn new(
        sid: Sid,
        served: Arc<Served>,
        session: Arc<Session>,
        handshake: Handshake,
        tasks: TaskTracker,
    ) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            own: own.clone(),
            sid,
            id: PublicId::random(),
            served,
            session,
            handshake,
            tasks,
            queue: Queue::held(),
            values: SocketValues::default(),
            streams: Streams::default(),
            is_gone: AtomicBool::new(false),
            ending: OnceLock::new(),
        })
    }

    /// Asks the gateway whether the client gets the seat; how its connection ends if not.
    pub(super) async fn admitted(self: &Arc<Self>) -> Result<(), Ending> {
        let socket = Socket::new(self.clone());
        let Some(admission) = self.served.gateway.admission(socket.clone()) else {
            return Ok(());
        };
        admission.await.map_err(|refusal| {
            job::log_refusal(&self.served.metrics, &socket, &refusal);
            Ending::refused(refusal.message())
        })
    }

    /// Takes the seat: its own room and that of its user, and then the gateway's hook.
    pub(super) async fn take(self: &Arc<Self>) {
        self.served.metrics.connected();
        let namespace = &self.served.namespace;
        // Nothing waits for its confirmation: the client has its connection already.
        drop(namespace.connected_with(self.sid, self.id.as_str(), self.clone()));
        if let Some(room) = user::room(&Socket::new(self.clone())) {
            namespace.join(self.sid, vec![room]).await;
        }
        self.queue.start(self, Job::Connected);
        expiry::watch(&Socket::new(self.clone()), &self.streams, &self.tasks);
    }

    /// Handles a message, now or behind those that came before it.
    pub(super) fn receive(self: &Arc<Self>, text: &str) {
        let Some(event) = codec::read(text) else {
            return self.refuse();
        };
        self.event(event, None, text.len());
    }

    pub(super) fn ping(&self) {
        static FRAME: Bytes = Bytes::from_static(PING);
        self.send(|| &FRAME);
    }

    /// Leaves all rooms at once, and then tells the gateway, behind the events that came before.
    pub(super) fn leave(self: &Arc<Self>, reason: DisconnectReason) {
        if self.is_gone.swap(true, Ordering::AcqRel) {
            return;
        }
        self.served.namespace.disconnected(self.sid);
        self.served.metrics.disconnected(reason.as_str());
        self.streams.end();
        self.queue
            .submit(self, Job::Disconnected(reason), |job| job);
    }

    /// Whether this node ends the connection.
    pub(super) fn is_closing(&self) -> bool {
        self.session.is_closing()
    }

    /// How it does.
    pub(super) fn ending(&self) -> Ending {
        self.ending.get().cloned().unwrap_or(Ending::RESTART)
    }

    /// Whether the client is not read from, since too many of its events wait.
    pub(super) fn is_paused(&self) -> bool {
        self.session.is_behind()
    }

    fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    fn send<'a>(&self, frame: impl FnOnce() -> &'a Bytes) {
        // These sessions have no other way than the direct one.
        self.session.send(self.namespace(), frame, || {});
    }
}

impl Recipient for Seat {
    fn deliver(&self, emission: &Emission<'_>) {
        self.send(|| emission.form(FORM, |emission| codec::of_packet(emission.packet())));
    }

    fn disconnect(&self, close: bool) {
        SocketPort::disconnect(self, close);
    }

    fn socket_id(&self) -> &str {
        self.id()
    }

    fn profile(&self) -> Profile {
        profile::of(self)
    }
}

impl Intake for Seat {
    fn gateway(&self) -> &Gateway {
        &self.served.gateway
    }

    fn metrics(&self) -> &Arc<NamespaceMetrics> {
        &self.served.metrics
    }

    fn session(&self) -> &Arc<Session> {
        &self.session
    }

    fn jobs(&self) -> &Queue<Job> {
        &self.queue
    }

    fn tracker(&self) -> &TaskTracker {
        &self.tasks
    }

    fn flooded(&self) {
        // Set once: who closes it first says why.
        let _ = self.ending.set(Ending::RATE_LIMITED);
        self.session.close();
    }
}

impl SocketPort for Seat {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn namespace(&self) -> &str {
        self.served.gateway.namespace()
    }

    fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    fn values(&self) -> &SocketValues {
        &self.values
    }

    fn emit(&self, event: Outgoing) -> Result<(), EmitError> {
        if self.is_gone() {
            return Err(EmitError::Closed);
        }
        self.served.metrics.sent(event.event());
        let frame = codec::frame(event.text(), event.attachments());
        self.send(|| &frame);
        Ok(())
    }

    /// Never asked for: no message has an id.
    fn ack(&self, _id: AckId, _payload: AckPayload) -> Result<(), EmitError> {
        Ok(())
    }

    fn answers_with_events(&self) -> bool {
        true
    }

    fn stream(&self, replies: Streaming) -> bool {
        let Some(seat) = self.own.upgrade() else {
            return true;
        };
        let (metrics, session) = (self.served.metrics.clone(), self.session.clone());
        let driven = job::replied(replies, metrics, session, Socket::new(seat));
        self.streams.begin(&self.tasks, || self.is_gone(), driven)
    }

    fn join(&self, rooms: Vec<String>) -> Joining {
        let served = &self.served;
        membership::join(&served.namespace, self.sid, rooms, served.in_force.rooms())
    }

    fn leave(&self, rooms: &[String]) {
        self.served.namespace.leave(self.sid, rooms);
    }

    fn rooms(&self) -> Vec<String> {
        self.served.namespace.rooms(self.sid)
    }

    /// It carries nothing else, so the connection is closed in either case.
    fn disconnect(&self, _close: bool) {
        // Set once: who closes it first says why.
        let _ = self.ending.set(Ending::DISCONNECTED);
        self.session.close();
    }

    fn server(&self) -> Server {
        self.served.server.clone()
    }
}
