//! What an operator reads when something is wrong, word for word.

use super::*;

#[test]
fn every_mistake_has_a_line_that_says_how_to_mend_it() {
    let cases: &[(Result<Config, String>, &str)] = &[
        (
            by_variables(&[("ROOMCAST_REDIS__URL", "foo")]),
            r#"redis.url: "foo" from environment ROOMCAST_REDIS__URL: expected a URL such as redis://127.0.0.1:6379"#,
        ),
        (
            by_variables(&[("REDIS_URL", "")]),
            r#"redis.url: "" from environment REDIS_URL: expected a URL such as redis://127.0.0.1:6379"#,
        ),
        (
            by_flags("--redis-url http://user:word@host"),
            r#"redis.url: "http://host" from flag --redis-url: expected a scheme among redis, redis-sentinel, redis-cluster, redis+unix, or rediss in place of redis for TLS"#,
        ),
        (
            by_flags("--listen 3000"),
            r#"listen: "3000" from flag --listen: expected an IP address and a port, such as 0.0.0.0:3000 or [::1]:3000"#,
        ),
        (
            by_file("\n[socketio]\nping_interval = 25"),
            r#"socketio.ping_interval: "25" from file FILE line 3: expected a duration with its unit, such as 25s, 500ms or 1m30s"#,
        ),
        (
            by_file("log.level = ['info']"),
            r#"log.level: ["info"] from file FILE line 1: expected one value, not a list"#,
        ),
        (
            by_file("listen = { port = 1 }"),
            "listen: a table from file FILE line 1: expected a text, a number, true, false or a list of them",
        ),
        (
            by_file("cors.origins = ['https://a', 1979-05-27]"),
            "cors.origins: a list from file FILE line 1: expected a text, a number, true, false or a list of them",
        ),
        (
            by_flags("--socketio-transports websocket,pigeon"),
            r#"socketio.transports: "websocket,pigeon" from flag --socketio-transports: "pigeon" in the list: expected websocket or polling"#,
        ),
        (
            by_flags("--socketio-transports polling,polling"),
            r#"socketio.transports: "polling,polling" from flag --socketio-transports: expected each only once, "polling" comes again"#,
        ),
        (
            by_file("socketio.transports = []"),
            "socketio.transports: [] from file FILE line 1: expected at least one of websocket and polling",
        ),
        (
            by_flags("--gateways events,talk"),
            r#"gateways: "events,talk" from flag --gateways: "talk" in the list: expected events, replies, resource or chat"#,
        ),
        (
            by_file("rooms.joinable = ['news', '']"),
            r#"rooms.joinable: ["news", ""] from file FILE line 1: "" in the list: expected a pattern of 1 to 256 bytes, such as team-*"#,
        ),
        (
            by_flags("--session-key word"),
            "session.key: (hidden) from flag --session-key: expected keys of at least 32 bytes, such as `openssl rand \
             -base64 32` makes",
        ),
        (
            by_flags("--session-key a,b,c"),
            "session.key: (hidden) from flag --session-key: expected one key, or two with a comma between them: the new \
             one and the old one",
        ),
        (
            by_flags("--redis-url redis://redis --redis-ca-file /ca.pem"),
            r#"redis.ca_file: "/ca.pem" from flag --redis-ca-file: expected a redis.url that starts with rediss://"#,
        ),
        (
            by_flags("--redis-url rediss://redis --redis-cert-file /a.pem"),
            r#"redis.cert_file: "/a.pem" from flag --redis-cert-file: expected redis.key_file beside it"#,
        ),
        (
            by_flags("--redis-url rediss://redis --redis-key-file /a.pem"),
            r#"redis.key_file: "/a.pem" from flag --redis-key-file: expected redis.cert_file beside it"#,
        ),
        (
            by_flags("--redis-mode streams"),
            r#"redis.mode: "streams" from flag --redis-mode: expected classic or sharded"#,
        ),
        (
            by_flags("--cors-origins https://a/b"),
            r#"cors.origins: "https://a/b" from flag --cors-origins: "https://a/b" in the list: expected * or an origin such as https://example.com:8443, without a path"#,
        ),
        (
            by_flags("--cors-origins *,https://a"),
            r#"cors.origins: "*,https://a" from flag --cors-origins: expected * alone or a list of origins, not both"#,
        ),
        (
            by_flags("--redis-key="),
            r#"redis.key: "" from flag --redis-key: expected a key that is not empty"#,
        ),
        (
            by_flags("--redis-key {a}"),
            r#"redis.key: "{a}" from flag --redis-key: expected a key without '{': Redis Cluster hashes what stands between braces"#,
        ),
        (
            by_flags("--redis-key a*"),
            r#"redis.key: "a*" from flag --redis-key: expected a key without '*': Node.js servers subscribe to a pattern that starts with the key"#,
        ),
        (
            by_variables(&[("ROOMCAST_REDIS__KEY", "a\0")]),
            r#"redis.key: "a\0" from environment ROOMCAST_REDIS__KEY: expected a key without '\0': control characters are invisible"#,
        ),
        (
            by_flags("--limits-message-size 1023"),
            r#"limits.message_size: "1023" from flag --limits-message-size: expected at least 1KiB, or no handshake would fit"#,
        ),
        (
            by_flags("--limits-write-stall 0s"),
            r#"limits.write_stall: "0s" from flag --limits-write-stall: expected more than no time"#,
        ),
        (
            by_flags("--socketio-ping-timeout 0s"),
            r#"socketio.ping_timeout: "0s" from flag --socketio-ping-timeout: expected more than no time"#,
        ),
        (
            by_flags("--socketio-ping-interval 0s"),
            r#"socketio.ping_interval: "0s" from flag --socketio-ping-interval: expected more than no time"#,
        ),
        (
            by_flags("--drain-rate 0"),
            r#"drain.rate: "0" from flag --drain-rate: expected at least one connection per second"#,
        ),
        (
            by_flags("--drain-rate 4294967296"),
            r#"drain.rate: "4294967296" from flag --drain-rate: expected a whole number of at most 4294967295"#,
        ),
        (
            by_variables(&[("ROOMCAST_DRAIN__GRACE", "2m")]),
            r#"drain.deadline: "60s" by default: expected no less than drain.grace, which is "2m" from environment ROOMCAST_DRAIN__GRACE"#,
        ),
        (
            by_flags("--admin-listen 127.0.0.1:3000"),
            r#"admin.listen: "127.0.0.1:3000" from flag --admin-listen: expected another port than that of listen, which is "0.0.0.0:3000" by default"#,
        ),
        (
            by_flags("--pages-dir /no/such/folder"),
            r#"pages.dir: "/no/such/folder" from flag --pages-dir: expected a folder that exists and can be entered"#,
        ),
        (
            by_flags("--pages-client-file /"),
            r#"pages.client_file: "/" from flag --pages-client-file: expected a file that exists"#,
        ),
        (
            by_flags("--gateway-exception-cause yes"),
            r#"gateway.exception_cause: "yes" from flag --gateway-exception-cause: expected true or false"#,
        ),
        (
            by_flags("--config /no/such/file.toml"),
            r#"config: "/no/such/file.toml" from flag --config: expected a readable file: No such file or directory (os error 2)"#,
        ),
    ];

    for (outcome, line) in cases {
        assert_eq!(outcome.as_ref().unwrap_err(), line);
    }
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_known_one() {
    let cases: &[(Result<Config, String>, &str)] = &[
        (
            by_flags("--lisen x"),
            r#"--lisen: "x" on the command line: unknown key, did you mean --listen?"#,
        ),
        (
            by_flags("--lisen=x"),
            r#"--lisen: "x" on the command line: unknown key, did you mean --listen?"#,
        ),
        (
            by_flags("--confg x"),
            r#"--confg: (hidden) on the command line: unknown key, did you mean --config?"#,
        ),
        (
            by_flags("--colour blue"),
            "--colour: (hidden) on the command line: unknown key, no flag has a name like it",
        ),
        (
            by_flags("-x"),
            "-x: no value on the command line: unknown key, no flag has a name like it",
        ),
        (
            by_flags("serve"),
            r#""serve" on the command line: expected a flag, such as --listen"#,
        ),
        (
            by_variables(&[("ROOMCAST_REDIS_URL", "redis://:word@host")]),
            r#"ROOMCAST_REDIS_URL: "redis://host" from environment: unknown key, did you mean ROOMCAST_REDIS__URL?"#,
        ),
        (
            by_variables(&[("ROOMCAST_JWT__SECERT", "word")]),
            "ROOMCAST_JWT__SECERT: (hidden) from environment: unknown key, did you mean ROOMCAST_JWT__SECRET?",
        ),
        (
            by_variables(&[("ROOMCAST_REDIS_URL_FILE", "/run/url")]),
            r#"ROOMCAST_REDIS_URL_FILE: "/run/url" from environment: unknown key, did you mean ROOMCAST_REDIS__URL_FILE?"#,
        ),
        (
            by_variables(&[("ROOMCAST_CONFIGS", "a.toml")]),
            r#"ROOMCAST_CONFIGS: (hidden) from environment: unknown key, did you mean ROOMCAST_CONFIG?"#,
        ),
        (
            by_variables(&[("ROOMCAST_COLOUR", "blue")]),
            "ROOMCAST_COLOUR: (hidden) from environment: unknown key, no key has a name like it",
        ),
        (
            by_variables(&[("ROOMCAST_HAPROXY_SERVICE_HOST", "10.0.0.1")]),
            "ROOMCAST_HAPROXY_SERVICE_HOST: (hidden) from environment: unknown key, \
             if Kubernetes set it for a Service, set enableServiceLinks to false",
        ),
        (
            by_file("\n[redis]\nulr = 'redis://:word@host'"),
            r#"redis.ulr: "redis://host" from file FILE line 3: unknown key, did you mean redis.url?"#,
        ),
        (
            by_file("message_size = 1"),
            r#"message_size: "1" from file FILE line 1: unknown key, did you mean limits.message_size?"#,
        ),
        (
            by_file("drain = '5s'"),
            "drain: (hidden) from file FILE line 1: unknown key, did you mean one of drain.grace, drain.rate, drain.deadline?",
        ),
        (
            by_file("[limts]\nmessage_size = 1"),
            "limts: (hidden) from file FILE line 1: unknown key, did you mean [limits]?",
        ),
        (
            by_file("[colours]\nsky = 'blue'"),
            "colours: (hidden) from file FILE line 1: unknown key, no key has a name like it",
        ),
        (
            by_file("[lisen]"),
            "lisen: a table from file FILE line 1: unknown key, did you mean listen?",
        ),
    ];

    for (outcome, line) in cases {
        assert_eq!(outcome.as_ref().unwrap_err(), line);
    }
}

#[test]
fn all_mistakes_of_all_sources_are_reported_at_once() {
    let text = load(
        "--lisen x --drain-rate fast --log-level",
        &[("ROOMCAST_LOG__FORMAT", "xml"), ("ROOMCAST_CLOUR", "blue")],
        Some("session.key = 'word'\n[limits]\nmessage_size = '1M'\n[redis]\nkye = 'a'"),
    )
    .unwrap_err();

    let starts: Vec<_> = text
        .lines()
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(
        starts,
        [
            "--lisen",
            "log.level",
            "ROOMCAST_CLOUR",
            "redis.kye",
            "session.key",
            "limits.message_size",
            "drain.rate",
            "log.format",
        ]
    );
}

#[test]
fn a_check_of_two_keys_waits_until_both_are_right() {
    let text = by_flags("--drain-grace soon --drain-deadline 1s").unwrap_err();

    assert!(text.starts_with("drain.grace: "), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    let text = by_file("listen = '127.0.0.1:1'\nadmin = = 1\n").unwrap_err();

    assert!(
        text.starts_with("the text from file FILE line 2: expected TOML: "),
        "{text}"
    );
}

#[test]
fn a_flag_needs_a_value_and_comes_once() {
    let cases = [
        (
            "--listen",
            "listen: no value from flag --listen: expected a value after the flag or after =",
        ),
        (
            "--config",
            "config: no value from flag --config: expected a value after the flag or after =",
        ),
        (
            "--log-level --log-format json",
            "log.level: no value from flag --log-level: expected a value after the flag or after =",
        ),
        (
            "--drain-rate 1 --drain-rate 2",
            r#"drain.rate: "2" from flag --drain-rate: also set from flag --drain-rate, expected one of the two"#,
        ),
        (
            "--config /dev/null --config /dev/null",
            r#"config: "/dev/null" from flag --config: also set from flag --config, expected one of the two"#,
        ),
    ];

    for (flags, line) in cases {
        assert_eq!(by_flags(flags).unwrap_err(), line);
    }
}

#[test]
fn a_value_that_starts_with_a_dash_is_still_the_value() {
    assert_eq!(
        by_flags("--drain-rate -5").unwrap_err(),
        r#"drain.rate: "-5" from flag --drain-rate: expected a whole number"#
    );
}

#[test]
fn help_asked_of_an_embedded_node_lists_the_flags() {
    let text = by_flags("--help").unwrap_err();

    for key in keys() {
        assert!(text.contains(&key.flag()), "{} is missing", key.flag());
    }
}

#[test]
fn an_admin_token_that_no_header_can_hold_is_refused_and_not_shown() {
    for token in ["two words", "schlüssel"] {
        let text = by_variables(&[("ROOMCAST_ADMIN__TOKEN", token)]).unwrap_err();

        assert_eq!(
            text,
            "admin.token: (hidden) from environment ROOMCAST_ADMIN__TOKEN: expected letters, digits and signs of \
             ASCII without spaces, since it stands in a header"
        );
    }
}

#[test]
fn what_would_make_tokens_worthless_is_refused() {
    let cases = [
        (
            by_flags("--jwt-issuer login"),
            r#"jwt.issuer: "login" from flag --jwt-issuer: expected jwt.secret, jwt.public_key_file or jwt.jwks_file beside it"#,
        ),
        (
            by_flags("--jwt-namespaces /,/news"),
            r#"jwt.namespaces: "/,/news" from flag --jwt-namespaces: expected jwt.secret, jwt.public_key_file or jwt.jwks_file beside it"#,
        ),
        (
            by_flags("--jwt-namespaces /,news --jwt-secret word"),
            r#"jwt.namespaces: "/,news" from flag --jwt-namespaces: expected namespaces, which start with /, unlike "news""#,
        ),
        (
            by_file("jwt = { secret = 'word', audience = '' }"),
            r#"jwt.audience: "" from file FILE line 1: expected a text that is not empty"#,
        ),
        (
            by_variables(&[("JWT_SECRET", " ")]),
            "jwt.secret: (hidden) from environment JWT_SECRET: expected a secret that is not empty",
        ),
        (
            by_variables(&[("ROOMCAST_JWT__SECRET", "-----BEGIN PUBLIC KEY-----")]),
            "jwt.secret: (hidden) from environment ROOMCAST_JWT__SECRET: expected a secret, not a key in PEM: \
             whoever knows a public key could sign with it; jwt.public_key_file takes one",
        ),
        (
            by_flags("--jwt-leeway long"),
            r#"jwt.leeway: "long" from flag --jwt-leeway: expected a duration with its unit, such as 25s, 500ms or 1m30s"#,
        ),
    ];

    for (outcome, line) in cases {
        assert_eq!(outcome.as_ref().unwrap_err(), line);
    }
}
