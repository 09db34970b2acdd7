//! The URL of Redis: which schemes there are, and what of it may be shown.

use std::fmt;

use super::parse::Value;

/// Where Redis is, as the Redis client takes it. May hold a password, so neither `Debug` nor `Display` shows all of it.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

/// What the client connects to; the same with `valkey` in place of `redis`, and all but the last with TLS as `rediss`.
const SCHEMES: [&str; 4] = ["redis", "redis-sentinel", "redis-cluster", "redis+unix"];

impl RedisUrl {
    /// The whole URL with its password. Hand it to the Redis client and nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it asks for TLS, as `rediss://` does.
    pub fn uses_tls(&self) -> bool {
        self.scheme().starts_with("rediss")
    }

    /// The same URL without that wish.
    pub(crate) fn without_tls(&self) -> String {
        let (_, rest) = self.0.split_once("://").unwrap_or_default();
        format!("{}://{rest}", self.scheme().replacen("rediss", "redis", 1))
    }

    /// The database in the query of a URL whose path is taken by a socket.
    pub(crate) fn socket_database(&self) -> Option<u8> {
        socket_database(&self.0)?.parse().ok()
    }

    fn scheme(&self) -> String {
        let scheme = self.0.split(':').next().unwrap_or_default();
        scheme.to_lowercase().replacen("valkey", "redis", 1)
    }
}

impl Value for RedisUrl {
    /// Checks the scheme and that something follows it; the rest is for the Redis client to read.
    fn from_text(text: &str) -> Result<Self, String> {
        let expected = || "expected a URL such as redis://127.0.0.1:6379".to_owned();
        if text.contains(char::is_whitespace) {
            return Err("expected a URL, which has no spaces".to_owned());
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(expected)?;
        let scheme = scheme.to_lowercase().replacen("valkey", "redis", 1);
        let plain = scheme.replacen("rediss", "redis", 1);
        if !SCHEMES.contains(&plain.as_str()) || scheme == "rediss+unix" {
            return Err(format!(
                "expected a scheme among {}, or rediss in place of redis for TLS",
                SCHEMES.join(", ")
            ));
        }
        if scheme.ends_with("+unix") {
            let socket = rest.split_once('/').map_or("", |(_, path)| path);
            if socket.is_empty() {
                return Err(
                    "expected the path of a socket, such as redis+unix:///run/redis.sock"
                        .to_owned(),
                );
            }
            if socket_database(text).is_some_and(|number| number.parse::<u8>().is_err()) {
                return Err(
                    "expected the number of a database, such as redis+unix:///run/redis.sock?db=1"
                        .to_owned(),
                );
            }
        } else {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let host = authority.rsplit('@').next().unwrap_or_default();
            if host.is_empty() || host.starts_with(':') {
                return Err("expected a host, as in redis://127.0.0.1:6379".to_owned());
            }
            if plain == "redis-sentinel" && !rest.contains("sentinelServiceName=") {
                return Err(
                    "expected the name of the master, as in redis-sentinel://host:26379?sentinelServiceName=mymaster"
                        .to_owned(),
                );
            }
        }
        Ok(Self(text.to_owned()))
    }
}

fn socket_database(text: &str) -> Option<String> {
    let (_, query) = text.split_once('?')?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "db")
        .map(|(_, number)| number.into_owned())
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&redacted(&self.0))
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", redacted(&self.0))
    }
}

/// What may be shown of `text`, which may be a URL or an attempt at one.
///
/// Everything before the last `@` and after the first `?` may hold a password. So may what stands where a port should
/// be: `redis://:secret` is a password whose `@host` was forgotten.
pub(super) fn redacted(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let rest = rest.rsplit('@').next().unwrap_or_default();
    let (place, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
    let (host, port) = match place.rsplit_once(':') {
        // The last colon of a bare IPv6 address is no port's.
        Some((host, port)) if !port.contains(']') => (host, format!(":{port}")),
        _ => (place, String::new()),
    };
    let is_port = |c: char| c.is_ascii_digit() || c == '/';
    let port = if port.chars().skip(1).all(is_port) {
        port.as_str()
    } else {
        ":…"
    };
    let host = if host.contains(':') && !host.starts_with('[') {
        "…"
    } else {
        host
    };
    let query = if query.is_empty() { "" } else { "?…" };
    format!("{scheme}{host}{port}{query}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_scheme_of_the_client_is_taken() {
        for text in [
            "redis://localhost",
            "redis://user:word@[::1]:6379/1",
            "REDIS://localhost",
            "valkey://localhost",
            "redis-sentinel://a:26379?sentinelServiceName=main&node=b:26379",
            "valkey-cluster://a:7000?node=b:7000",
            "redis+unix:///run/redis.sock",
            "redis+unix://user:word@any/run/redis.sock?db=1",
            "rediss://localhost",
            "valkeys-cluster://localhost:7000",
            "REDISS-sentinel://a?sentinelServiceName=main",
        ] {
            let url = RedisUrl::from_text(text).unwrap();
            assert_eq!(url.expose(), text);
            assert!(!url.without_tls().starts_with("rediss"));
            let with_tls = ["rediss://", "valkeys-", "REDISS-"];
            assert_eq!(
                url.uses_tls(),
                with_tls.iter().any(|scheme| text.starts_with(scheme))
            );
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "a URL such as"),
            ("foo", "a URL such as"),
            ("localhost:6379", "a URL such as"),
            ("http://localhost", "a scheme among"),
            ("redis-ring://localhost", "a scheme among"),
            ("redisss://localhost", "rediss in place of redis"),
            ("rediss+unix:///run/redis.sock", "a scheme among"),
            ("redis-sentinel://a:26379", "the name of the master"),
            ("redis+unix:///run/redis.sock?db=x", "number of a database"),
            ("redis://", "a host"),
            ("redis://:6379", "a host"),
            ("redis://user:word@", "a host"),
            ("redis:///1", "a host"),
            ("redis+unix://", "path of a socket"),
            ("redis://a b", "no spaces"),
        ] {
            let refusal = RedisUrl::from_text(text).unwrap_err();
            assert!(refusal.contains(reason), "{text:?}: {refusal}");
        }
    }

    #[test]
    fn what_is_shown_has_no_password() {
        for (text, shown) in [
            ("foo", "foo"),
            ("localhost:6379", "localhost:6379"),
            ("redis://localhost:6379/1", "redis://localhost:6379/1"),
            ("redis://:word@localhost", "redis://localhost"),
            ("redis://user:w@/o?rd@[::1]:6379", "redis://[::1]:6379"),
            ("redis://[::1]", "redis://[::1]"),
            ("redis://:word", "redis://:…"),
            ("redis://user:word:6379", "redis://…:6379"),
            ("user:word@localhost", "localhost"),
            (
                "redis-sentinel://a:1?sentinelPassword=word",
                "redis-sentinel://a:1?…",
            ),
            (
                "redis+unix://user:word@any/run/redis.sock",
                "redis+unix://any/run/redis.sock",
            ),
        ] {
            assert_eq!(redacted(text), shown);
            assert_eq!(
                format!("{:?}", RedisUrl(text.to_owned())),
                format!("{shown:?}")
            );
            assert_eq!(RedisUrl(text.to_owned()).to_string(), shown);
        }
    }

    proptest! {
        #[test]
        fn reading_and_showing_never_panic(text in "(redis|valkeys?)?(\\+unix)?(://)?\\PC*") {
            let _ = RedisUrl::from_text(&text);
            let _ = redacted(&text);
        }

        #[test]
        fn a_password_before_the_host_is_never_shown(user in "[a-z]{0,4}", word in "SECRET[!-~]{0,8}", host in "[a-z]{1,9}") {
            prop_assert_eq!(redacted(&format!("redis://{user}:{word}@{host}:6379")), format!("redis://{host}:6379"));
        }
    }
}
