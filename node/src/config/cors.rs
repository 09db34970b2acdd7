//! Which pages of other origins may connect.

use super::parse::Value;

/// The pages whose scripts may connect. The node's own pages always may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CorsOrigins {
    /// Only pages that the node itself, or its balancer, serves.
    #[default]
    SameOrigin,
    /// Also pages of these origins, each as a browser writes it in its `Origin` header.
    Listed(Vec<String>),
    /// All pages.
    Any,
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Any,
    Origin(String),
}

impl CorsOrigins {
    pub(super) fn from_entries(entries: Vec<Entry>) -> Result<Self, String> {
        if entries.as_slice() == [Entry::Any] {
            return Ok(Self::Any);
        }
        let mut origins = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry {
                Entry::Origin(origin) => origins.push(origin),
                Entry::Any => {
                    return Err("expected * alone or a list of origins, not both".to_owned());
                }
            }
        }
        Ok(if origins.is_empty() {
            Self::SameOrigin
        } else {
            Self::Listed(origins)
        })
    }
}

impl Value for Entry {
    fn from_text(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        origin(text).map(Self::Origin).ok_or_else(|| {
            "expected * or an origin such as https://example.com:8443, without a path".to_owned()
        })
    }
}

/// `scheme://host[:port]` as browsers write it: in lower case, and without the port that goes without saying.
fn origin(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let mut letters = scheme.chars();
    if !letters.next()?.is_ascii_alphabetic()
        || !letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    {
        return None;
    }
    // The brackets of an IPv6 address keep its colons apart from the port's.
    let host_end = authority.find(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[host_end..].find(':') {
        Some(colon) => (
            &authority[..host_end + colon],
            Some(&authority[host_end + colon + 1..]),
        ),
        None => (authority, None),
    };
    if !is_host(host) {
        return None;
    }
    match (scheme, port) {
        (_, None) | ("http", Some("80")) | ("https", Some("443")) => {
            Some(format!("{scheme}://{host}"))
        }
        (_, Some(port)) => {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            let port: u16 = port.parse().ok().filter(|_| digits)?;
            Some(format!("{scheme}://{host}:{port}"))
        }
    }
}

fn is_host(host: &str) -> bool {
    match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        for (text, read) in [
            ("https://example.com", Some("https://example.com")),
            ("HTTPS://Example.COM:443", Some("https://example.com")),
            ("http://localhost:80", Some("http://localhost")),
            ("http://localhost:8080", Some("http://localhost:8080")),
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("http://[::1]", Some("http://[::1]")),
            ("capacitor://localhost", Some("capacitor://localhost")),
            ("https://example.com/", None),
            ("https://example.com/app", None),
            ("https://example.com?a", None),
            ("https://user@example.com", None),
            ("https://*.example.com", None),
            ("https://bücher.example", None),
            ("https://example.com:", None),
            ("https://example.com:+80", None),
            ("https://example.com:99999", None),
            ("https://", None),
            ("://example.com", None),
            ("example.com", None),
            ("null", None),
            ("", None),
        ] {
            let entry = Entry::from_text(text).ok();
            assert_eq!(
                entry,
                read.map(|origin| Entry::Origin(origin.to_owned())),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_star_stands_alone() {
        let page = || Entry::Origin("https://a".to_owned());

        assert_eq!(
            CorsOrigins::from_entries(vec![]),
            Ok(CorsOrigins::SameOrigin)
        );
        assert_eq!(
            CorsOrigins::from_entries(vec![Entry::Any]),
            Ok(CorsOrigins::Any)
        );
        assert_eq!(
            CorsOrigins::from_entries(vec![page()]),
            Ok(CorsOrigins::Listed(vec!["https://a".to_owned()]))
        );
        assert!(CorsOrigins::from_entries(vec![Entry::Any, page()]).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([a-z]{0,5}://)?[\\[\\]:@/.*0-9a-zé]*") {
            let _ = Entry::from_text(&text);
        }

        #[test]
        fn what_was_read_reads_the_same_again(text in "[a-z]{1,5}://[a-z.0-9]{1,9}(:[0-9]{1,5})?") {
            if let Ok(Entry::Origin(origin)) = Entry::from_text(&text) {
                prop_assert_eq!(Entry::from_text(&origin), Ok(Entry::Origin(origin)));
            }
        }
    }
}
