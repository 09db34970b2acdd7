//! The configuration of a node: typed, checked once, and complete before anything starts.
//!
//! A key is set by a flag, an environment variable or a line of a TOML file; the first of these wins. `redis.url` is
//! `--redis-url`, `ROOMCAST_REDIS__URL`, and `url` in the table `[redis]`. The file is the one that `--config` or
//! `ROOMCAST_CONFIG` names. The variables `PORT` and `REDIS_URL`, which many hosts set, count where ours are unset.
//!
//! Every mistake in every source is reported, at once, with the key, the value, where it stands and what was expected.
//! Nothing that was set is ignored, and no name that is misspelt.

mod args;
mod cors;
mod environment;
mod error;
mod exposure;
mod file;
mod http_url;
pub mod key;
mod nearest;
mod parse;
mod reading;
mod redis_url;
mod secret;
mod setting;
mod sources;
mod template;
#[cfg(test)]
mod tests;
mod typed;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use roomcast_gateway::RoomPatterns;

pub use cors::CorsOrigins;
pub use error::{ConfigError, ConfigErrors, Source};
pub(crate) use exposure::EXPOSED;
pub use http_url::HttpUrl;
pub(crate) use nearest::nearest_word;
pub(crate) use parse::duration;
pub use reading::Reading;
pub use redis_url::RedisUrl;
pub use secret::Secret;
pub(crate) use setting::InForce;
pub use sources::Sources;
pub(crate) use template::template;

/// Everything that can be configured.
///
/// The default is what holds when nothing is set; fields can be changed before the node is built.
///
/// ```
/// use roomcast_node::Config;
///
/// let mut config = Config::default();
/// config.listen = "127.0.0.1:0".parse()?;
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Where clients connect. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Threads that serve clients, at least one: for whoever builds the runtime, see [`runtime`](crate::runtime).
    pub workers: usize,
    /// The admin port: metrics and health.
    pub admin: Admin,
    /// The cluster.
    pub redis: Redis,
    /// Which pages may connect.
    pub cors: Cors,
    /// What browsers are served beside Socket.IO.
    pub pages: Pages,
    /// What holds for all gateways.
    pub gateway: Gateway,
    /// Rooms of the built-in gateways.
    pub rooms: Rooms,
    /// The built-in chat.
    pub chat: Chat,
    /// The built-in gateways to serve, each once.
    pub gateways: Vec<BuiltIn>,
    /// Who may connect: the tokens of clients.
    pub jwt: Jwt,
    /// What clients of long polling are known by.
    pub session: Session,
    /// The certificate of the public port; none serves plain HTTP.
    pub tls: Option<Tls>,
    /// The protocol.
    pub socketio: SocketIo,
    /// Clients without Socket.IO.
    pub ws: Ws,
    /// Who stands between clients and this node.
    pub proxies: Proxies,
    /// What one client may take.
    pub limits: Limits,
    /// How the node stops.
    pub drain: Drain,
    /// What the node says about itself.
    pub log: Log,
    /// Whom the node tells how events go through the cluster.
    pub traces: Traces,
}

/// The admin port.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Admin {
    /// Where it listens. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where the command line finds it. Where nobody says, this follows `listen`.
    pub url: HttpUrl,
    /// What callers of the control API must present, and the command line presents. Not empty.
    pub token: Option<Secret>,
    /// The largest body of a request to the control API, in bytes. At least 1024.
    pub body_size: usize,
}

/// The Redis between the nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redis {
    /// Where it is; `None` is one node on a bus in its memory.
    pub url: Option<RedisUrl>,
    /// How it is known, and this node to it, where the URL says TLS.
    pub tls: RedisTls,
    /// First part of all channels, as the option `key` of the adapters for Node.js.
    pub key: String,
    /// Which wire is spoken.
    pub mode: RedisMode,
    /// Above this many rooms with members here, the node subscribes to one pattern instead of to each room.
    pub room_subscriptions: usize,
}

/// Files for TLS to Redis, in PEM.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisTls {
    /// The authorities that may vouch for Redis; `None` is those that this machine trusts.
    pub ca_file: Option<PathBuf>,
    /// The certificate that this node shows, with those between it and its authority.
    pub cert_file: Option<PathBuf>,
    /// Its private key. Given if and only if there is a certificate.
    pub key_file: Option<PathBuf>,
}

/// Which wire the nodes speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedisMode {
    /// That of the classic Redis adapter for Node.js.
    Classic,
    /// That of its sharded one, over sharded Pub/Sub of Redis 7.
    Sharded,
}

/// Which pages may connect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cors {
    /// The origins of those pages.
    pub origins: CorsOrigins,
}

/// What browsers are served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pages {
    /// A folder to serve at `/`; `None` is the demo page.
    pub dir: Option<PathBuf>,
    /// The client script to serve at `/socket.io/socket.io.js`; `None` redirects to Socket.IO's own servers.
    pub client_file: Option<PathBuf>,
}

/// What holds for all gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gateway {
    /// True if an exception tells the client the event and data that caused it.
    pub exception_cause: bool,
}

/// The built-in chat.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chat {
    /// How many users `onlineUsers` lists, the newest.
    pub online_users: usize,
}

/// A gateway that comes with the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuiltIn {
    /// Rooms and broadcasts at `/`.
    Events,
    /// Replies of every kind at `/events`.
    Replies,
    /// The resource `Aaa` at `/`.
    Resource,
    /// A chat with presence at `/chat`.
    Chat,
}

/// Rooms of the built-in gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rooms {
    /// Those that clients may join.
    pub joinable: RoomPatterns,
}

/// The certificate of the public port, in PEM. The files are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tls {
    /// The certificate, with those between it and its authority.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

impl Tls {
    /// The certificate and the key in these files.
    pub fn new(cert_file: impl Into<PathBuf>, key_file: impl Into<PathBuf>) -> Self {
        Self {
            cert_file: cert_file.into(),
            key_file: key_file.into(),
        }
    }
}

/// The tokens of clients. Any key turns authentication on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Jwt {
    /// What tokens in HS256 are signed with. Not empty.
    pub secret: Option<Secret>,
    /// A PEM file with a public key, for tokens in RS256, ES256 or EdDSA.
    pub public_key_file: Option<PathBuf>,
    /// A JWKS file with any number of such keys.
    pub jwks_file: Option<PathBuf>,
    /// The `iss` that a token must have.
    pub issuer: Option<String>,
    /// An `aud` that a token must have.
    pub audience: Option<String>,
    /// How far the clock of the issuer may be off.
    pub leeway: Duration,
    /// The namespaces that want a token, beside `/chat`, each once.
    pub namespaces: Vec<String>,
}

/// What clients of long polling are known by: session ids, which are signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The first signs, and each verifies; at most two. Without any, a node makes a key of its own at its start.
    pub keys: Vec<Secret>,
}

/// The protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketIo {
    /// Time between two pings. Not zero.
    pub ping_interval: Duration,
    /// How long a client may take to answer one. Not zero.
    pub ping_timeout: Duration,
    /// How clients may connect: at least one way, each once.
    pub transports: Vec<Transport>,
    /// How packets are encoded.
    pub parser: Parser,
    /// Whether events and acks go straight into a WebSocket's queue. Through the engine's channel instead, each delivery
    /// costs more, and nothing else differs.
    pub direct: bool,
}

/// Clients without Socket.IO.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ws {
    /// Whether there are raw WebSockets at `/ws`. They share the times and limits of Socket.IO's connections.
    pub enabled: bool,
}

/// What carries Engine.IO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// One WebSocket connection.
    Websocket,
    /// HTTP requests that wait.
    Polling,
}

/// How packets are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Parser {
    /// Text, as every client does unless told otherwise.
    Json,
    /// As the client's `socket.io-msgpack-parser`.
    Msgpack,
}

/// Who stands between clients and this node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proxies {
    /// The networks of proxies that are believed when they say whose a connection or a request is, each once. The type is
    /// that of the crate `ipnet`.
    pub trusted: Vec<IpNet>,
}

/// What one client may take.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest Engine.IO message or polling body, in bytes. At least 1024.
    pub message_size: usize,
    /// How long a write may stand still before the client is disconnected. Not zero.
    pub write_stall: Duration,
    /// How many bytes may wait for one client before it is disconnected.
    pub send_queue: usize,
    /// How many sessions this node takes; `None` is any number. Not zero.
    pub connections: Option<u32>,
    /// The same of one IPv4 address, or one /64 of IPv6.
    pub connections_per_ip: Option<u32>,
    /// How many new ones per second. Not zero.
    pub connects_per_second: Option<u32>,
    /// How long a connection may take to its first whole request, and a session to its first namespace. Not zero.
    pub handshake_timeout: Duration,
    /// How many events one connection may send per second; `None` is any number. Not zero.
    pub events_per_second: Option<u32>,
    /// How many it may send at once; `None` is as many as in a second. Not zero, and only beside a rate.
    pub events_burst: Option<u32>,
    /// How many rooms one socket may join, that of its own id not counted.
    pub rooms_per_socket: usize,
    /// How many namespaces one connection may be in. Not zero.
    pub namespaces_per_connection: usize,
}

/// How the node stops.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drain {
    /// How long the node serves on after it says that it is not ready.
    pub grace: Duration,
    /// How many connections are closed per second after that. Not zero.
    pub rate: u32,
    /// How long all of it may take, `grace` included.
    pub deadline: Duration,
}

impl Drain {
    /// The rate, which is not zero.
    pub(crate) fn pace(&self) -> NonZeroU32 {
        NonZeroU32::new(self.rate).unwrap_or(NonZeroU32::MIN)
    }
}

/// What the node says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Log {
    /// The least important events that are written.
    pub level: LogLevel,
    /// In which form.
    pub format: LogFormat,
}

/// Whom the node tells how events go through the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traces {
    /// A collector that takes OTLP over HTTP; none is told nothing.
    pub endpoint: Option<HttpUrl>,
    /// Of so many events of clients one is traced. At least one.
    pub one_in: u32,
}

/// How important an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LogLevel {
    /// A human must act.
    Error,
    /// The node recovered.
    Warn,
    /// The life of the node.
    Info,
    /// The life of a socket.
    Debug,
    /// Every packet, with what it carries.
    Trace,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Config {
    /// Reads the command line and the environment of this process.
    ///
    /// # Errors
    ///
    /// All mistakes of all sources.
    pub fn from_args() -> Result<Self, ConfigErrors> {
        let (args, environment) = process();
        Self::load(args, environment)
    }

    /// Reads `args`, which do not start with the name of the program, and `environment`.
    ///
    /// # Errors
    ///
    /// All mistakes of all sources.
    pub fn load(
        args: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigErrors> {
        Sources::new(args, environment).config()
    }
}

impl Jwt {
    /// True if there is any key that a token could be verified with.
    pub fn is_on(&self) -> bool {
        self.secret.is_some() || self.public_key_file.is_some() || self.jwks_file.is_some()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::load([], []).expect("the defaults of the table are valid, as a test shows")
    }
}

/// The command line without the name of the program, and the environment.
///
/// Nothing else in the node reads them: what it does follows from values that a test can pass as well.
pub(crate) fn process() -> (Vec<OsString>, Vec<(OsString, OsString)>) {
    (
        std::env::args_os().skip(1).collect(),
        std::env::vars_os().collect(),
    )
}
