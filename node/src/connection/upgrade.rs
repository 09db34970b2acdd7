//! From HTTP to WebSocket: checks the request, answers 101, and hands over the bare stream.
//!
//! The engine parses the query again and can only fail after the 101, so what it would refuse in it is refused here. Only
//! an id that no session has is found after the 101, which then closes.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header,
    request::Parts,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use socketioxide_core::Sid;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Connection, Stream};
use crate::{
    http::{Body, text},
    limit::Refused,
};

/// A request to open a WebSocket that was found good.
#[derive(Debug)]
pub(crate) struct Upgrade {
    accept: HeaderValue,
    /// The session that moves from polling to this connection; none for a new session.
    pub(crate) session: Option<Sid>,
    /// The request as the engine gets it: without its body and without what holds the connection's read buffer.
    pub(crate) request: Request<()>,
}

/// Why a WebSocket is not opened. Codes and words of Engine.IO where it has some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("Bad handshake method")]
    Method,
    #[error("Unsupported protocol version")]
    Protocol,
    #[error("Transport unknown")]
    Transport,
    #[error("Session ID unknown")]
    Session,
    #[error("Bad request")]
    Handshake,
    #[error("Invalid namespace")]
    Namespace,
    #[error("Origin not allowed")]
    Origin,
    #[error("Draining")]
    Draining,
    #[error("Request timeout")]
    Slow,
    #[error("Payload too large")]
    Size,
    #[error(transparent)]
    Limit(#[from] Refused),
}

impl Rejection {
    /// The value of a metric's label.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Protocol => "protocol",
            Self::Transport => "transport",
            Self::Session => "session",
            Self::Handshake => "handshake",
            Self::Namespace => "namespace",
            Self::Origin => "origin",
            Self::Draining => "draining",
            Self::Slow => "slow",
            Self::Size => "size",
            Self::Limit(refused) => refused.reason(),
        }
    }

    pub(crate) fn response(self) -> Response<Body> {
        let (status, code) = match self {
            Self::Transport => (StatusCode::BAD_REQUEST, 0),
            Self::Session => (StatusCode::BAD_REQUEST, 1),
            Self::Method => (StatusCode::BAD_REQUEST, 2),
            Self::Handshake => (StatusCode::BAD_REQUEST, 3),
            Self::Namespace => (StatusCode::NOT_FOUND, 4),
            Self::Origin => (StatusCode::FORBIDDEN, 4),
            Self::Draining | Self::Limit(Refused::Full | Refused::Rate) => {
                (StatusCode::SERVICE_UNAVAILABLE, 4)
            }
            Self::Limit(Refused::Address) => (StatusCode::TOO_MANY_REQUESTS, 4),
            Self::Slow => (StatusCode::REQUEST_TIMEOUT, 4),
            Self::Size => (StatusCode::PAYLOAD_TOO_LARGE, 3),
            Self::Protocol => (StatusCode::BAD_REQUEST, 5),
        };
        let mut response = text(status, format!(r#"{{"code":{code},"message":"{self}"}}"#));
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        let pause = match self {
            Self::Limit(Refused::Full | Refused::Address) => Some("5"),
            Self::Limit(Refused::Rate) => Some("1"),
            _ => None,
        };
        if let Some(seconds) = pause {
            let seconds = HeaderValue::from_static(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// Whether a request asks for a WebSocket, rightly or not.
pub(crate) fn is_asked_for(headers: &HeaderMap) -> bool {
    names(headers, header::UPGRADE, "websocket")
}

impl Upgrade {
    /// Checks a request that asks for a WebSocket, and whose memory is its own.
    ///
    /// # Errors
    ///
    /// The [`Rejection`] to answer with.
    pub(crate) fn check(mut parts: Parts) -> Result<Self, Rejection> {
        let accept = accept_key(&parts.method, parts.version, &parts.headers)?;
        let session = session(parts.uri.query().unwrap_or_default())?;
        parts.headers = without_handshake(parts.headers);
        Ok(Self {
            accept,
            session,
            request: Request::from_parts(parts, ()),
        })
    }

    /// The same for a WebSocket that carries no Engine.IO: its query is its own.
    ///
    /// # Errors
    ///
    /// The [`Rejection`] to answer with.
    pub(crate) fn check_raw(mut parts: Parts) -> Result<Self, Rejection> {
        let accept = accept_key(&parts.method, parts.version, &parts.headers)?;
        if !is_asked_for(&parts.headers) {
            return Err(Rejection::Handshake);
        }
        parts.headers = without_handshake(parts.headers);
        Ok(Self {
            accept,
            session: None,
            request: Request::from_parts(parts, ()),
        })
    }

    /// The 101, for a connection that HTTP was served on before.
    pub(crate) fn response(&self) -> Response<Body> {
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, self.accept.clone());
        response
    }

    /// The same, as it is written.
    pub(crate) fn answer(&self) -> Vec<u8> {
        let head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ";
        [head, self.accept.as_bytes(), b"\r\n\r\n"].concat()
    }
}

/// Waits for the 101 to be written, and takes the stream out of HTTP, with the bytes that came behind the request.
///
/// `None` if the client went away.
pub(crate) async fn out_of_http(on_upgrade: OnUpgrade) -> Option<(Connection<Stream>, Bytes)> {
    let upgraded = on_upgrade.await.ok()?;
    let parts = upgraded.downcast::<TokioIo<Connection<Stream>>>().ok()?;
    // A copy: the original keeps hyper's whole read buffer.
    let read = Bytes::copy_from_slice(&parts.read_buf);
    Some((parts.io.into_inner(), read))
}

/// Checks what RFC 6455, section 4.2.1, asks for; the value of the answer's `Sec-WebSocket-Accept`.
fn accept_key(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Result<HeaderValue, Rejection> {
    if method != Method::GET {
        return Err(Rejection::Method);
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .filter(|key| key.len() == 24)
        .ok_or(Rejection::Handshake)?;
    let version_13 = headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_some_and(|version| version == "13");
    if version < Version::HTTP_11 || !version_13 || !names(headers, header::CONNECTION, "upgrade") {
        return Err(Rejection::Handshake);
    }
    derive_accept_key(key.as_bytes())
        .parse()
        .map_err(|_| Rejection::Handshake)
}

/// Checks the query as the engine will, and finds the session to move.
fn session(query: &str) -> Result<Option<Sid>, Rejection> {
    let value = |name: &str| {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    };
    if value("EIO") != Some("4") {
        return Err(Rejection::Protocol);
    }
    if value("transport") != Some("websocket") {
        return Err(Rejection::Transport);
    }
    value("sid")
        .map(|sid| sid.parse().map_err(|_| Rejection::Session))
        .transpose()
}

/// Whether a header that holds a list holds this word.
fn names(headers: &HeaderMap, header: HeaderName, word: &str) -> bool {
    headers
        .get_all(header)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim().eq_ignore_ascii_case(word))
}

/// Headers of the way to a WebSocket, the same for every client or random. They would stay as long as the session.
const HANDSHAKE: [HeaderName; 5] = [
    header::CONNECTION,
    header::UPGRADE,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
];

/// A map of its own size, since a map does not shrink.
fn without_handshake(headers: HeaderMap) -> HeaderMap {
    let is_kept = |name: &HeaderName| !HANDSHAKE.contains(name);
    let count = headers.keys().filter(|name| is_kept(name)).count();
    let mut kept = HeaderMap::with_capacity(count);
    let mut last = None;
    for (name, value) in headers {
        // A further value comes without the name.
        last = name.or(last);
        if let Some(name) = last.as_ref().filter(|name| is_kept(name)) {
            kept.append(name, value);
        }
    }
    kept
}

/// A deep copy: headers and URI of a request are slices of hyper's read buffer, 16 KiB that would live as long as they.
pub(crate) fn copied(parts: Parts) -> Parts {
    let (mut copy, ()) = Request::new(()).into_parts();
    copy.method = parts.method;
    copy.version = parts.version;
    // What was parsed once parses again.
    copy.uri = parts.uri.to_string().parse().unwrap_or_default();
    copy.headers.reserve(parts.headers.len());
    for (name, value) in &parts.headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            copy.headers.append(name, value);
        }
    }
    copy.extensions = parts.extensions;
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_good_handshake_gets_the_answer_of_the_rfc() {
        let accept = accept_key(&Method::GET, Version::HTTP_11, &headers()).unwrap();

        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(is_asked_for(&headers()));
    }

    #[test]
    fn a_bad_handshake_is_refused_for_its_fault() {
        let post = accept_key(&Method::POST, Version::HTTP_11, &headers());
        assert_eq!(post.unwrap_err(), Rejection::Method);
        let old = accept_key(&Method::GET, Version::HTTP_10, &headers());
        assert_eq!(old.unwrap_err(), Rejection::Handshake);
        for missing in ["connection", "sec-websocket-version", "sec-websocket-key"] {
            let mut headers = headers();
            headers.remove(missing);
            let refused = accept_key(&Method::GET, Version::HTTP_11, &headers);
            assert_eq!(refused.unwrap_err(), Rejection::Handshake, "{missing}");
        }
    }

    #[test]
    fn a_query_that_the_engine_would_refuse_is_refused_first() {
        assert_eq!(session("EIO=4&transport=websocket"), Ok(None));
        let sid = Sid::new();
        assert_eq!(
            session(&format!("EIO=4&transport=websocket&sid={sid}")),
            Ok(Some(sid))
        );
        assert_eq!(
            session("EIO=3&transport=websocket"),
            Err(Rejection::Protocol)
        );
        assert_eq!(session("transport=websocket"), Err(Rejection::Protocol));
        assert_eq!(
            session("EIO=4&transport=polling"),
            Err(Rejection::Transport)
        );
        assert_eq!(
            session("EIO=4&transport=websocket&sid=x"),
            Err(Rejection::Session)
        );
    }
}
