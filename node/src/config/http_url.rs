//! Where another server is found: the admin port of a node, or a collector.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::parse::Value;

/// The base URL of a server: `http`, a host, and perhaps a port and a path.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpUrl(http::Uri);

impl HttpUrl {
    /// Where a command line on the same machine finds what listens at `address`.
    pub(super) fn of(mut address: SocketAddr) -> Self {
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        // A zone (`fe80::1%2`) has no place in a URL.
        let uri = format!("http://{}", SocketAddr::new(address.ip(), address.port())).parse();
        Self(uri.expect("an address and a port make a URL"))
    }

    /// The host, without the brackets of an IPv6 address, and the port.
    pub fn authority(&self) -> (&str, u16) {
        let host = self.0.host().unwrap_or_default();
        (
            host.trim_matches(['[', ']']),
            self.0.port_u16().unwrap_or(80),
        )
    }

    /// The URL of `path`, which starts with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.to_string().trim_end_matches('/'))
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl FromStr for HttpUrl {
    type Err = String;

    /// Reads the URL; the error says what was expected.
    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a URL such as http://127.0.0.1:9090".to_owned();
        let uri: http::Uri = text.parse().map_err(|_| expected())?;
        let authority = uri.authority().ok_or_else(expected)?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err("expected a URL without a user or a query".to_owned());
        }
        let has_place = !authority.host().is_empty()
            && (authority.port_u16().is_some() || authority.as_str() == authority.host());
        if uri.scheme_str() != Some("http") || !has_place {
            return Err(expected());
        }
        Ok(Self(uri))
    }
}

impl Value for HttpUrl {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Debug for HttpUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_the_admin_port_is_http_and_a_place() {
        for (text, authority) in [
            ("http://127.0.0.1:9090", Some(("127.0.0.1", 9090))),
            ("http://[::1]:9090/", Some(("::1", 9090))),
            ("http://node.internal/roomcast", Some(("node.internal", 80))),
            ("https://127.0.0.1:9090", None),
            ("http://user:word@127.0.0.1:9090", None),
            ("http://127.0.0.1:9090/?a=b", None),
            ("http://127.0.0.1:", None),
            ("http://127.0.0.1:port", None),
            ("http://", None),
            ("127.0.0.1:9090", None),
            ("/live", None),
            ("", None),
        ] {
            let url = HttpUrl::from_text(text).ok();
            assert_eq!(url.as_ref().map(HttpUrl::authority), authority, "{text:?}");
        }
    }

    #[test]
    fn a_path_is_joined_with_one_slash() {
        for (base, joined) in [
            ("http://127.0.0.1:9090", "http://127.0.0.1:9090/live"),
            ("http://127.0.0.1:9090/", "http://127.0.0.1:9090/live"),
            ("http://balancer/roomcast/", "http://balancer/roomcast/live"),
        ] {
            assert_eq!(HttpUrl::from_text(base).unwrap().join("/live"), joined);
        }
    }

    #[test]
    fn what_listens_everywhere_is_asked_on_loopback() {
        for (address, url) in [
            ("0.0.0.0:9091", "http://127.0.0.1:9091"),
            ("[::]:9091", "http://[::1]:9091"),
            ("10.0.0.7:9091", "http://10.0.0.7:9091"),
            ("[fe80::1%2]:9091", "http://[fe80::1]:9091"),
        ] {
            assert_eq!(HttpUrl::of(address.parse().unwrap()).join(""), url);
        }
    }
}
