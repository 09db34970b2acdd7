//! Text to types, and the checks that need more than one value or a look at the disk.

mod jwt;
mod session;

use std::net::SocketAddr;
use std::path::PathBuf;

use roomcast_gateway::RoomPattern;

use super::error::ConfigErrors;
use super::parse::{Bytes, Value, choose};
use super::setting::Settings;
use super::{
    Admin, BuiltIn, Chat, Config, Cors, CorsOrigins, Drain, Gateway, HttpUrl, Limits, Log,
    LogFormat, LogLevel, Pages, Parser, Proxies, Redis, RedisMode, RedisTls, RedisUrl, Rooms,
    Secret, SocketIo, Tls, Traces, Transport, Ws,
};

/// More than there are processors in any machine that one node would be given.
const MOST_WORKERS: u32 = 256;

const SMALLEST_MESSAGE: usize = 1024;

/// Makes the configuration of what the sources said.
pub(super) fn read(mut settings: Settings) -> Result<Config, ConfigErrors> {
    let config = Config {
        listen: settings.value("listen"),
        workers: workers(&mut settings),
        admin: admin(&mut settings),
        redis: redis(&mut settings),
        cors: cors(&mut settings),
        pages: pages(&mut settings),
        gateway: Gateway {
            exception_cause: settings.value("gateway.exception_cause"),
        },
        rooms: Rooms {
            joinable: settings.list::<RoomPattern>("rooms.joinable").into(),
        },
        chat: Chat {
            online_users: settings.value::<u32>("chat.online_users") as usize,
        },
        gateways: settings.list("gateways"),
        jwt: jwt::read(&mut settings),
        session: session::read(&mut settings),
        tls: tls(&mut settings),
        socketio: socketio(&mut settings),
        ws: Ws {
            enabled: settings.value("ws.enabled"),
        },
        proxies: Proxies {
            trusted: settings.list("proxies.trusted"),
        },
        limits: limits(&mut settings),
        drain: drain(&mut settings),
        log: Log {
            level: settings.value("log.level"),
            format: settings.value("log.format"),
        },
        traces: traces(&mut settings),
    };
    if overlap(config.listen, config.admin.listen) {
        settings.refuse_beside(
            "admin.listen",
            "listen",
            "expected another port than that of",
        );
    }
    settings.finish(config)
}

fn traces(settings: &mut Settings) -> Traces {
    let traces = Traces {
        endpoint: settings.optional("traces.endpoint"),
        one_in: settings.value("traces.one_in"),
    };
    if traces.one_in == 0 {
        settings.refuse(
            "traces.one_in",
            "expected at least 1, which traces every event",
        );
    }
    traces
}

fn tls(settings: &mut Settings) -> Option<Tls> {
    let cert_file: Option<PathBuf> = settings.optional("tls.cert_file");
    let key_file: Option<PathBuf> = settings.optional("tls.key_file");
    match (cert_file, key_file) {
        (Some(cert_file), Some(key_file)) => Some(Tls::new(cert_file, key_file)),
        (None, None) => None,
        (Some(_), None) => {
            settings.refuse("tls.cert_file", "expected tls.key_file beside it");
            None
        }
        (None, Some(_)) => {
            settings.refuse("tls.key_file", "expected tls.cert_file beside it");
            None
        }
    }
}

fn workers(settings: &mut Settings) -> usize {
    let workers: u32 = settings.value("workers");
    if workers == 0 || workers > MOST_WORKERS {
        settings.refuse("workers", "expected 1 to 256 threads");
    }
    workers as usize
}

fn admin(settings: &mut Settings) -> Admin {
    let listen = settings.value("admin.listen");
    let url = if settings.has("admin.url") {
        settings.value("admin.url")
    } else {
        HttpUrl::of(listen)
    };
    let token: Option<Secret> = settings.optional("admin.token");
    let is_visible = |token: &Secret| token.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if !token.as_ref().is_none_or(is_visible) {
        settings.refuse(
            "admin.token",
            "expected letters, digits and signs of ASCII without spaces, since it stands in a header",
        );
    }
    let Bytes(body_size) = settings.value("admin.body_size");
    if body_size < SMALLEST_MESSAGE as u64 {
        settings.refuse("admin.body_size", "expected at least 1KiB");
    }
    Admin {
        listen,
        url,
        token,
        body_size: usize::try_from(body_size).unwrap_or(usize::MAX),
    }
}

fn redis(settings: &mut Settings) -> Redis {
    let key: String = settings.value("redis.key");
    if let Err(expected) = check_redis_key(&key) {
        settings.refuse("redis.key", expected);
    }
    let room_subscriptions: u32 = settings.value("redis.room_subscriptions");
    let url: Option<RedisUrl> = settings.optional("redis.url");
    let tls = redis_tls(settings, url.as_ref());
    Redis {
        url,
        tls,
        key,
        mode: settings.value("redis.mode"),
        room_subscriptions: room_subscriptions as usize,
    }
}

fn redis_tls(settings: &mut Settings, url: Option<&RedisUrl>) -> RedisTls {
    let tls = RedisTls {
        ca_file: settings.optional("redis.ca_file"),
        cert_file: settings.optional("redis.cert_file"),
        key_file: settings.optional("redis.key_file"),
    };
    let files = [
        ("redis.ca_file", &tls.ca_file),
        ("redis.cert_file", &tls.cert_file),
        ("redis.key_file", &tls.key_file),
    ];
    for (path, file) in files {
        // A file that protects something must not look as if it did.
        if file.is_some() && !url.is_some_and(RedisUrl::uses_tls) {
            settings.refuse(path, "expected a redis.url that starts with rediss://");
        }
    }
    match (&tls.cert_file, &tls.key_file) {
        (Some(_), None) => settings.refuse("redis.cert_file", "expected redis.key_file beside it"),
        (None, Some(_)) => settings.refuse("redis.key_file", "expected redis.cert_file beside it"),
        _ => {}
    }
    tls
}

fn cors(settings: &mut Settings) -> Cors {
    let entries = settings.list("cors.origins");
    let origins = CorsOrigins::from_entries(entries).unwrap_or_else(|expected| {
        settings.refuse("cors.origins", expected);
        CorsOrigins::SameOrigin
    });
    Cors { origins }
}

fn pages(settings: &mut Settings) -> Pages {
    let dir: Option<PathBuf> = settings.optional("pages.dir");
    if dir.as_deref().is_some_and(|path| !path.is_dir()) {
        settings.refuse(
            "pages.dir",
            "expected a folder that exists and can be entered",
        );
    }
    let client_file: Option<PathBuf> = settings.optional("pages.client_file");
    if client_file.as_deref().is_some_and(|path| !path.is_file()) {
        settings.refuse("pages.client_file", "expected a file that exists");
    }
    Pages { dir, client_file }
}

fn socketio(settings: &mut Settings) -> SocketIo {
    let socketio = SocketIo {
        ping_interval: settings.value("socketio.ping_interval"),
        ping_timeout: settings.value("socketio.ping_timeout"),
        transports: settings.list("socketio.transports"),
        parser: settings.value("socketio.parser"),
        direct: settings.value("socketio.direct"),
    };
    if socketio.ping_interval.is_zero() {
        settings.refuse("socketio.ping_interval", "expected more than no time");
    }
    if socketio.ping_timeout.is_zero() {
        settings.refuse("socketio.ping_timeout", "expected more than no time");
    }
    if socketio.transports.is_empty() {
        settings.refuse(
            "socketio.transports",
            "expected at least one of websocket and polling",
        );
    }
    socketio
}

fn limits(settings: &mut Settings) -> Limits {
    let Bytes(message_size) = settings.value("limits.message_size");
    let Bytes(send_queue) = settings.value("limits.send_queue");
    let limits = Limits {
        message_size: usize::try_from(message_size).unwrap_or(usize::MAX),
        write_stall: settings.value("limits.write_stall"),
        send_queue: usize::try_from(send_queue).unwrap_or(usize::MAX),
        connections: some(settings, "limits.connections"),
        connections_per_ip: some(settings, "limits.connections_per_ip"),
        connects_per_second: some(settings, "limits.connects_per_second"),
        handshake_timeout: settings.value("limits.handshake_timeout"),
        events_per_second: some(settings, "limits.events_per_second"),
        events_burst: some(settings, "limits.events_burst"),
        rooms_per_socket: settings.value::<u32>("limits.rooms_per_socket") as usize,
        namespaces_per_connection: settings.value::<u32>("limits.namespaces_per_connection")
            as usize,
    };
    if limits.message_size < SMALLEST_MESSAGE {
        settings.refuse(
            "limits.message_size",
            "expected at least 1KiB, or no handshake would fit",
        );
    }
    if limits.write_stall.is_zero() {
        settings.refuse("limits.write_stall", "expected more than no time");
    }
    if limits.events_burst.is_some() && !settings.has("limits.events_per_second") {
        settings.refuse(
            "limits.events_burst",
            "expected limits.events_per_second beside it",
        );
    }
    if limits.namespaces_per_connection == 0 {
        settings.refuse(
            "limits.namespaces_per_connection",
            "expected at least 1, or nobody could connect",
        );
    }
    if limits.handshake_timeout.is_zero() {
        settings.refuse("limits.handshake_timeout", "expected more than no time");
    }
    limits
}

/// A limit, if there is one.
fn some(settings: &mut Settings, path: &'static str) -> Option<u32> {
    let most = settings.optional(path);
    if most == Some(0) {
        settings.refuse(path, "expected at least 1, or no value for no limit");
    }
    most
}

fn drain(settings: &mut Settings) -> Drain {
    let drain = Drain {
        grace: settings.value("drain.grace"),
        rate: settings.value("drain.rate"),
        deadline: settings.value("drain.deadline"),
    };
    if drain.rate == 0 {
        settings.refuse("drain.rate", "expected at least one connection per second");
    }
    if drain.deadline < drain.grace {
        settings.refuse_beside("drain.deadline", "drain.grace", "expected no less than");
    }
    drain
}

/// True if both cannot listen: they name one port, of one address or of all.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let everywhere = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && (everywhere || one.ip() == other.ip())
}

/// A key becomes part of channel names, of patterns that peers subscribe to, and of the part of our own keys that Redis
/// Cluster hashes; what means something there cannot be in it.
fn check_redis_key(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("expected a key that is not empty".to_owned());
    }
    for c in key.chars() {
        let meaning = match c {
            '{' | '}' => "Redis Cluster hashes what stands between braces",
            '*' | '?' | '[' | ']' | '\\' => {
                "Node.js servers subscribe to a pattern that starts with the key"
            }
            c if c.is_control() => "control characters are invisible",
            _ => continue,
        };
        return Err(format!("expected a key without {c:?}: {meaning}"));
    }
    Ok(())
}

impl Value for RedisMode {
    fn from_text(text: &str) -> Result<Self, String> {
        choose(
            text,
            &[("classic", Self::Classic), ("sharded", Self::Sharded)],
        )
    }
}

impl Value for BuiltIn {
    fn from_text(text: &str) -> Result<Self, String> {
        choose(
            text,
            &[
                ("events", Self::Events),
                ("replies", Self::Replies),
                ("resource", Self::Resource),
                ("chat", Self::Chat),
            ],
        )
    }
}

impl Value for RoomPattern {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::try_from(text.to_owned())
            .map_err(|_| "expected a pattern of 1 to 256 bytes, such as team-*".to_owned())
    }
}

impl Value for Transport {
    fn from_text(text: &str) -> Result<Self, String> {
        choose(
            text,
            &[("websocket", Self::Websocket), ("polling", Self::Polling)],
        )
    }
}

impl Value for Parser {
    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, &[("json", Self::Json), ("msgpack", Self::Msgpack)])
    }
}

impl Value for LogLevel {
    fn from_text(text: &str) -> Result<Self, String> {
        let levels = [
            ("error", Self::Error),
            ("warn", Self::Warn),
            ("info", Self::Info),
            ("debug", Self::Debug),
            ("trace", Self::Trace),
        ];
        choose(text, &levels)
    }
}

impl Value for LogFormat {
    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, &[("text", Self::Text), ("json", Self::Json)])
    }
}
