//! The head of a connection's first request, read before anybody knows what the connection is for.
//!
//! Most connections are WebSockets. For these, an HTTP server would be set up and torn down again, and leave its traces
//! between the memory that stays; so their one request is read here. All others are handed on with what was read.

use std::{
    future::poll_fn,
    io,
    net::IpAddr,
    pin::Pin,
    task::{Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
};

use super::scratch::with_scratch;
use crate::limit::{Start, begins_one, start};

/// More headers than clients send; a request with more is left to the HTTP server.
const HEADERS: usize = 64;

/// What was read, and how much of it is the request.
#[derive(Debug, Default)]
pub(super) struct Head {
    bytes: Vec<u8>,
    len: usize,
}

impl Head {
    /// Reads until the first request is known, about `limit` bytes at most: the request if it is a `GET` that can be
    /// understood, and nothing where the HTTP server has to see for itself.
    ///
    /// # Errors
    ///
    /// What the system says. An end before the first byte is an error as well.
    pub(super) async fn read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        limit: usize,
    ) -> io::Result<Option<Request<()>>> {
        loop {
            if !self.bytes.is_empty() {
                match parse(&self.bytes) {
                    Some(Parsed::Request(request, len)) => {
                        self.len = len;
                        return Ok(Some(*request));
                    }
                    Some(Parsed::Partial) if self.bytes.len() < limit => {}
                    _ => return Ok(None),
                }
            }
            match self.fill(stream).await? {
                0 if self.bytes.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
                0 => return Ok(None),
                _ => {}
            }
        }
    }

    /// Takes a PROXY header away, if the connection starts with one; the address that it names. One that cannot be read
    /// stays, which no request starts like.
    ///
    /// # Errors
    ///
    /// What the system says. An end within the header is an error as well.
    pub(super) async fn proxied(&mut self, stream: &mut TcpStream) -> io::Result<Option<IpAddr>> {
        loop {
            match start(&self.bytes) {
                Start::Header(address, len) => {
                    self.bytes.drain(..len);
                    return Ok(address);
                }
                Start::Other if !self.bytes.is_empty() => return Ok(None),
                Start::Malformed => return Ok(None),
                Start::Other | Start::Partial => {}
            }
            if self.fill(stream).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Whether it starts with a PROXY header, or the beginning of one.
    pub(super) fn is_proxied(&self) -> bool {
        begins_one(&self.bytes)
    }

    /// Reads some more; how much, which is none at the end.
    async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        let read = poll_fn(|context| {
            with_scratch(|scratch| {
                let mut buffer = ReadBuf::new(scratch);
                ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
                self.bytes.extend_from_slice(buffer.filled());
                Poll::Ready(Ok::<_, io::Error>(buffer.filled().len()))
            })
        });
        read.await
    }

    /// What came behind the request.
    pub(super) fn rest(&self) -> Bytes {
        Bytes::copy_from_slice(&self.bytes[self.len..])
    }

    /// All that was read.
    pub(super) fn all(self) -> Bytes {
        self.bytes.into()
    }
}

enum Parsed {
    Request(Box<Request<()>>, usize),
    Partial,
}

/// `None` for what is no `GET`, or malformed.
fn parse(bytes: &[u8]) -> Option<Parsed> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(len) = parsed.parse(bytes).ok()? else {
        let is_get = bytes.iter().zip(b"GET ").all(|(byte, get)| byte == get);
        return is_get.then_some(Parsed::Partial);
    };
    if parsed.method != Some("GET") {
        return None;
    }
    let mut map = HeaderMap::with_capacity(parsed.headers.len());
    for header in parsed.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        map.append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    *request.version_mut() = match parsed.version {
        Some(1) => Version::HTTP_11,
        _ => Version::HTTP_10,
    };
    *request.uri_mut() = parsed.path?.parse::<Uri>().ok()?;
    *request.headers_mut() = map;
    Some(Parsed::Request(Box::new(request), len))
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    /// What is found in these pieces, and what is left behind the request.
    async fn read(pieces: &[&str]) -> io::Result<(Option<Request<()>>, Bytes, Bytes)> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Head::default();
        let writing = async {
            for piece in pieces {
                client.write_all(piece.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(client);
        };
        let (request, ()) = tokio::join!(head.read(&mut stream, 1000), writing);
        Ok((request?, head.rest(), head.all()))
    }

    #[tokio::test]
    async fn a_request_is_read_however_it_comes() {
        let whole = "GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\nmore";
        for pieces in [vec![whole], vec![&whole[..2], &whole[2..40], &whole[40..]]] {
            let (request, rest, _) = read(&pieces).await.unwrap();

            let request = request.unwrap();
            assert_eq!(request.uri(), "/socket.io/?EIO=4");
            assert_eq!(request.headers()["upgrade"], "websocket");
            assert_eq!(request.version(), Version::HTTP_11);
            // What has not come yet is read from the connection itself.
            assert!("more".starts_with(std::str::from_utf8(&rest).unwrap()));
        }
    }

    #[tokio::test]
    async fn what_is_no_such_request_is_left_to_the_http_server() {
        let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(2000));
        for bytes in [
            "POST / HTTP/1.1\r\n\r\n",
            "P",
            "\x16\x03\x01",
            "GET / HTTP/9\r\n\r\n",
            "GET /x HTTP/1.1\r\n: no name\r\n\r\n",
            "GET ",
            &long,
        ] {
            let (request, _, all) = read(&[bytes]).await.unwrap();

            assert!(request.is_none(), "{bytes:?}");
            assert_eq!(all, bytes.as_bytes());
        }
    }

    #[tokio::test]
    async fn a_connection_that_ends_before_its_first_byte_is_an_error() {
        read(&[]).await.unwrap_err();
    }
}
