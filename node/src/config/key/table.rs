//! The table itself.

use super::{Group, Key, Kind};

/// Every key, grouped, in the order of the help.
pub const GROUPS: &[Group] = &[
    Group {
        title: "Ports",
        keys: &[
            Key::new(
                "listen",
                Kind::Address,
                "Where clients connect; port 0 picks a free one",
            )
            .default("0.0.0.0:3000")
            .fallback("PORT"),
            Key::new(
                "admin.listen",
                Kind::Address,
                "Metrics, health and the control API, never for clients",
            )
            .default("127.0.0.1:9090"),
            Key::new(
                "admin.url",
                Kind::Url,
                "The admin port that the command line talks to",
            )
            .default("http://127.0.0.1:9090"),
            Key::new(
                "admin.token",
                Kind::Text,
                "What callers of the control API must present",
            )
            .secret(),
            Key::new(
                "admin.body_size",
                Kind::Size,
                "The largest body of a request to the control API",
            )
            .default("1MB"),
        ],
    },
    Group {
        title: "Processors",
        keys: &[Key::new(
            "workers",
            Kind::Count,
            "Threads that serve clients; a node per processor is faster",
        )
        .default("1")],
    },
    Group {
        title: "Redis",
        keys: &[
            Key::new(
                "redis.url",
                Kind::RedisUrl,
                "The Redis between the nodes; without it this node is alone",
            )
            .secret()
            .fallback("REDIS_URL"),
            Key::new(
                "redis.ca_file",
                Kind::Path,
                "Who vouches for Redis in TLS; without it, whom this machine trusts",
            ),
            Key::new(
                "redis.cert_file",
                Kind::Path,
                "The certificate that this node shows to Redis",
            ),
            Key::new("redis.key_file", Kind::Path, "Its private key"),
            Key::new(
                "redis.key",
                Kind::Text,
                "First part of all channels, as the option `key` in Node.js",
            )
            .default("socket.io"),
            Key::new(
                "redis.mode",
                Kind::Choice(&["classic", "sharded"]),
                "Which wire is spoken between nodes",
            )
            .default("classic"),
            Key::new(
                "redis.room_subscriptions",
                Kind::Count,
                "Above this many rooms, one pattern is subscribed instead",
            )
            .default("100000"),
        ],
    },
    Group {
        title: "Socket.IO",
        keys: &[
            Key::new(
                "socketio.ping_interval",
                Kind::Duration,
                "Time between two pings",
            )
            .default("25s"),
            Key::new(
                "socketio.ping_timeout",
                Kind::Duration,
                "A client that is silent for longer is gone",
            )
            .default("20s"),
            Key::new(
                "socketio.transports",
                Kind::List,
                "How clients may connect: websocket, polling",
            )
            .default("websocket,polling"),
            Key::new(
                "socketio.parser",
                Kind::Choice(&["json", "msgpack"]),
                "How packets are encoded",
            )
            .default("json"),
            Key::new(
                "socketio.direct",
                Kind::Switch,
                "Whether events go straight into the queue of a WebSocket",
            )
            .default("true"),
            Key::new("ws.enabled", Kind::Switch, "Raw WebSocket at /ws").default("true"),
        ],
    },
    Group {
        title: "Gateways",
        keys: &[
            Key::new(
                "gateways",
                Kind::List,
                "The built-in gateways to serve, of: events, replies, resource, chat",
            )
            .default("events,replies,resource,chat"),
            Key::new(
                "gateway.exception_cause",
                Kind::Switch,
                "Whether an exception tells clients its cause",
            )
            .default("true"),
            Key::new(
                "rooms.joinable",
                Kind::List,
                "Patterns of the rooms that clients may join",
            )
            .default("*"),
            Key::new(
                "chat.online_users",
                Kind::Count,
                "How many users a list of who is online names",
            )
            .default("1000"),
        ],
    },
    Group {
        title: "Web",
        keys: &[
            Key::new(
                "cors.origins",
                Kind::List,
                "Origins of pages that may connect, or * for all of them",
            )
            .live()
            .default(""),
            Key::new(
                "pages.dir",
                Kind::Path,
                "Files to serve at / instead of the demo page",
            ),
            Key::new(
                "pages.client_file",
                Kind::Path,
                "The client script to serve at /socket.io/socket.io.js",
            ),
        ],
    },
    Group {
        title: "Signing in",
        keys: &[
            Key::new(
                "jwt.secret",
                Kind::Text,
                "The secret that tokens are signed with (HS256)",
            )
            .live()
            .secret()
            .fallback("JWT_SECRET"),
            Key::new(
                "jwt.public_key_file",
                Kind::Path,
                "A public key, PEM, for tokens in RS256, ES256 or EdDSA",
            )
            .live(),
            Key::new(
                "jwt.jwks_file",
                Kind::Path,
                "A set of such keys, JWKS, read again when it changes",
            )
            .live(),
            Key::new("jwt.issuer", Kind::Text, "The issuer that tokens must name").live(),
            Key::new(
                "jwt.audience",
                Kind::Text,
                "The audience that tokens must name",
            )
            .live(),
            Key::new("jwt.leeway", Kind::Duration, "How far clocks may differ")
                .live()
                .default("0s"),
            Key::new(
                "jwt.namespaces",
                Kind::List,
                "Namespaces that want a token, beside /chat",
            )
            .default(""),
        ],
    },
    Group {
        title: "Encryption and proxies",
        keys: &[
            Key::new(
                "tls.cert_file",
                Kind::Path,
                "The certificate of the public port, read again when it changes",
            ),
            Key::new("tls.key_file", Kind::Path, "Its private key"),
            Key::new(
                "proxies.trusted",
                Kind::List,
                "Networks of proxies that are believed about whose address a client has",
            )
            .default(""),
            Key::new(
                "session.key",
                Kind::Text,
                "What session ids are signed with; during a change: new,old",
            )
            .live()
            .secret(),
        ],
    },
    Group {
        title: "Limits",
        keys: &[
            Key::new(
                "limits.message_size",
                Kind::Size,
                "The largest message or polling body",
            )
            .default("1MB"),
            Key::new(
                "limits.write_stall",
                Kind::Duration,
                "A client that reads nothing for this long is disconnected",
            )
            .default("10s"),
            Key::new(
                "limits.send_queue",
                Kind::Size,
                "A client for which more than this waits is disconnected",
            )
            .live()
            .default("4MiB"),
            Key::new(
                "limits.connections",
                Kind::Count,
                "Clients' sessions on this node",
            )
            .live(),
            Key::new(
                "limits.connections_per_ip",
                Kind::Count,
                "Sessions from one address, or one /64 of IPv6",
            )
            .live(),
            Key::new(
                "limits.connects_per_second",
                Kind::Count,
                "New sessions per second",
            )
            .live(),
            Key::new(
                "limits.handshake_timeout",
                Kind::Duration,
                "Time to a connection's first request, and to a session's first namespace",
            )
            .default("30s"),
            Key::new(
                "limits.events_per_second",
                Kind::Count,
                "Events per second of one connection",
            )
            .live(),
            Key::new(
                "limits.events_burst",
                Kind::Count,
                "Events of one connection at once",
            )
            .live(),
            Key::new(
                "limits.rooms_per_socket",
                Kind::Count,
                "Rooms that one socket may join",
            )
            .live()
            .default("10000"),
            Key::new(
                "limits.namespaces_per_connection",
                Kind::Count,
                "Namespaces that one connection may be in",
            )
            .live()
            .default("100"),
        ],
    },
    Group {
        title: "Stopping",
        keys: &[
            Key::new(
                "drain.grace",
                Kind::Duration,
                "Not ready but still serving, so that the balancer notices",
            )
            .default("5s"),
            Key::new(
                "drain.rate",
                Kind::Count,
                "Connections closed per second after that",
            )
            .default("500"),
            Key::new(
                "drain.deadline",
                Kind::Duration,
                "The stop is over by then, grace included",
            )
            .default("60s"),
        ],
    },
    Group {
        title: "Log",
        keys: &[
            Key::new(
                "log.level",
                Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
                "How much is logged",
            )
            .live()
            .default("info"),
            Key::new(
                "log.format",
                Kind::Choice(&["text", "json"]),
                "For people or for machines",
            )
            .default("text"),
        ],
    },
    Group {
        title: "Traces",
        keys: &[
            Key::new(
                "traces.endpoint",
                Kind::Url,
                "A collector of traces, OTLP over HTTP; without it there are none",
            ),
            Key::new(
                "traces.one_in",
                Kind::Count,
                "Of so many events of clients one is traced",
            )
            .default("100"),
        ],
    },
];
