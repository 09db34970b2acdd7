//! Socket.IO, through socketioxide: the one place that names its adapter type.
//!
//! socketioxide keeps the protocol and its sessions. The way in (WebSocket upgrades), the way of an event to its handler
//! (in order, one at a time per socket) and the way out (encoded once, through the cluster's adapter) are ours.

mod handlers;
mod payload;
mod polling;
mod seat;
mod server;
mod session_ids;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Extensions, Request, Response, request::Parts as RequestParts};
use hyper::upgrade::OnUpgrade;
use roomcast_adapter::{Cluster, ClusterAdapter, Hold, Namespace};
use roomcast_gateway::{Gateway, Server, platform::ServerPort};
use socketioxide::{
    ParserConfig, SocketIo, SocketIoBuilder, TransportType, adapter::Emitter,
    service::SocketIoService,
};
use socketioxide_core::Sid;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::TaskTracker;
use tower::{Service, service_fn, util::ServiceFn};

use crate::{
    config::{self, Config, Parser, Transport},
    connection::{
        Carrier, Connection, Delivery, Flusher, Rejection, Session, Sessions, Stream, Upgrade,
        out_of_http, peer,
    },
    http::Body,
    limit::{Gate, InForce},
    metrics::{Metrics, NamespaceMetrics},
    platform::{Served, server_side::Application},
};
use payload::Encoding;
use seat::Seat;
use server::Cast;
use session_ids::SessionIds;

/// What answers requests that are not for the engine. None gets here, since the public port sorts them out.
type Elsewhere = ServiceFn<fn(Request<Body>) -> Ready<Result<Response<Body>, Infallible>>>;

/// The adapter of every namespace.
type Adapter = ClusterAdapter<Emitter>;

/// Packets that the engine queues for a client that polls. A batch from the bus is applied before any poll is answered, so
/// this must hold what one client gets in a batch; a client with more waiting is disconnected.
const QUEUE: usize = 4096;

/// What the engine reads from a WebSocket at a time, and so keeps for each. The connection reads more at once.
const READ_BUFFER: usize = 128;

/// How long a client has to close a connection of which it was told that it is out.
const GOODBYE: Duration = Duration::from_secs(1);

/// Serves gateways to Socket.IO clients. A cheap handle.
#[derive(Clone)]
pub(crate) struct Platform(Arc<Parts>);

struct Parts {
    service: SocketIoService<Elsewhere, Adapter>,
    io: SocketIo<Adapter>,
    cluster: Cluster,
    encoding: Encoding,
    sessions: Sessions,
    ids: SessionIds,
    cast: Arc<Cast>,
    metrics: Arc<Metrics>,
    tasks: TaskTracker,
    /// How long a polling client's events may be held back.
    patience: Duration,
    /// Near its end, a node takes no new sessions.
    refusing: AtomicBool,
    gate: Gate,
}

/// A WebSocket that may be opened.
#[derive(Debug)]
pub(crate) struct Opening {
    upgrade: Upgrade,
    session: Arc<Session>,
}

/// A gateway and all that its sockets share.
struct Bound {
    gateway: Arc<Gateway>,
    encoding: Encoding,
    /// Set right after the namespace was added, which is before any client can connect.
    namespace: OnceLock<Namespace>,
    metrics: Arc<NamespaceMetrics>,
    server: Server,
    sessions: Sessions,
    in_force: InForce,
    tasks: TaskTracker,
    platform: Weak<Parts>,
    /// Seats between their client's request and the answer to it.
    arriving: Mutex<HashMap<Sid, Arriving>>,
}

/// A seat that waits for its client to be answered.
struct Arriving {
    seat: Weak<Seat>,
    /// On the room of its user, until it is in there.
    hold: Option<Hold>,
}

impl Arriving {
    fn of(seat: &Arc<Seat>) -> Self {
        Self {
            seat: Arc::downgrade(seat),
            hold: None,
        }
    }
}

impl Bound {
    fn arriving(&self) -> MutexGuard<'_, HashMap<Sid, Arriving>> {
        // Entries stand for themselves, so a panic elsewhere leaves it usable.
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Disconnects all sockets of a connection, and closes it.
    fn close(&self, id: Sid, session: &Arc<Session>) {
        if let Some(parts) = self.platform.upgrade() {
            Platform(parts).close(id, session);
        }
    }

    /// Closes a connection whose client was told why.
    fn close_soon(&self, id: Sid, session: &Arc<Session>) {
        if let Some(parts) = self.platform.upgrade() {
            Platform(parts).close_soon(id, session);
        }
    }

    /// Disconnects a client for which more waits than may.
    fn too_slow(&self, id: Sid, session: &Session) {
        if session.is_closing() {
            return;
        }
        session.close();
        if let Some(parts) = self.platform.upgrade() {
            parts.metrics.traffic.overflowed.inc();
            let platform = Platform(parts);
            self.tasks
                .spawn(async move { platform.close_polling(id).await });
        }
    }
}

impl Platform {
    pub(crate) fn new(
        config: &Config,
        cluster: Cluster,
        metrics: Arc<Metrics>,
        tasks: TaskTracker,
        gate: Gate,
    ) -> Self {
        let socketio = &config.socketio;
        let builder = SocketIo::builder()
            .ping_interval(socketio.ping_interval)
            .ping_timeout(socketio.ping_timeout)
            .connect_timeout(config.limits.handshake_timeout)
            .max_buffer_size(QUEUE)
            .ws_read_buffer_size(READ_BUFFER)
            .max_payload(config.limits.message_size as u64)
            .ws_max_message_size(config.limits.message_size)
            .ws_max_frame_size(config.limits.message_size);
        let (encoding, builder) = match socketio.parser {
            Parser::Json => (Encoding::Json, builder),
            Parser::Msgpack => (
                Encoding::Msgpack,
                builder.with_parser(ParserConfig::msgpack()),
            ),
        };
        let (service, io) = with_transports(builder, &socketio.transports)
            .with_adapter::<Adapter>(cluster.clone())
            .build_with_inner_svc(service_fn(
                (|_| ready(Ok(Rejection::Transport.response()))) as fn(_) -> _,
            ));
        let delivery = Delivery {
            cluster: cluster.clone(),
            flusher: Flusher::default(),
            traffic: metrics.traffic.clone(),
            in_force: gate.in_force().clone(),
            message_size: config.limits.message_size,
            direct: socketio.direct,
        };
        Self(Arc::new(Parts {
            service,
            io,
            ids: SessionIds::new(&config.session, cluster.node_id()),
            cast: Arc::new(Cast::new(cluster.clone(), encoding)),
            cluster,
            encoding,
            sessions: Sessions::new(delivery),
            metrics,
            tasks,
            patience: socketio.ping_timeout,
            refusing: AtomicBool::new(false),
            gate,
        }))
    }

    /// Signs session ids with these keys from now on.
    pub(crate) fn take_keys(&self, session: &config::Session) {
        self.0.ids.take(session);
    }

    /// All sockets of all nodes.
    pub(crate) fn server(&self) -> Arc<dyn ServerPort> {
        self.0.cast.clone()
    }

    /// The namespaces that are served.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        self.0.cast.namespaces()
    }

    /// Serves `gateway` from when the future resolves: once other nodes' broadcasts to its namespace arrive, or the wait
    /// for that is over.
    ///
    /// What other platforms need to serve it, too.
    pub(crate) async fn bind(&self, gateway: Gateway) -> Option<Served> {
        let gateway = Arc::new(gateway);
        let parts = &*self.0;
        let name = gateway.namespace().to_owned();
        let metrics = Arc::new(parts.metrics.namespace(&gateway));
        parts.cast.add(&name, metrics.clone());
        let server = Server::new(parts.cast.clone(), &*name);
        let bound = Arc::new(Bound {
            gateway,
            encoding: parts.encoding,
            namespace: OnceLock::new(),
            metrics,
            server: server.clone(),
            sessions: parts.sessions.clone(),
            in_force: parts.gate.in_force().clone(),
            tasks: parts.tasks.clone(),
            platform: Arc::downgrade(&self.0),
            arriving: Mutex::default(),
        });
        let serving = parts
            .io
            .ns(name.clone(), handlers::OnConnect(bound.clone()));
        if let Some(namespace) = parts.cluster.namespace(&name) {
            namespace.on_server_side(Arc::new(Application {
                gateway: bound.gateway.clone(),
                server: server.clone(),
                metrics: bound.metrics.clone(),
            }));
            // Set once: a builder refuses a second gateway of the same name.
            let _ = bound.namespace.set(namespace);
        }
        bound
            .metrics
            .ended(&bound.gateway.init(server.clone()).await);
        serving.await;
        Some(Served {
            gateway: bound.gateway.clone(),
            namespace: bound.namespace.get()?.clone(),
            metrics: bound.metrics.clone(),
            server,
            in_force: bound.in_force.clone(),
        })
    }

    /// Writes to clients what is sent to them, for as long as it is polled.
    pub(crate) async fn write(&self) {
        self.0.sessions.write().await;
    }

    /// Checks a request for a WebSocket, and finds its session.
    ///
    /// # Errors
    ///
    /// What to answer in place of one. Also to a session that has moved to a WebSocket already, or is about to: the
    /// engine would take the second and close both.
    pub(crate) fn check(&self, mut request: RequestParts) -> Result<Opening, Rejection> {
        let engine = &self.0.io.config().engine_config;
        if !engine.allowed_transport(TransportType::Websocket) {
            return Err(Rejection::Transport);
        }
        self.0.ids.admit(&mut request)?;
        let mut upgrade = Upgrade::check(request)?;
        if upgrade.session.is_none() && self.refuses() {
            return Err(Rejection::Draining);
        }
        let session = match upgrade.session {
            Some(id) => self.0.sessions.resolve(id, None),
            None => self.admitted(upgrade.request.extensions_mut())?,
        };
        if !session.begin_upgrade() {
            return Err(Rejection::Handshake);
        }
        Ok(Opening { upgrade, session })
    }

    /// Opens a WebSocket on a connection that has carried nothing else: answers, and hands the stream to the engine.
    pub(crate) fn carry(&self, opening: Opening, connection: Connection<Stream>, read: Bytes) {
        let Opening { upgrade, session } = opening;
        let carrier = connection.carry(session.clone(), read);
        let carrier = carrier.greeted(&upgrade.answer());
        self.run(upgrade, session, carrier);
    }

    /// Opens a WebSocket on a connection that HTTP is served on: the answer to send, and a task that waits until it is.
    pub(crate) fn upgrade(&self, opening: Opening, on_upgrade: OnUpgrade) -> Response<Body> {
        let Opening { upgrade, session } = opening;
        let response = upgrade.response();
        let platform = self.clone();
        self.0.tasks.spawn(async move {
            if let Some((connection, read)) = out_of_http(on_upgrade).await {
                let carrier = connection.carry(session.clone(), read);
                platform.run(upgrade, session, carrier);
            }
        });
        response
    }

    /// Has the engine read from the stream and write to it.
    fn run<S>(&self, upgrade: Upgrade, session: Arc<Session>, carrier: Carrier<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut request = upgrade.request;
        request.extensions_mut().insert(session);
        let mut service = self.0.service.clone();
        let Some(id) = upgrade.session else {
            return log_refusal(Service::call(&mut service, (carrier, request)).into_inner());
        };
        let (carrier, ended) = carrier.watched();
        log_refusal(Service::call(&mut service, (carrier, request)).into_inner());
        let platform = self.clone();
        self.0.tasks.spawn(async move {
            // An upgrade that fails leaves the session half moved and its polls unanswered for good, unless it is
            // closed; one that succeeded is closed by now.
            ended.await;
            platform.close_polling(id).await;
        });
    }

    /// A new session, if there may be one more. It counts for as long as the engine keeps the request that opened it, or
    /// until its WebSocket is gone, since the engine keeps one for a while that has joined no namespace. What gateways keep
    /// of a session does not count.
    fn admitted(&self, request: &mut Extensions) -> Result<Arc<Session>, Rejection> {
        let permit = Arc::new(self.0.gate.session(peer(request))?);
        let session = self.0.sessions.open();
        session.counted(&permit);
        request.insert(permit);
        Ok(session)
    }

    /// Ends every WebSocket at once.
    pub(crate) fn end(&self) {
        self.refuse_new();
        self.0.sessions.close_all();
    }

    /// Takes no new sessions from now on; those that exist go on.
    pub(crate) fn refuse_new(&self) {
        self.0.refusing.store(true, Ordering::Relaxed);
    }

    /// Takes new sessions again.
    pub(crate) fn accept_new(&self) {
        self.0.refusing.store(false, Ordering::Relaxed);
    }

    fn refuses(&self) -> bool {
        self.0.refusing.load(Ordering::Relaxed)
    }

    /// Sessions that have a socket.
    pub(crate) fn remaining(&self) -> usize {
        self.0.sessions.count()
    }

    /// Counts them, for as long as the node is there; keeps nothing of it alive.
    pub(crate) fn counter(&self) -> impl Fn() -> usize + Send + Sync + 'static {
        let parts = Arc::downgrade(&self.0);
        move || parts.upgrade().map_or(0, |parts| Self(parts).remaining())
    }

    /// Closes up to `most` more sessions in a way after which stock clients connect again; how many.
    pub(crate) async fn close_some(&self, most: usize) -> usize {
        let mut closed = 0;
        let known = self.0.sessions.known().into_iter();
        for (id, session) in known
            .filter(|(_, session)| !session.is_closing())
            .take(most)
        {
            session.send_away();
            // Does nothing where a WebSocket carries the session.
            self.close_polling(id).await;
            closed += 1;
        }
        closed
    }

    /// Tells a client that it is out of all its namespaces, and closes its connection once it had time to read that: stock
    /// clients do so by themselves.
    fn close(&self, id: Sid, session: &Arc<Session>) {
        for namespace in self.0.cast.namespaces() {
            let operators = self.0.io.of(namespace);
            let socket = operators.and_then(|operators| operators.get_socket(id));
            if socket.is_some_and(|socket| socket.disconnect().is_err()) {
                // It does not read, so it cannot be told.
                session.close();
            }
        }
        self.close_soon(id, session);
    }

    /// Closes a connection once its client had time to read that it is out.
    fn close_soon(&self, id: Sid, session: &Arc<Session>) {
        let (platform, session) = (self.clone(), Arc::downgrade(session));
        self.0.tasks.spawn(async move {
            tokio::time::sleep(GOODBYE).await;
            if let Some(session) = session.upgrade() {
                session.close();
                platform.close_polling(id).await;
            }
        });
    }
}

fn log_refusal<E: std::fmt::Display>(result: Result<(), E>) {
    if let Err(error) = result {
        tracing::debug!(%error, "the engine refused a websocket");
    }
}

fn with_transports(builder: SocketIoBuilder, transports: &[Transport]) -> SocketIoBuilder {
    let engine = |transport: &Transport| match transport {
        Transport::Websocket => TransportType::Websocket,
        Transport::Polling => TransportType::Polling,
    };
    match transports {
        [one] => builder.transports([engine(one)]),
        _ => builder.transports([TransportType::Polling, TransportType::Websocket]),
    }
}
