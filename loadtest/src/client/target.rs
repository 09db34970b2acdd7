//! Where a client connects to: a URL taken apart, and the addresses behind it.

use std::net::SocketAddr;
use std::time::Duration;

use http::Uri;
use tokio::net::{TcpSocket, TcpStream};

use super::error::ConnectError;

/// The error number of "too many open files", the same on Linux, the BSDs and macOS.
const EMFILE: i32 = 24;

/// A server, as a URL names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host and port, as the `Host` header has them.
    authority: String,
    host: String,
    port: u16,
}

impl Target {
    /// Takes `http://host:port` or `ws://host:port`; the port is 80 where none is given.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Url`] for anything else: TLS is not supported, and a namespace is not part of the URL.
    pub fn parse(url: &str) -> Result<Self, ConnectError> {
        let refuse = |reason| ConnectError::Url {
            url: url.to_owned(),
            reason,
        };
        let uri: Uri = url.parse().map_err(|_| refuse("it is no url"))?;
        match uri.scheme_str() {
            Some("http" | "ws") => {}
            Some("https" | "wss") => return Err(refuse("TLS is not supported")),
            _ => return Err(refuse("it does not begin with http:// or ws://")),
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(refuse("only a host and a port may be in it"));
        }
        let authority = uri.authority().ok_or_else(|| refuse("it has no host"))?;
        Ok(Self {
            authority: authority.to_string(),
            host: authority
                .host()
                .trim_matches(|bracket| matches!(bracket, '[' | ']'))
                .to_owned(),
            port: authority.port_u16().unwrap_or(80),
        })
    }

    /// Host and port, as the `Host` header has them.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Looks the host up.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Resolve`] if it has no address.
    pub async fn resolve(&self) -> Result<Vec<SocketAddr>, ConnectError> {
        let fail = |source| ConnectError::Resolve {
            host: self.authority.clone(),
            source,
        };
        let addresses: Vec<_> = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(fail)?
            .collect();
        if addresses.is_empty() {
            return Err(fail(std::io::ErrorKind::NotFound.into()));
        }
        Ok(addresses)
    }

    /// Opens a TCP connection to the first address that takes it.
    pub(crate) async fn dial(
        &self,
        receive_buffer: Option<u32>,
    ) -> Result<TcpStream, ConnectError> {
        let mut last = None;
        for address in self.resolve().await? {
            match dial(address, receive_buffer).await {
                Ok(stream) => return Ok(stream),
                Err(source) if source.raw_os_error() == Some(EMFILE) => {
                    return Err(ConnectError::TooManyFiles);
                }
                Err(source) => last = Some(ConnectError::Tcp { address, source }),
            }
        }
        Err(last.expect("resolve gives at least one address"))
    }
}

async fn dial(address: SocketAddr, receive_buffer: Option<u32>) -> std::io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // The size has to be set before the connection is made: it is announced with the first segment.
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Waits for `future`, but not past `limit`, which is counted from `start`.
pub(crate) async fn in_time<T>(
    step: &'static str,
    start: tokio::time::Instant,
    limit: Duration,
    future: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    tokio::time::timeout_at(start + limit, future)
        .await
        .map_err(|_| ConnectError::Timeout { step, after: limit })?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_host_and_a_port() {
        let target = Target::parse("http://127.0.0.1:3000").unwrap();
        assert_eq!(
            (target.authority(), target.host.as_str(), target.port),
            ("127.0.0.1:3000", "127.0.0.1", 3000)
        );

        let target = Target::parse("ws://[::1]:3000/").unwrap();
        assert_eq!(
            (target.authority(), target.host.as_str()),
            ("[::1]:3000", "::1")
        );

        assert_eq!(Target::parse("http://localhost").unwrap().port, 80);
    }

    #[test]
    fn a_url_that_cannot_be_used_is_refused_with_the_reason() {
        for (url, reason) in [
            ("https://localhost", "TLS is not supported"),
            ("localhost:3000", "it does not begin with"),
            ("http://localhost/chat", "only a host and a port"),
            ("http://", "it is no url"),
        ] {
            let error = Target::parse(url).unwrap_err().to_string();
            assert!(error.contains(url) && error.contains(reason), "{error}");
        }
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_named_in_the_error() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let target = Target::parse(&format!("http://{address}")).unwrap();

        let error = target.dial(None).await.unwrap_err();

        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}
