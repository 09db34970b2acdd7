//! What an operator types, and what comes of it.

mod messages;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use roomcast_gateway::RoomPattern;

use super::key::{Key, Kind, keys};
use super::*;

/// Reads `flags`, parted by spaces, `variables`, and a file with this text.
fn load(flags: &str, variables: &[(&str, &str)], file: Option<&str>) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roomcast.toml");
    let mut args: Vec<OsString> = flags.split_whitespace().map(OsString::from).collect();
    if let Some(text) = file {
        fs::write(&path, text).unwrap();
        args.extend([OsString::from("--config"), path.clone().into()]);
    }
    let variables = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    Config::load(args, variables).map_err(|errors| {
        let text = errors.to_string();
        assert_eq!(
            text.lines().count(),
            errors.iter().len(),
            "not one line each: {text}"
        );
        text.replace(path.to_str().unwrap(), "FILE")
    })
}

fn by_flags(flags: &str) -> Result<Config, String> {
    load(flags, &[], None)
}

fn by_variables(variables: &[(&str, &str)]) -> Result<Config, String> {
    load("", variables, None)
}

fn by_file(text: &str) -> Result<Config, String> {
    load("", &[], Some(text))
}

#[test]
fn what_nobody_sets_has_the_defaults() {
    let config = Config::default();

    assert_eq!(config.listen, "0.0.0.0:3000".parse().unwrap());
    assert_eq!(config.admin.listen, "127.0.0.1:9090".parse().unwrap());
    assert_eq!(
        config.admin.url.to_string().trim_end_matches('/'),
        "http://127.0.0.1:9090"
    );
    assert_eq!(config.redis.url, None);
    assert_eq!(config.redis.key, "socket.io");
    assert_eq!(config.redis.mode, RedisMode::Classic);
    assert_eq!(config.redis.room_subscriptions, 100_000);
    assert_eq!(config.cors.origins, CorsOrigins::SameOrigin);
    assert_eq!(config.pages, Pages::default());
    assert_eq!(config.rooms.joinable, RoomPatterns::all());
    assert_eq!(config.jwt, Jwt::default());
    assert_eq!(config.session, Session::default());
    assert!(config.gateway.exception_cause);
    assert_eq!(
        config.gateways,
        [
            BuiltIn::Events,
            BuiltIn::Replies,
            BuiltIn::Resource,
            BuiltIn::Chat
        ]
    );
    assert_eq!(config.socketio.ping_interval, Duration::from_secs(25));
    assert_eq!(config.socketio.ping_timeout, Duration::from_secs(20));
    assert_eq!(
        config.socketio.transports,
        [Transport::Websocket, Transport::Polling]
    );
    assert_eq!(config.socketio.parser, Parser::Json);
    assert_eq!(config.limits.message_size, 1_000_000);
    assert_eq!(config.limits.write_stall, Duration::from_secs(10));
    assert_eq!(config.workers, 1);
    assert_eq!(config.limits.send_queue, 4 << 20);
    assert_eq!(config.limits.connections, None);
    assert_eq!(config.limits.rooms_per_socket, 10_000);
    assert_eq!(config.limits.namespaces_per_connection, 100);
    assert_eq!(config.limits.events_per_second, None);
    assert_eq!(config.limits.handshake_timeout, Duration::from_secs(30));
    assert!(config.socketio.direct);
    assert_eq!(config.drain.grace, Duration::from_secs(5));
    assert_eq!(config.drain.rate, 500);
    assert_eq!(config.drain.deadline, Duration::from_secs(60));
    assert_eq!(config.log.level, LogLevel::Info);
    assert_eq!(config.log.format, LogFormat::Text);
}

/// For every key that this version acts on: a value, as text and as TOML, and a sign that it arrived.
type Arrived = fn(&Config) -> bool;
const EVERY_KEY: &[(&str, &str, &str, Arrived)] = &[
    ("listen", "[::1]:0", r#""[::1]:0""#, |c| c.listen.is_ipv6()),
    ("admin.listen", "127.0.0.1:0", r#""127.0.0.1:0""#, |c| {
        c.admin.listen.port() == 0
    }),
    ("admin.url", "http://node:81", r#""http://node:81""#, |c| {
        c.admin.url.authority() == ("node", 81)
    }),
    ("admin.token", "a-word", r#""a-word""#, |c| {
        c.admin.token == Some(Secret::new("a-word"))
    }),
    ("admin.body_size", "2MB", r#""2MB""#, |c| {
        c.admin.body_size == 2_000_000
    }),
    ("workers", "3", "3", |c| c.workers == 3),
    ("redis.url", "redis://redis", r#""redis://redis""#, |c| {
        c.redis
            .url
            .as_ref()
            .is_some_and(|url| url.expose() == "redis://redis")
    }),
    ("redis.ca_file", "/ca.pem", r#""/ca.pem""#, |c| {
        c.redis.tls.ca_file == Some(PathBuf::from("/ca.pem"))
    }),
    ("redis.cert_file", "/a.pem", r#""/a.pem""#, |c| {
        c.redis.tls.cert_file == Some(PathBuf::from("/a.pem"))
    }),
    ("redis.key_file", "/key.pem", r#""/key.pem""#, |c| {
        c.redis.tls.key_file == Some(PathBuf::from("/key.pem"))
    }),
    ("redis.key", "chat", r#""chat""#, |c| c.redis.key == "chat"),
    ("redis.mode", "classic", r#""classic""#, |c| {
        c.redis.mode == RedisMode::Classic
    }),
    ("redis.room_subscriptions", "7", "7", |c| {
        c.redis.room_subscriptions == 7
    }),
    ("socketio.ping_interval", "1m30s", r#""1m30s""#, |c| {
        c.socketio.ping_interval.as_secs() == 90
    }),
    ("socketio.ping_timeout", "500ms", r#""500ms""#, |c| {
        c.socketio.ping_timeout.as_millis() == 500
    }),
    ("socketio.transports", "polling", r#"["polling"]"#, |c| {
        c.socketio.transports == [Transport::Polling]
    }),
    ("socketio.parser", "msgpack", r#""msgpack""#, |c| {
        c.socketio.parser == Parser::Msgpack
    }),
    ("socketio.direct", "false", "false", |c| !c.socketio.direct),
    ("ws.enabled", "false", "false", |c| !c.ws.enabled),
    ("gateways", "", "[]", |c| c.gateways.is_empty()),
    ("gateway.exception_cause", "false", "false", |c| {
        !c.gateway.exception_cause
    }),
    (
        "rooms.joinable",
        "news,team-*",
        r#"["news", "team-*"]"#,
        |c| {
            let patterns = ["news", "team-*"].map(|text| RoomPattern::try_from(text.to_owned()));
            c.rooms.joinable == patterns.map(Result::unwrap).to_vec().into()
        },
    ),
    ("chat.online_users", "7", "7", |c| c.chat.online_users == 7),
    (
        "cors.origins",
        "https://a, https://b",
        r#"["https://a", "https://b"]"#,
        |c| {
            c.cors.origins
                == CorsOrigins::Listed(vec!["https://a".to_owned(), "https://b".to_owned()])
        },
    ),
    ("pages.dir", "/", r#""/""#, |c| {
        c.pages.dir == Some(PathBuf::from("/"))
    }),
    (
        "pages.client_file",
        "/dev/../etc/passwd",
        r#""/dev/../etc/passwd""#,
        |c| c.pages.client_file.is_some(),
    ),
    ("jwt.secret", "a word", r#""a word""#, |c| {
        c.jwt.secret == Some(Secret::new("a word"))
    }),
    ("jwt.public_key_file", "/a.pem", r#""/a.pem""#, |c| {
        c.jwt.public_key_file == Some(PathBuf::from("/a.pem"))
    }),
    ("jwt.jwks_file", "/a.json", r#""/a.json""#, |c| {
        c.jwt.jwks_file == Some(PathBuf::from("/a.json"))
    }),
    ("jwt.issuer", "login", r#""login""#, |c| {
        c.jwt.issuer.as_deref() == Some("login")
    }),
    ("jwt.audience", "chat", r#""chat""#, |c| {
        c.jwt.audience.as_deref() == Some("chat")
    }),
    ("jwt.leeway", "5s", r#""5s""#, |c| {
        c.jwt.leeway.as_secs() == 5
    }),
    ("jwt.namespaces", "/,/news", r#"["/", "/news"]"#, |c| {
        c.jwt.namespaces == ["/", "/news"]
    }),
    ("tls.cert_file", "/a.pem", r#""/a.pem""#, |c| {
        c.tls.as_ref().unwrap().cert_file == Path::new("/a.pem")
    }),
    ("tls.key_file", "/key.pem", r#""/key.pem""#, |c| {
        c.tls.as_ref().unwrap().key_file == Path::new("/key.pem")
    }),
    (
        "proxies.trusted",
        "10.0.0.0/8,::1",
        r#"["10.0.0.0/8", "::1"]"#,
        |c| c.proxies.trusted.len() == 2,
    ),
    (
        "session.key",
        "a key of thirty-two bytes or more, another of as many bytes as that",
        r#""a key of thirty-two bytes or more,another of as many bytes as that""#,
        |c| {
            let keys = [
                "a key of thirty-two bytes or more",
                "another of as many bytes as that",
            ];
            c.session.keys == keys.map(Secret::new)
        },
    ),
    ("limits.message_size", "1MiB", r#""1MiB""#, |c| {
        c.limits.message_size == 1 << 20
    }),
    ("limits.write_stall", "3s", r#""3s""#, |c| {
        c.limits.write_stall.as_secs() == 3
    }),
    ("limits.send_queue", "64KiB", r#""64KiB""#, |c| {
        c.limits.send_queue == 64 << 10
    }),
    ("limits.connections", "9", "9", |c| {
        c.limits.connections == Some(9)
    }),
    ("limits.connections_per_ip", "9", "9", |c| {
        c.limits.connections_per_ip == Some(9)
    }),
    ("limits.connects_per_second", "9", "9", |c| {
        c.limits.connects_per_second == Some(9)
    }),
    ("limits.handshake_timeout", "3s", r#""3s""#, |c| {
        c.limits.handshake_timeout.as_secs() == 3
    }),
    ("limits.events_per_second", "9", "9", |c| {
        c.limits.events_per_second == Some(9)
    }),
    ("limits.events_burst", "9", "9", |c| {
        c.limits.events_burst == Some(9)
    }),
    ("limits.rooms_per_socket", "9", "9", |c| {
        c.limits.rooms_per_socket == 9
    }),
    ("limits.namespaces_per_connection", "9", "9", |c| {
        c.limits.namespaces_per_connection == 9
    }),
    ("drain.grace", "0s", r#""0s""#, |c| c.drain.grace.is_zero()),
    ("drain.rate", "50", "50", |c| c.drain.rate == 50),
    ("drain.deadline", "2m", r#""2m""#, |c| {
        c.drain.deadline.as_secs() == 120
    }),
    ("log.level", "trace", r#""trace""#, |c| {
        c.log.level == LogLevel::Trace
    }),
    ("log.format", "json", r#""json""#, |c| {
        c.log.format == LogFormat::Json
    }),
    (
        "traces.endpoint",
        "http://collector:4318",
        r#""http://collector:4318""#,
        |c| c.traces.endpoint.as_ref().unwrap().authority() == ("collector", 4318),
    ),
    ("traces.one_in", "7", "7", |c| c.traces.one_in == 7),
];

#[test]
fn every_key_can_be_set_from_every_source() {
    let listed: Vec<_> = EVERY_KEY.iter().map(|(path, ..)| *path).collect();
    let available: Vec<_> = keys().map(|key| key.path).collect();
    assert_eq!(
        listed, available,
        "the list of this test is not that of the table"
    );

    for (path, text, toml, arrived) in EVERY_KEY {
        let key = Key::at(path).unwrap();
        // Some keys only stand beside others.
        let mut beside = vec![("JWT_SECRET", "another word")];
        match *path {
            "limits.events_burst" => beside.push(("ROOMCAST_LIMITS__EVENTS_PER_SECOND", "5")),
            "redis.ca_file" => beside.push(("REDIS_URL", "rediss://redis")),
            "redis.cert_file" => {
                beside.push(("REDIS_URL", "rediss://redis"));
                beside.push(("ROOMCAST_REDIS__KEY_FILE", "/key"));
            }
            "redis.key_file" => {
                beside.push(("REDIS_URL", "rediss://redis"));
                beside.push(("ROOMCAST_REDIS__CERT_FILE", "/cert"));
            }
            "tls.cert_file" => beside.push(("ROOMCAST_TLS__KEY_FILE", "/key")),
            "tls.key_file" => beside.push(("ROOMCAST_TLS__CERT_FILE", "/cert")),
            _ => {}
        }
        let by_args = |args: &[OsString]| {
            let variables = beside.iter().map(|(name, text)| (name.into(), text.into()));
            Config::load(args.iter().cloned(), variables)
        };
        let variable = key.variable();
        let mut variables = vec![(variable.as_str(), *text)];
        variables.extend(&beside);
        let by_flag = by_args(&[key.flag().into(), OsString::from(text)]);
        let by_joined_flag = by_args(&[format!("{}={text}", key.flag()).into()]);
        let by_variable = by_variables(&variables);
        let by_file = load("", &beside, Some(&format!("{path} = {toml}")));

        assert!(arrived(&by_flag.unwrap()), "{path} by flag");
        assert!(arrived(&by_joined_flag.unwrap()), "{path} by a flag with =");
        assert!(arrived(&by_variable.unwrap()), "{path} by variable");
        assert!(arrived(&by_file.unwrap()), "{path} by file");
    }
}

#[test]
fn every_secret_can_be_read_from_a_file() {
    let secrets = EVERY_KEY
        .iter()
        .filter(|(path, ..)| Key::at(path).unwrap().secret);
    let mut count = 0;
    for (path, text, _, arrived) in secrets {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("{text}\n")).unwrap();
        let variable = Key::at(path).unwrap().file_variable().unwrap();

        let config = by_variables(&[(&variable, file.path().to_str().unwrap())]);

        assert!(arrived(&config.unwrap()), "{variable}");
        count += 1;
    }
    assert!(count >= 3, "redis.url, jwt.secret and session.key at least");
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_other_conventions() {
    let file = "listen = '127.0.0.1:3'\nredis.url = 'redis://file'";
    let own = ("ROOMCAST_LISTEN", "127.0.0.1:2");
    let other = [("PORT", "4"), ("REDIS_URL", "redis://other")];
    let port = |outcome: Result<Config, String>| outcome.unwrap().listen.port();

    assert_eq!(
        port(load("--listen 127.0.0.1:1", &[own, other[0]], Some(file))),
        1
    );
    assert_eq!(port(load("", &[own, other[0]], Some(file))), 2);
    assert_eq!(port(load("", &other, Some(file))), 3);
    assert_eq!(port(by_variables(&other)), 4);

    let url = by_variables(&other).unwrap().redis.url.unwrap();
    assert_eq!(url.expose(), "redis://other");

    let secret = |outcome: Result<Config, String>| outcome.unwrap().jwt.secret.unwrap();
    let other = ("JWT_SECRET", "other");
    assert_eq!(secret(by_variables(&[other])).expose(), "other");
    let file = load("", &[other], Some("jwt.secret = 'file'"));
    assert_eq!(secret(file).expose(), "file");
}

#[test]
fn a_port_of_other_conventions_means_all_addresses() {
    assert_eq!(
        by_variables(&[("PORT", "8080")]).unwrap().listen,
        "0.0.0.0:8080".parse().unwrap()
    );
    assert_eq!(
        by_variables(&[("PORT", "http")]).unwrap_err(),
        r#"listen: "http" from environment PORT: expected a port, 0 to 65535"#
    );
}

#[test]
fn a_value_that_lost_is_not_judged() {
    let config = load(
        "--drain-rate 1",
        &[("ROOMCAST_DRAIN__RATE", "fast")],
        Some("drain.rate = []"),
    );

    assert_eq!(config.unwrap().drain.rate, 1);
}

#[test]
fn the_environment_names_a_file_unless_a_flag_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("of-environment.toml");
    fs::write(&path, "[drain]\nrate = 9").unwrap();
    let variable = ("ROOMCAST_CONFIG", path.to_str().unwrap());

    assert_eq!(by_variables(&[variable]).unwrap().drain.rate, 9);
    assert_eq!(load("", &[variable], Some("")).unwrap().drain.rate, 500);
}

#[test]
fn what_kubernetes_injects_is_ignored() {
    let config = by_variables(&[
        ("ROOMCAST_PORT", "tcp://10.0.0.1:3000"),
        ("ROOMCAST_PORT_3000_TCP_ADDR", "10.0.0.1"),
        ("ROOMCAST_SERVICE_HOST", "10.0.0.1"),
        ("ROOMCAST_SERVICE_PORT_HTTP", "3000"),
        ("PATH", "/bin"),
        ("ROOMCASTER", "somebody"),
    ]);

    assert_eq!(config, Ok(Config::default()));
}

#[test]
fn a_secret_is_read_from_a_file_without_its_final_newline() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    let variable = ("ROOMCAST_REDIS__URL_FILE", path.to_str().unwrap());

    for end in ["", "\n", "\r\n"] {
        fs::write(&path, format!("redis://:word@host{end}")).unwrap();

        let url = by_variables(&[variable]).unwrap().redis.url.unwrap();

        assert_eq!(url.expose(), "redis://:word@host");
    }
}

#[test]
fn a_secret_file_that_does_not_serve_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    let name = path.to_str().unwrap();
    let variable = ("ROOMCAST_REDIS__URL_FILE", name);

    let missing = by_variables(&[variable]).unwrap_err();
    fs::write(&path, "http://:word@host").unwrap();
    let wrong = by_variables(&[variable]).unwrap_err();
    let both =
        by_variables(&[variable, ("ROOMCAST_REDIS__URL", "redis://:word@host")]).unwrap_err();

    let from = format!("from file {name}, named by environment ROOMCAST_REDIS__URL_FILE");
    assert_eq!(
        missing,
        format!(
            "redis.url: no value {from}: expected a readable file: No such file or directory (os error 2)"
        )
    );
    assert!(
        wrong.starts_with(&format!(
            r#"redis.url: "http://host" {from}: expected a scheme"#
        )),
        "{wrong}"
    );
    assert_eq!(
        both,
        format!(
            r#"redis.url: "redis://host" from environment ROOMCAST_REDIS__URL: also set {from}, expected one of the two"#
        )
    );
}

#[test]
fn what_is_not_utf8_is_refused_and_does_not_panic() {
    let odd = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
    type Case = (Vec<OsString>, Vec<(OsString, OsString)>, &'static str);
    let cases: [Case; 6] = [
        (
            vec!["--log-level".into(), odd(b"in\xff")],
            vec![],
            "log.level: ",
        ),
        (vec![odd(b"--log-level=in\xff")], vec![], "log.level: "),
        (vec![odd(b"--\xff")], vec![], "--\u{fffd}: "),
        (vec![odd(b"--config=\xff")], vec![], "config: "),
        (
            vec![],
            vec![("ROOMCAST_LOG__LEVEL".into(), odd(b"\xff"))],
            "log.level: ",
        ),
        (
            vec![],
            vec![(odd(b"ROOMCAST_\xff"), "x".into())],
            "ROOMCAST_\u{fffd}: ",
        ),
    ];

    for (args, variables, start) in cases {
        let text = Config::load(args, variables).unwrap_err().to_string();
        assert!(text.starts_with(start), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn the_admin_url_follows_the_admin_port_unless_it_is_set() {
    let follows = by_flags("--admin-listen 0.0.0.0:9191").unwrap();
    let set = by_flags("--admin-listen 0.0.0.0:9191 --admin-url http://balancer:80").unwrap();

    assert_eq!(follows.admin.url.authority(), ("127.0.0.1", 9191));
    assert_eq!(set.admin.url.authority(), ("balancer", 80));
}

#[test]
fn both_ports_may_be_picked_by_the_system() {
    let config = by_flags("--listen 127.0.0.1:0 --admin-listen 127.0.0.1:0");

    assert!(config.is_ok(), "{config:?}");
}

#[test]
fn debug_hides_the_password() {
    let config = by_flags("--redis-url redis://user:word@host:6379/1").unwrap();

    let shown = format!("{config:?}");

    assert!(shown.contains("redis://host:6379/1"), "{shown}");
    assert!(!shown.contains("word"), "{shown}");
}

#[test]
fn every_choice_of_the_table_is_taken() {
    for key in keys() {
        if let Kind::Choice(words) = key.kind {
            for word in words {
                let outcome = by_flags(&format!("{} {word}", key.flag()));
                assert!(outcome.is_ok(), "{outcome:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_input_panics(
        args in prop::collection::vec("(--)?(listen|config|redis-url|drain-grace|gateways|\\PC{0,5})(=\\PC{0,9})?", 0..4),
        value in "\\PC{0,20}",
        file in "([a-z.\\[\\]= \n\"']|listen|redis|drain){0,12}",
    ) {
        let args: Vec<&str> = args.iter().map(String::as_str).filter(|arg| !arg.contains(char::is_whitespace)).collect();
        let _ = load(&args.join(" "), &[("ROOMCAST_LIMITS__MESSAGE_SIZE", &value), ("REDIS_URL", &value)], Some(&file));
    }
}
