//! Pure: whose address a connection and a request are, seen through the proxies that are trusted.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;
use proxy_header::{Error, ParseConfig, ProxyHeader};

/// Behind each other, the client first.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How both versions of a PROXY header begin.
const SIGNATURES: [&[u8]; 2] = [b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];

/// The longest that is read: the addresses are far shorter, what else a proxy may tell is of no use here.
const LONGEST: usize = 4096;

/// The networks of trusted proxies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proxies(std::sync::Arc<[IpNet]>);

/// What stands at the start of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// No PROXY header.
    Other,
    /// The beginning of one, perhaps.
    Partial,
    /// One of so many bytes. The address is missing where the proxy speaks for itself.
    Header(Option<IpAddr>, usize),
    /// One that cannot be read.
    Malformed,
}

impl Proxies {
    pub(crate) fn new(trusted: &[IpNet]) -> Self {
        Self(trusted.into())
    }

    /// Whether a peer of this address is believed.
    pub(crate) fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whose request it is that came from `peer`: of those who passed it on, the last that is no trusted proxy.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let named = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        for name in named {
            if !self.trust(client) {
                break;
            }
            // What cannot be read hides whoever is behind it.
            let Some(next) = address(name) else { break };
            client = next.to_canonical();
        }
        client
    }
}

/// What a connection starts with, as far as it is known.
pub(crate) fn start(bytes: &[u8]) -> Start {
    if !begins_one(bytes) {
        return Start::Other;
    }
    match ProxyHeader::parse(bytes, ParseConfig::default()) {
        Ok((header, len)) => {
            let address = header.proxied_address();
            Start::Header(address.map(|it| it.source.ip().to_canonical()), len)
        }
        Err(Error::BufferTooShort) if bytes.len() < LONGEST => Start::Partial,
        Err(_) if bytes.len() < SIGNATURES[0].len() => Start::Partial,
        Err(_) => Start::Malformed,
    }
}

/// Whether these bytes are those of a PROXY header, as far as they go.
pub(crate) fn begins_one(bytes: &[u8]) -> bool {
    let is_like = |signature: &&[u8]| {
        bytes
            .iter()
            .zip(*signature)
            .all(|(one, other)| one == other)
    };
    !bytes.is_empty() && SIGNATURES.iter().any(is_like)
}

/// An address as proxies write it: alone, or with a port, IPv6 then in brackets.
fn address(name: &[u8]) -> Option<IpAddr> {
    let name = std::str::from_utf8(name).ok()?.trim();
    let bare = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(name)
        .parse()
        .ok()
        .or_else(|| Some(name.parse::<std::net::SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn proxies() -> Proxies {
        Proxies::new(&["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()])
    }

    fn client(peer: &str, lines: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        proxies()
            .client(peer.parse().unwrap(), &headers)
            .to_string()
    }

    #[test]
    fn the_last_address_that_is_not_trusted_is_the_clients() {
        let lines = &["6.6.6.6, 192.0.2.7, 10.0.0.2"];
        assert_eq!(client("10.0.0.1", lines), "192.0.2.7");
        assert_eq!(client("::ffff:10.0.0.1", lines), "192.0.2.7");
        assert_eq!(client("fd00::1", &["2001:db8::1"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "192.0.2.7"]), "192.0.2.7");
        assert_eq!(client("10.0.0.1", &["192.0.2.7:81"]), "192.0.2.7");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]:81"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client("10.0.0.1", &["10.0.0.9,10.0.0.8"]), "10.0.0.9");
    }

    #[test]
    fn nobody_else_is_believed_and_what_cannot_be_read_ends_the_search() {
        assert_eq!(client("192.0.2.1", &["6.6.6.6"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["6.6.6.6, unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["6.6.6.6, _x, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(client("10.0.0.1", &[""]), "10.0.0.1");
    }

    #[test]
    fn both_versions_of_the_proxy_protocol_are_read_however_they_come() {
        let text = b"PROXY TCP4 192.0.2.7 10.0.0.1 5000 3000\r\n";
        let binary =
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x13\x88\x0b\xb8";
        let address = Some("192.0.2.7".parse().unwrap());
        for header in [&text[..], &binary[..]] {
            for cut in 1..header.len() {
                assert_eq!(start(&header[..cut]), Start::Partial, "{cut} bytes");
            }
            let more = [header, b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(start(&more), Start::Header(address, header.len()));
        }
        let unknown = b"PROXY UNKNOWN\r\n";
        assert_eq!(start(unknown), Start::Header(None, unknown.len()));
        let own = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
        assert_eq!(start(own), Start::Header(None, own.len()));
    }

    #[test]
    fn what_is_none_or_none_that_can_be_read_is_told_apart() {
        for request in ["GET / HTTP/1.1\r\n", "POST", "PUT / HTTP/1.1", "P!"] {
            assert_eq!(start(request.as_bytes()), Start::Other, "{request}");
        }
        let bad = [
            "PROXY TCP4 a b c d\r\n".to_owned(),
            format!("PROXY {}", "x".repeat(5000)),
        ];
        for header in bad {
            assert_eq!(start(header.as_bytes()), Start::Malformed, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, version in 0_usize..3) {
            let signature = SIGNATURES.get(version).copied().unwrap_or_default();
            let _ = start(&[signature, &bytes].concat());
            let _ = address(&bytes);
        }
    }
}
