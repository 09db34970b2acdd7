//! How a socket connected.

use std::{fmt, net::IpAddr, time::SystemTime};

use serde_json::Value;

/// What a socket connected with: the HTTP request of its connection, and the `auth` payload of its own.
///
/// `Debug` hides what may be a secret: `auth`, the values of the query, and the headers `authorization` and
/// `cookie`.
#[derive(Clone)]
pub struct Handshake {
    url: String,
    time: SystemTime,
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
    auth: Option<Value>,
    address: Option<IpAddr>,
    is_secure: bool,
}

impl Handshake {
    /// A handshake for `url`, path and query of the request, at `time`.
    pub fn new(url: impl Into<String>, time: SystemTime) -> Self {
        Self {
            url: url.into(),
            time,
            headers: Vec::new(),
            query: Vec::new(),
            auth: None,
            address: None,
            is_secure: false,
        }
    }

    /// Adds a header of the request.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Adds a parameter of the request's query, decoded.
    #[must_use]
    pub fn with_query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Sets the `auth` payload.
    #[must_use]
    pub fn with_auth(mut self, auth: Value) -> Self {
        self.auth = Some(auth);
        self
    }

    /// Sets the client's address.
    #[must_use]
    pub fn with_address(mut self, address: IpAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Says whether the connection to the node itself is encrypted.
    #[must_use]
    pub fn with_encryption(mut self, is_secure: bool) -> Self {
        self.is_secure = is_secure;
        self
    }

    /// Path and query of the request.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// When the socket connected.
    pub fn time(&self) -> SystemTime {
        self.time
    }

    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// All headers of the request, their names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.headers)
    }

    /// The first parameter of that name in the request's query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query_pairs()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// All parameters of the request's query, decoded.
    pub fn query_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.query)
    }

    /// The `auth` payload that the client connected to the namespace with.
    pub fn auth(&self) -> Option<&Value> {
        self.auth.as_ref()
    }

    /// The client's address, as far as the node trusts what it knows.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Whether the connection to the node itself is encrypted. Behind a balancer that decrypts it is not.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }
}

fn pairs(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HIDDEN: &str = "…";

        let path = self
            .url
            .split_once('?')
            .map_or(&*self.url, |(path, _)| path);
        let headers: Vec<_> = self
            .headers()
            .map(|(name, value)| match name {
                "authorization" | "cookie" => (name, HIDDEN),
                _ => (name, value),
            })
            .collect();
        let query: Vec<_> = self.query_pairs().map(|(name, _)| (name, HIDDEN)).collect();
        f.debug_struct("Handshake")
            .field("path", &path)
            .field("time", &self.time)
            .field("headers", &headers)
            .field("query", &query)
            .field("auth", &self.auth.as_ref().map(|_| HIDDEN))
            .field("address", &self.address)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_debug_print_shows_no_secret() {
        let handshake = Handshake::new("/socket.io/?token=s3cret", SystemTime::UNIX_EPOCH)
            .with_header("Authorization", "Bearer s3cret")
            .with_header("Cookie", "session=s3cret")
            .with_header("User-Agent", "tests")
            .with_query("token", "s3cret")
            .with_auth(json!({ "token": "s3cret" }));

        let printed = format!("{handshake:?}");

        assert!(!printed.contains("s3cret"), "{printed}");
        assert!(printed.contains("tests"), "{printed}");
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let handshake = Handshake::new("/", SystemTime::UNIX_EPOCH).with_header("X-Real-IP", "::1");

        assert_eq!(handshake.header("x-REAL-ip"), Some("::1"));
        assert_eq!(handshake.header("host"), None);
    }
}
