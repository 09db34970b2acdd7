//! Why a raw WebSocket ends, and what its client is told.

use std::borrow::Cow;

use bytes::Bytes;
use roomcast_gateway::DisconnectReason;
use tokio_tungstenite::tungstenite::{Error, error::ProtocolError};

use crate::connection::of_close;

/// The code of a refusal, in the range that is an application's own.
const REFUSED: u16 = 4401;

/// What a close frame holds beside its code (RFC 6455, section 5.5).
const MOST_WORDS: usize = 123;

/// How a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) reason: DisconnectReason,
    /// Code and words of the close frame; none where nobody is there to read it, or the handshake of the close is done.
    close: Option<(u16, Cow<'static, str>)>,
}

impl Ending {
    /// A handler has disconnected the socket.
    pub(super) const DISCONNECTED: Self = Self::told(
        DisconnectReason::ServerNamespaceDisconnect,
        1000,
        "disconnected",
    );

    /// The node lets its clients go: they should connect again, and get to another.
    pub(super) const RESTART: Self = Self::told(
        DisconnectReason::ServerShuttingDown,
        1012,
        "service restart",
    );

    /// The client sends too much.
    pub(super) const RATE_LIMITED: Self = Self::told(
        DisconnectReason::ServerNamespaceDisconnect,
        1008,
        "rate limited",
    );

    /// The client has not answered a ping.
    pub(super) const SILENT: Self = Self::told(DisconnectReason::PingTimeout, 1002, "ping timeout");

    /// The client has closed the connection, or is gone.
    pub(super) const GONE: Self = Self {
        reason: DisconnectReason::TransportClose,
        close: None,
    };

    /// The gateway does not let the client in.
    pub(super) fn refused(message: &str) -> Self {
        let end = (0..=MOST_WORDS)
            .rev()
            .find(|end| message.is_char_boundary(*end));
        let words = &message[..end.unwrap_or(0)];
        Self {
            reason: DisconnectReason::ServerNamespaceDisconnect,
            close: Some((REFUSED, Cow::Owned(words.to_owned()))),
        }
    }

    const fn told(reason: DisconnectReason, code: u16, words: &'static str) -> Self {
        Self {
            reason,
            close: Some((code, Cow::Borrowed(words))),
        }
    }

    /// After an error of the connection.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::GONE,
            Error::Capacity(_) => {
                Self::told(DisconnectReason::TransportError, 1009, "message too big")
            }
            Error::Utf8(_) => Self::told(DisconnectReason::ParseError, 1007, "invalid utf-8"),
            Error::Protocol(_) => Self::told(DisconnectReason::ParseError, 1002, "protocol error"),
            _ => Self {
                reason: DisconnectReason::TransportError,
                close: None,
            },
        }
    }

    /// The frame to send, if any.
    pub(super) fn frame(&self) -> Option<Bytes> {
        let close = self.close.as_ref();
        close.map(|(code, words)| of_close(*code, words))
    }
}
