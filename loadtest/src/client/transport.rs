//! What carries Engine.IO packets: WebSocket, or long polling over HTTP/1.1.

mod polling;
mod websocket;

use http::{HeaderMap, Request};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::engine::{Frame, Handshake, Packet};
use super::error::{CloseReason, ConnectError};
use super::target::Target;

/// Engine.IO's way of moving packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// A WebSocket from the first packet on.
    #[default]
    WebSocket,
    /// HTTP long polling, never upgraded.
    Polling,
}

/// How a transport is opened.
#[derive(Clone, Debug)]
pub(crate) struct TransportOptions {
    pub(crate) target: Target,
    pub(crate) transport: Transport,
    pub(crate) path: String,
    /// Already encoded, as `&name=value` for each.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) receive_buffer: Option<u32>,
}

/// An open transport in its two halves, which work at the same time.
pub(crate) struct Connection {
    pub(crate) handshake: Handshake,
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
}

/// The half that writes.
pub(crate) enum Sender {
    WebSocket(websocket::Sender),
    Polling(Box<polling::Sender>),
}

/// The half that reads.
pub(crate) enum Receiver {
    WebSocket(websocket::Receiver),
    Polling(polling::Receiver),
}

impl TransportOptions {
    /// Opens the transport and takes the server's open packet.
    pub(crate) async fn open(&self) -> Result<Connection, ConnectError> {
        match self.transport {
            Transport::WebSocket => websocket::open(self).await,
            Transport::Polling => polling::open(self).await,
        }
    }

    /// The path and query of a request on this transport.
    pub(crate) fn request_target(&self, transport: &str) -> String {
        let Self { path, query, .. } = self;
        format!("{path}?EIO=4&transport={transport}{query}")
    }

    fn add_headers<B>(&self, request: &mut Request<B>) {
        for (name, value) in &self.headers {
            request.headers_mut().append(name, value.clone());
        }
    }
}

impl Sender {
    /// Writes the frames, in order and with nothing between them.
    pub(crate) async fn send(&mut self, frames: &mut Vec<Frame>) -> Result<(), CloseReason> {
        match self {
            Self::WebSocket(sender) => sender.send(frames).await,
            Self::Polling(sender) => sender.send(frames).await,
        }
    }

    /// Says goodbye; what the server still sends may be read afterwards.
    pub(crate) async fn close(&mut self) -> Result<(), CloseReason> {
        match self {
            Self::WebSocket(sender) => sender.close().await,
            Self::Polling(sender) => {
                let mut goodbye = vec![Frame::Text(Utf8Bytes::from_static("1"))];
                sender.send(&mut goodbye).await
            }
        }
    }
}

impl Receiver {
    /// Polls no more once the poll that is under way has ended; frames end with what it brings.
    pub(crate) fn stop_polling(&self) {
        if let Self::Polling(receiver) = self {
            receiver.stop();
        }
    }

    /// The next frame, or why there will be none.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped takes no frame.
    pub(crate) async fn recv(&mut self) -> Result<Frame, CloseReason> {
        match self {
            Self::WebSocket(receiver) => receiver.recv().await,
            Self::Polling(receiver) => receiver.recv().await,
        }
    }
}

/// What the open packet says, if `frame` is one.
fn opened(frame: &Frame) -> Result<Handshake, ConnectError> {
    match frame.parse().map_err(ConnectError::Engine)? {
        Packet::Open(handshake) => Ok(handshake),
        other => Err(ConnectError::Unexpected(format!("{other:?}"))),
    }
}
