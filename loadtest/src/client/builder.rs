//! How a client connects: what can be chosen, and the steps up to the seat in a namespace.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::time::Instant;

use super::driver::Opened;
use super::engine::{Frame, Packet as EnginePacket};
use super::error::{CloseReason, ConnectError};
use super::packet::{Body, Decoder, Packet};
use super::target::{Target, in_time};
use super::transport::{Connection, Transport, TransportOptions};
use super::{Client, DEADLINE};

/// How many frames may come before the answer to CONNECT.
const EARLY_FRAMES: usize = 1024;

/// The choices for one connection. Clones of a builder connect in the same way.
#[derive(Clone, Debug)]
#[must_use = "a builder connects when `connect` is called"]
pub struct Builder {
    url: String,
    namespace: String,
    auth: Option<Value>,
    transport: Transport,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    receive_buffer: Option<u32>,
    deadline: Duration,
    inbox: usize,
}

impl Builder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            namespace: "/".to_owned(),
            auth: None,
            transport: Transport::default(),
            path: "/socket.io/".to_owned(),
            query: String::new(),
            headers: Vec::new(),
            receive_buffer: None,
            deadline: DEADLINE,
            inbox: 65_536,
        }
    }

    /// The namespace; `/` unless set. The leading slash may be left out.
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.namespace = format!("/{}", namespace.trim_start_matches('/'));
        self
    }

    /// The `auth` payload of the handshake.
    pub fn auth(mut self, auth: Value) -> Self {
        self.auth = Some(auth);
        self
    }

    /// What carries the packets; WebSocket unless set.
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// The path that the server listens on; `/socket.io/` unless set.
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Adds a query parameter to every request.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query += &format!("&{}={}", encode(name), encode(value));
        self
    }

    /// Adds a header to every request.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The kernel's receive buffer in bytes. With a small one, a client that stops reading is soon felt by the
    /// server.
    pub fn receive_buffer(mut self, bytes: u32) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// How long connecting may take, and later every call that waits; 5 seconds unless set.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How many events may be unread before the connection is closed with [`CloseReason::InboxFull`]; 65,536 unless
    /// set.
    pub fn inbox(mut self, events: usize) -> Self {
        self.inbox = events;
        self
    }

    /// Connects, and waits for the seat in the namespace.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]; among them [`ConnectError::Refused`] where the server denies the namespace.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let opened = self.open().await?;
        Ok(Client::new(
            opened,
            self.namespace,
            self.deadline,
            self.inbox,
        ))
    }

    pub(crate) fn chosen_namespace(&self) -> &str {
        &self.namespace
    }

    pub(crate) fn chosen_auth(&self) -> Option<&Value> {
        self.auth.as_ref()
    }

    /// Waits for a seat, as long as it may take.
    pub(crate) async fn in_time<T>(
        &self,
        seat: impl Future<Output = Result<T, ConnectError>>,
    ) -> Result<T, ConnectError> {
        in_time("seat", Instant::now(), self.deadline, seat).await
    }

    /// Connects, and leaves to the caller who drives the connection.
    pub(crate) async fn open(&self) -> Result<Opened, ConnectError> {
        let start = Instant::now();
        let mut connection = in_time("engine.io connection", start, self.deadline, async {
            self.transport_options()?.open().await
        })
        .await?;
        let connect = Body::Connect(self.auth.clone());
        let mut frames = vec![Frame::message(
            &Packet::new(&self.namespace, connect).encode(),
        )];
        in_time("answer to CONNECT", start, self.deadline, async {
            let sent = connection.sender.send(&mut frames).await;
            sent.map_err(ConnectError::Closed)?;
            let (id, early) = take_seat(&mut connection, &self.namespace).await?;
            Ok(Opened {
                id,
                early,
                connection,
            })
        })
        .await
    }

    pub(crate) fn transport_options(&self) -> Result<TransportOptions, ConnectError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let invalid = |error: http::Error| ConnectError::Request(error);
            headers.append(
                HeaderName::try_from(name).map_err(|error| invalid(error.into()))?,
                HeaderValue::try_from(value).map_err(|error| invalid(error.into()))?,
            );
        }
        Ok(TransportOptions {
            target: Target::parse(&self.url)?,
            transport: self.transport,
            path: self.path.clone(),
            query: self.query.clone(),
            headers,
            receive_buffer: self.receive_buffer,
        })
    }
}

/// Waits for the answer to CONNECT. A broadcast may overtake it, since the server counts the client as a member
/// before it writes the answer; such frames are handed on.
async fn take_seat(
    connection: &mut Connection,
    namespace: &str,
) -> Result<(String, Vec<Frame>), ConnectError> {
    let mut early = Vec::new();
    let mut decoder = Decoder::default();
    loop {
        let frame = connection
            .receiver
            .recv()
            .await
            .map_err(ConnectError::Closed)?;
        let packet = match frame.parse().map_err(ConnectError::Engine)? {
            EnginePacket::Ping(_) => {
                let pong = connection.sender.send(&mut vec![Frame::pong()]).await;
                pong.map_err(ConnectError::Closed)?;
                continue;
            }
            EnginePacket::Noop => continue,
            EnginePacket::Close => {
                let reason = CloseReason::TransportClose("close packet".to_owned());
                return Err(ConnectError::Closed(reason));
            }
            EnginePacket::Message(text) => decoder.text(text),
            EnginePacket::Binary(bytes) => decoder.binary(Bytes::clone(bytes)),
            other @ EnginePacket::Open(_) => {
                return Err(ConnectError::Unexpected(format!("{other:?}")));
            }
        };
        match packet.map_err(ConnectError::Packet)? {
            Some(packet) if packet.namespace != namespace => {
                return Err(ConnectError::Unexpected(packet.encode()));
            }
            Some(Packet {
                body: Body::Connect(data),
                ..
            }) => {
                let id = data.as_ref().and_then(|data| data["sid"].as_str());
                let id =
                    id.ok_or_else(|| ConnectError::Unexpected("CONNECT without sid".into()))?;
                return Ok((id.to_owned(), early));
            }
            Some(Packet {
                body: Body::ConnectError(error),
                namespace,
                ..
            }) => {
                return Err(ConnectError::Refused {
                    namespace,
                    message: error["message"].as_str().unwrap_or_default().to_owned(),
                    data: error.get("data").cloned(),
                });
            }
            _ if early.len() == EARLY_FRAMES => {
                return Err(ConnectError::Unexpected(format!("{EARLY_FRAMES} events")));
            }
            _ => early.push(frame),
        }
    }
}

/// Percent-encodes a query's name or value.
pub(super) fn encode(text: &str) -> String {
    use std::fmt::Write as _;

    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_parameters_are_percent_encoded() {
        let builder = Builder::new("http://localhost").query("token", "a b&c=é");

        assert_eq!(builder.query, "&token=a%20b%26c%3D%C3%A9");
    }

    #[test]
    fn a_namespace_begins_with_one_slash() {
        let namespace = |name| Builder::new("http://localhost").namespace(name).namespace;

        assert_eq!(namespace("chat"), "/chat");
        assert_eq!(namespace("/chat"), "/chat");
        assert_eq!(namespace("/"), "/");
    }
}
