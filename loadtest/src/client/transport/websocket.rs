//! The WebSocket transport: one frame per packet.

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{CloseReason, ConnectError, Connection, Frame, TransportOptions, opened};

/// Per connection: thousands of them are open at a time, and what they read is mostly small.
const READ_BUFFER: usize = 8 * 1024;

pub(crate) struct Sender(SplitSink<WebSocketStream<TcpStream>, Message>);

pub(crate) struct Receiver(SplitStream<WebSocketStream<TcpStream>>);

pub(super) async fn open(options: &TransportOptions) -> Result<Connection, ConnectError> {
    let websocket = |error| ConnectError::WebSocket(Box::new(error));
    let url = format!(
        "ws://{}{}",
        options.target.authority(),
        options.request_target("websocket")
    );
    let mut request = url.into_client_request().map_err(websocket)?;
    options.add_headers(&mut request);
    let stream = options.target.dial(options.receive_buffer).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0);
    let (stream, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config))
        .await
        .map_err(|error| match error {
            Error::Http(response) => ConnectError::Http {
                status: response.status().as_u16(),
                body: String::from_utf8_lossy(response.body().as_deref().unwrap_or_default())
                    .into_owned(),
            },
            error => websocket(error),
        })?;

    let (sink, stream) = stream.split();
    let mut receiver = Receiver(stream);
    let first = receiver.recv().await.map_err(ConnectError::Closed)?;
    Ok(Connection {
        handshake: opened(&first)?,
        sender: super::Sender::WebSocket(Sender(sink)),
        receiver: super::Receiver::WebSocket(receiver),
    })
}

impl Sender {
    pub(super) async fn send(&mut self, frames: &mut Vec<Frame>) -> Result<(), CloseReason> {
        for frame in frames.drain(..) {
            let message = match frame {
                Frame::Text(text) => Message::Text(text),
                Frame::Binary(bytes) => Message::Binary(bytes),
            };
            self.0.feed(message).await.map_err(reason)?;
        }
        self.0.flush().await.map_err(reason)
    }

    pub(super) async fn close(&mut self) -> Result<(), CloseReason> {
        self.0.close().await.map_err(reason)
    }
}

impl Receiver {
    pub(super) async fn recv(&mut self) -> Result<Frame, CloseReason> {
        loop {
            let message = self.0.next().await.unwrap_or(Err(Error::ConnectionClosed));
            return match message.map_err(reason)? {
                Message::Text(text) => Ok(Frame::Text(text)),
                Message::Binary(bytes) => Ok(Frame::Binary(bytes)),
                Message::Close(frame) => Err(CloseReason::TransportClose(frame.map_or_else(
                    || "no code".to_owned(),
                    |frame| format!("code {} {}", u16::from(frame.code), frame.reason),
                ))),
                // Pings of WebSocket itself are answered by tungstenite.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
        }
    }
}

fn reason(error: Error) -> CloseReason {
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            CloseReason::TransportClose("without a goodbye".to_owned())
        }
        error => CloseReason::TransportError(error.to_string()),
    }
}
