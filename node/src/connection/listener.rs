//! Accepts connections and serves HTTP on them.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::IntCounter;
use socket2::TcpKeepalive;
use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Connection, Encryption, Patience, Stream, head::Head};
use crate::{
    http::Body,
    limit::{Gate, Permit, Proxies, Refused},
    repetition::Repetition,
};

/// What the kernel buffers for a client that reads slowly, so that it is noticed after 128 KiB and not after megabytes.
const SEND_BUFFER: usize = 128 * 1024;

/// Connections that wait to be accepted. A node that joins a running cluster is met by many at once.
const BACKLOG: i32 = 4096;

/// A connection that is silent for as long is asked whether its client is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Bytes of a request's head, twice what Node.js allows. What the first one of a session holds stays with the session.
const HEAD: usize = 32 * 1024;

/// Pause after a failed accept, which is for want of file descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What passes through all connections of a node.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) received: IntCounter,
    pub(crate) sent: IntCounter,
    /// Connections that ended because their client stopped reading.
    pub(crate) stalled: IntCounter,
    /// Connections that ended because more waited for their clients than may.
    pub(crate) overflowed: IntCounter,
    /// Connections that ended because their events came faster than they were handled.
    pub(crate) behind: IntCounter,
    /// Messages over the size limit, over WebSocket and in bodies of polling. Each ended its connection.
    pub(crate) oversized: IntCounter,
    pub(crate) oversized_bodies: IntCounter,
    /// Clients that began to lag: each is told of once.
    pub(crate) warned: IntCounter,
    /// Lines of the log on them.
    pub(crate) laggards: Repetition,
    /// Events that were refused because they came too fast.
    pub(crate) rate_limited: IntCounter,
    /// Clients that were disconnected for it.
    pub(crate) flooded: IntCounter,
    /// Lines of the log on them.
    pub(crate) floods: Repetition,
}

/// What the public port serves.
pub(crate) trait Handler: Clone + Send + Sync + 'static {
    /// A WebSocket that may be opened.
    type Opening: Send;

    /// Whether a request, the first of its connection, opens a WebSocket; if not, [`answer`](Self::answer) says why.
    fn open(&self, request: Request<()>) -> Option<Self::Opening>;

    /// Opens it; `read` are bytes that came behind the request.
    fn carry(&self, opening: Self::Opening, connection: Connection<Stream>, read: Bytes);

    /// Answers any other request.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}

/// Who is at the other end, for handlers of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// The client's address.
    pub(crate) address: IpAddr,
    /// Whether the connection is encrypted.
    pub(crate) is_secure: bool,
}

/// The address of the client whose request has these extensions.
pub(crate) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get().map(|peer: &Peer| peer.address)
}

/// What a client meets before it has asked for anything.
#[derive(Debug, Clone)]
pub(crate) struct Entrance {
    pub(crate) gate: Gate,
    pub(crate) proxies: Proxies,
    /// How long it may take to send a request's headers.
    pub(crate) timeout: Duration,
    /// TLS, if the port speaks it.
    pub(crate) encryption: Option<Encryption>,
}

impl Entrance {
    /// Counts a connection. Those of a trusted proxy may be anybody's.
    fn letting_in(&self, peer: IpAddr) -> Result<Permit, Refused> {
        let own = (!self.proxies.trust(peer)).then_some(peer);
        self.gate.request(own)
    }
}

/// A bound port that does not serve yet.
#[derive(Debug)]
pub(crate) struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds; port 0 picks a free one.
    ///
    /// # Errors
    ///
    /// What the system says, a taken port as a rule.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        // All of these are inherited by what is accepted.
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from_std(socket.into())?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `handler` until `stop`; then lets requests under way end. WebSockets live on.
    pub(crate) async fn serve(
        self,
        handler: impl Handler,
        entrance: Entrance,
        traffic: Arc<Traffic>,
        patience: Patience,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) {
        let failures = Repetition::default();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Ok(permit) = entrance.letting_in(peer.ip()) else {
                        // It has asked for nothing, so that there is nothing to answer.
                        continue;
                    };
                    let arrived = Arrived {
                        stream,
                        peer: peer.ip(),
                        permit,
                        traffic: traffic.clone(),
                        patience,
                    };
                    let (entrance, handler) = (entrance.clone(), handler.clone());
                    tasks.spawn(begin(arrived, handler, entrance, stop.clone()));
                }
                Err(error) => {
                    if let Some(untold) = failures.tells(Instant::now()) {
                        tracing::warn!(%error, untold, "cannot accept a connection");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// A connection of which nothing is known yet.
struct Arrived {
    stream: TcpStream,
    peer: IpAddr,
    permit: Permit,
    traffic: Arc<Traffic>,
    patience: Patience,
}

/// Reads the first request, and has the connection carried or served.
async fn begin(
    arrived: Arrived,
    handler: impl Handler,
    entrance: Entrance,
    stop: CancellationToken,
) {
    let Arrived {
        mut stream,
        peer,
        permit,
        traffic,
        patience,
    } = arrived;
    let mut head = Head::default();
    let proxies = entrance.proxies.clone();
    let reading = async {
        let mut address = peer;
        if proxies.trust(peer) {
            address = head.proxied(&mut stream).await?.unwrap_or(peer);
        }
        let mut stream = match &entrance.encryption {
            Some(encryption) => {
                let early = std::mem::take(&mut head).all();
                Box::pin(encryption.begin(stream, early)).await?
            }
            None => Stream::Plain(stream),
        };
        let request = head.read(&mut stream, HEAD).await?;
        Ok((stream, address, request))
    };
    let read = tokio::select! {
        read = tokio::time::timeout(entrance.timeout, reading) => read,
        () = stop.cancelled() => return,
    };
    let (stream, address, opening) = match read {
        Ok(Ok((stream, address, Some(mut request)))) => {
            let client = Peer {
                address: proxies.client(address, request.headers()),
                is_secure: entrance.encryption.is_some(),
            };
            request.extensions_mut().insert(client);
            (stream, address, handler.open(request))
        }
        Ok(Ok((stream, address, None))) => {
            if head.is_proxied() {
                entrance.gate.stranger(peer);
            }
            (stream, address, None)
        }
        Ok(Err::<_, io::Error>(error)) => {
            return tracing::debug!(%peer, %error, "a connection failed");
        }
        Err(_) => return tracing::debug!(%peer, "a connection asked for nothing in time"),
    };
    let connection = Connection::new(stream, traffic, patience).counted(permit);
    match opening {
        Some(opening) => {
            let rest = head.rest();
            let bytes = head.all().len();
            connection.traffic.received.inc_by(bytes as u64);
            handler.carry(opening, connection, rest);
        }
        // In a box: a future of this size would be part of every connection's.
        None => {
            Box::pin(serve_http(
                connection.behind(head.all()),
                address,
                handler,
                entrance,
                stop,
            ))
            .await;
        }
    }
}

async fn serve_http(
    connection: Connection<Stream>,
    address: IpAddr,
    handler: impl Handler,
    entrance: Entrance,
    stop: CancellationToken,
) {
    let (proxies, is_secure) = (entrance.proxies.clone(), entrance.encryption.is_some());
    let service = service_fn(move |mut request: Request<Incoming>| {
        let client = Peer {
            address: proxies.client(address, request.headers()),
            is_secure,
        };
        request.extensions_mut().insert(client);
        let handler = handler.clone();
        async move { Ok::<_, Infallible>(handler.answer(request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(entrance.timeout)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(connection), service)
        .with_upgrades();
    tokio::pin!(serving);
    let result = tokio::select! {
        result = &mut serving => result,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(peer = %address, %error, "an http connection failed");
    }
}
