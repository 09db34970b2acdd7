//! Raw WebSockets: gateways for clients without Socket.IO, one socket per connection.
//!
//! The way in and out is that of Socket.IO's WebSockets: the same upgrade, the same queue of shared frames with its limits,
//! the same pauses. What is ours here is the form of the messages, the heartbeat and the close codes.

mod codec;
mod ending;
mod pulse;
mod reading;
mod sockets;

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Response, request::Parts as RequestParts};
use hyper::upgrade::OnUpgrade;
use roomcast_adapter::Cluster;
use socketioxide_core::Sid;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_util::task::TaskTracker;

use super::{Served, handshake};
use crate::{
    config::Config,
    connection::{
        Carrier, Connection, Delivery, Flusher, Rejection, Session, Sessions, Stream, Upgrade,
        out_of_http, peer,
    },
    http::Body,
    limit::{Gate, Permit},
    metrics::Metrics,
};
use pulse::{Pulse, Times};
use sockets::Seat;

/// The path of the namespace `/`; behind it stand the names of the others.
const PATH: &str = "/ws";

/// What is read from a WebSocket at a time, and so kept for each. The connection reads more at once.
const READ_BUFFER: usize = 128;

/// Serves gateways to raw WebSockets. A cheap handle.
#[derive(Clone)]
pub(crate) struct Platform(Arc<Parts>);

struct Parts {
    served: RwLock<HashMap<String, Arc<Served>>>,
    sessions: Sessions,
    tasks: TaskTracker,
    times: Times,
    protocol: WebSocketConfig,
    admission: Duration,
    /// Held by each connection's task: a session may be kept by a gateway for longer.
    open: Arc<()>,
    /// Near its end, a node takes no new sockets.
    refusing: AtomicBool,
    gate: Gate,
}

/// A WebSocket that may be opened.
pub(crate) struct Opening {
    upgrade: Upgrade,
    permit: Arc<Permit>,
    served: Arc<Served>,
}

/// The namespace that a path stands for; none if the path is not for raw WebSockets.
pub(crate) fn namespace(path: &str) -> Option<&str> {
    match path.strip_prefix(PATH)? {
        "" => Some("/"),
        name if name.starts_with('/') => Some(name),
        _ => None,
    }
}

impl Platform {
    pub(crate) fn new(
        config: &Config,
        cluster: Cluster,
        metrics: &Metrics,
        tasks: TaskTracker,
        gate: Gate,
    ) -> Self {
        let size = config.limits.message_size;
        let delivery = Delivery {
            cluster,
            flusher: Flusher::default(),
            traffic: metrics.traffic.clone(),
            in_force: gate.in_force().clone(),
            message_size: config.limits.message_size,
            // There is no engine to pass through.
            direct: true,
        };
        Self(Arc::new(Parts {
            served: RwLock::default(),
            sessions: Sessions::new(delivery),
            tasks,
            times: Times {
                interval: config.socketio.ping_interval,
                timeout: config.socketio.ping_timeout,
            },
            protocol: WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER)
                .max_message_size(Some(size))
                .max_frame_size(Some(size)),
            admission: config.limits.handshake_timeout,
            open: Arc::default(),
            refusing: AtomicBool::new(false),
            gate,
        }))
    }

    /// Serves a gateway from now on.
    pub(super) fn serve(&self, served: Served) {
        let name = served.gateway.namespace().to_owned();
        let mut all = self
            .0
            .served
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        all.insert(name, Arc::new(served));
    }

    /// Writes to clients what is sent to them, for as long as it is polled.
    pub(super) async fn write(&self) {
        self.0.sessions.write().await;
    }

    /// Checks a request for a WebSocket in `namespace`.
    ///
    /// # Errors
    ///
    /// What to answer in place of one.
    pub(crate) fn check(
        &self,
        namespace: &str,
        request: RequestParts,
    ) -> Result<Opening, Rejection> {
        let served = {
            let all = self.0.served.read().unwrap_or_else(PoisonError::into_inner);
            all.get(namespace).cloned().ok_or(Rejection::Namespace)?
        };
        let upgrade = Upgrade::check_raw(request)?;
        if self.0.refusing.load(Ordering::Relaxed) {
            return Err(Rejection::Draining);
        }
        let permit = Arc::new(self.0.gate.session(peer(upgrade.request.extensions()))?);
        Ok(Opening {
            upgrade,
            permit,
            served,
        })
    }

    /// Opens a WebSocket on a connection that has carried nothing else.
    pub(crate) fn carry(&self, opening: Opening, connection: Connection<Stream>, read: Bytes) {
        let session = self.0.sessions.open();
        let carrier = connection.carry(session.clone(), read);
        let carrier = carrier.greeted(&opening.upgrade.answer());
        self.run(opening, &session, carrier);
    }

    /// Opens a WebSocket on a connection that HTTP is served on: the answer to send, and a task that waits until it is.
    pub(crate) fn upgrade(&self, opening: Opening, on_upgrade: OnUpgrade) -> Response<Body> {
        let response = opening.upgrade.response();
        let platform = self.clone();
        self.0.tasks.spawn(async move {
            if let Some((connection, read)) = out_of_http(on_upgrade).await {
                let session = platform.0.sessions.open();
                let carrier = connection.carry(session.clone(), read);
                platform.run(opening, &session, carrier);
            }
        });
        response
    }

    fn run<S>(&self, opening: Opening, session: &Arc<Session>, carrier: Carrier<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let parts = &self.0;
        // From here on a drain can close it.
        let sid = Sid::new();
        let session = parts.sessions.resolve(sid, Some(session));
        session.counted(&opening.permit);
        if parts.refusing.load(Ordering::Relaxed) {
            // The node has begun to let its clients go while this one came.
            session.close();
        }
        let (request, ()) = opening.upgrade.request.into_parts();
        let handshake = handshake::of_request(&request, SystemTime::now(), true);
        let seat = Seat::new(sid, opening.served, session, handshake, parts.tasks.clone());
        let pulse = Pulse::new(parts.times, Instant::now());
        let serving = reading::serve(carrier, seat, pulse, parts.protocol, parts.admission);
        let (open, permit) = (parts.open.clone(), opening.permit);
        parts.tasks.spawn(async move {
            serving.await;
            drop((open, permit));
        });
    }

    /// Takes no new sockets from now on; those that exist go on.
    pub(super) fn refuse_new(&self) {
        self.0.refusing.store(true, Ordering::Relaxed);
    }

    /// Takes new sockets again.
    pub(super) fn accept_new(&self) {
        self.0.refusing.store(false, Ordering::Relaxed);
    }

    /// Ends every WebSocket at once.
    pub(super) fn end(&self) {
        self.refuse_new();
        self.0.sessions.close_all();
    }

    /// How many there are.
    pub(super) fn remaining(&self) -> usize {
        Arc::strong_count(&self.0.open) - 1
    }

    /// Counts them, for as long as the node is there; keeps nothing of it alive.
    pub(super) fn counter(&self) -> impl Fn() -> usize + Send + Sync + 'static {
        let parts = Arc::downgrade(&self.0);
        move || parts.upgrade().map_or(0, |parts| Self(parts).remaining())
    }

    /// Closes up to `most` more in a way after which clients should connect again.
    pub(super) fn close_some(&self, most: usize) {
        let known = self.0.sessions.known().into_iter();
        known
            .filter(|(_, session)| !session.is_closing())
            .take(most)
            .for_each(|(_, session)| session.close());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_follows_the_path() {
        assert_eq!(namespace("/ws"), Some("/"));
        assert_eq!(namespace("/ws/"), Some("/"));
        assert_eq!(namespace("/ws/chat"), Some("/chat"));
        assert_eq!(namespace("/ws/a/b"), Some("/a/b"));
        assert_eq!(namespace("/wsx"), None);
        assert_eq!(namespace("/"), None);
    }
}
