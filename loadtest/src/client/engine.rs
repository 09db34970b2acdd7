//! Engine.IO 4: the packets under Socket.IO, and how long polling joins several of them. Pure.

use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Between two packets of one polling body.
const SEPARATOR: char = '\u{1e}';

/// One Engine.IO packet in the form in which WebSocket carries it: a text starts with its type, a binary has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A type digit, and what follows.
    Text(Utf8Bytes),
    /// The raw bytes of an attachment.
    Binary(Bytes),
}

/// What a [`Frame`] says.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The server opens the connection.
    Open(Handshake),
    /// The other side closes the connection.
    Close,
    /// The server asks for a sign of life; the client answers with the same text in a pong.
    Ping(&'a str),
    /// Nothing: it ends a waiting poll.
    Noop,
    /// A Socket.IO packet.
    Message(&'a str),
    /// An attachment of the Socket.IO packet before it.
    Binary(&'a Bytes),
}

/// What the server says when it opens a connection.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    /// The session id, which later polling requests name.
    pub sid: String,
    /// Transports to which the connection may be upgraded.
    #[serde(default)]
    pub upgrades: Vec<String>,
    ping_interval: u64,
    ping_timeout: u64,
    /// The most bytes that the server takes in one message or polling body.
    #[serde(default = "no_limit")]
    pub max_payload: usize,
}

/// Why bytes are no Engine.IO packet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A text frame without a type.
    #[error("empty packet")]
    Empty,
    /// A type that a server never sends.
    #[error("unexpected packet type {0:?}")]
    Type(char),
    /// The open packet's JSON is not what it should be.
    #[error("malformed open packet")]
    Open(#[source] serde_json::Error),
    /// A binary packet of a polling body is not base64.
    #[error("malformed base64 in a polling body")]
    Base64,
}

impl Handshake {
    /// How long the server may be silent before a client gives the connection up.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.ping_interval.saturating_add(self.ping_timeout))
    }
}

impl Frame {
    /// The frame of a Socket.IO packet.
    pub fn message(packet: &str) -> Self {
        Self::Text(format!("4{packet}").into())
    }

    /// The answer to a ping.
    pub fn pong() -> Self {
        Self::Text(Utf8Bytes::from_static("3"))
    }

    /// What the frame says.
    ///
    /// # Errors
    ///
    /// [`EngineError`] if it is nothing that a server may send.
    pub fn parse(&self) -> Result<Packet<'_>, EngineError> {
        let text = match self {
            Self::Text(text) => text.as_str(),
            Self::Binary(bytes) => return Ok(Packet::Binary(bytes)),
        };
        let kind = text.chars().next().ok_or(EngineError::Empty)?;
        let rest = &text[kind.len_utf8()..];
        match kind {
            '0' => serde_json::from_str(rest)
                .map(Packet::Open)
                .map_err(EngineError::Open),
            '1' => Ok(Packet::Close),
            '2' => Ok(Packet::Ping(rest)),
            '4' => Ok(Packet::Message(rest)),
            '6' => Ok(Packet::Noop),
            other => Err(EngineError::Type(other)),
        }
    }
}

/// Takes a polling body apart.
///
/// # Errors
///
/// [`EngineError::Base64`] if a binary packet of it cannot be decoded.
pub fn split(body: &str) -> Result<Vec<Frame>, EngineError> {
    body.split(SEPARATOR)
        .map(|packet| match packet.strip_prefix('b') {
            Some(base64) => BASE64
                .decode(base64.as_bytes())
                .map(|bytes| Frame::Binary(bytes.into()))
                .map_err(|_| EngineError::Base64),
            None => Ok(Frame::Text(packet.into())),
        })
        .collect()
}

/// Joins frames into polling bodies of at most `limit` bytes each; a frame that is larger travels alone.
pub fn join(frames: &[Frame], limit: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    let mut body = String::new();
    for (index, frame) in frames.iter().enumerate() {
        let packet = match frame {
            Frame::Text(text) => text.to_string(),
            Frame::Binary(bytes) => format!("b{}", BASE64.encode(bytes)),
        };
        if index > 0 {
            if body.len() + SEPARATOR.len_utf8() + packet.len() > limit {
                bodies.push(std::mem::take(&mut body));
            } else {
                body.push(SEPARATOR);
            }
        }
        body.push_str(&packet);
    }
    if !frames.is_empty() {
        bodies.push(body);
    }
    bodies
}

fn no_limit() -> usize {
    usize::MAX
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Frame {
        Frame::Text(text.into())
    }

    #[test]
    fn an_open_packet_tells_the_session_and_the_patience() {
        let frame = text(
            r#"0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#,
        );

        let Packet::Open(handshake) = frame.parse().unwrap() else {
            panic!("not an open packet")
        };

        assert_eq!(handshake.sid, "abc");
        assert_eq!(handshake.max_payload, 1_000_000);
        assert_eq!(handshake.patience(), Duration::from_secs(45));
    }

    #[test]
    fn every_packet_of_a_server_is_understood() {
        assert_eq!(text("1").parse().unwrap(), Packet::Close);
        assert_eq!(text("2").parse().unwrap(), Packet::Ping(""));
        assert_eq!(text("6").parse().unwrap(), Packet::Noop);
        assert_eq!(
            text("42[\"a\"]").parse().unwrap(),
            Packet::Message("2[\"a\"]")
        );
    }

    #[test]
    fn what_only_a_client_sends_is_refused() {
        assert!(matches!(text("3").parse(), Err(EngineError::Type('3'))));
        assert!(matches!(text("é").parse(), Err(EngineError::Type('é'))));
        assert!(matches!(text("").parse(), Err(EngineError::Empty)));
        assert!(matches!(text("0{}").parse(), Err(EngineError::Open(_))));
    }

    #[test]
    fn a_polling_body_carries_text_and_binary() {
        let frames = [
            text("451-[\"a\",{}]"),
            Frame::Binary(Bytes::from_static(&[1, 2, 3])),
        ];

        let bodies = join(&frames, 1000);

        assert_eq!(bodies, ["451-[\"a\",{}]\u{1e}bAQID"]);
        assert_eq!(split(&bodies[0]).unwrap(), frames);
        assert!(matches!(split("b!"), Err(EngineError::Base64)));
    }

    #[test]
    fn polling_bodies_stay_under_the_limit_of_the_server() {
        let frames = [text("4aaa"), text("4bbb"), text("4ccc")];

        assert_eq!(join(&frames, 9), ["4aaa\u{1e}4bbb", "4ccc"]);
        assert_eq!(join(&frames, 1), ["4aaa", "4bbb", "4ccc"]);
        assert!(join(&[], 9).is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_panic(input in "\\PC*") {
            let _ = text(&input).parse();
            let _ = split(&input);
        }
    }
}
