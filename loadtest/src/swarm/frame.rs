//! WebSocket frames as a client sees them. Pure.

/// A frame from the server, which neither masks nor fragments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Text(&'a [u8]),
    Binary(&'a [u8]),
    Close(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
}

/// What breaks RFC 6455, or is not expected of a Socket.IO server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("a masked frame")]
    Masked,
    #[error("a fragmented message")]
    Fragmented,
    #[error("a reserved bit or an unknown kind of frame: {0:#04x}")]
    Kind(u8),
    #[error("a frame of {0} bytes")]
    Size(u64),
}

/// The largest frame that is taken.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The first frame of `bytes` and how long it is, header and all; `None` if it is not all there.
pub(super) fn split(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    let &[first, second, ..] = bytes else {
        return Ok(None);
    };
    if second & 0x80 != 0 {
        return Err(FrameError::Masked);
    }
    let (head, len) = match second {
        126 => match bytes.get(2..4) {
            Some(len) => (4, u64::from(u16::from_be_bytes([len[0], len[1]]))),
            None => return Ok(None),
        },
        127 => match bytes.get(2..).and_then(|rest| rest.first_chunk()) {
            Some(len) => (10, u64::from_be_bytes(*len)),
            None => return Ok(None),
        },
        len => (2, u64::from(len)),
    };
    if len > LARGEST {
        return Err(FrameError::Size(len));
    }
    let end = head + usize::try_from(len).map_err(|_| FrameError::Size(len))?;
    let Some(payload) = bytes.get(head..end) else {
        return Ok(None);
    };
    let frame = match first {
        0x81 => Frame::Text(payload),
        0x82 => Frame::Binary(payload),
        0x88 => Frame::Close(payload),
        0x89 => Frame::Ping(payload),
        0x8a => Frame::Pong,
        0x00..=0x02 | 0x80 => return Err(FrameError::Fragmented),
        other => return Err(FrameError::Kind(other)),
    };
    Ok(Some((frame, end)))
}

/// The kinds of frame that a client sends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text = 0x81,
    Binary = 0x82,
    Ping = 0x89,
    Pong = 0x8a,
}

/// Appends a masked frame of these parts.
pub(super) fn put(out: &mut Vec<u8>, kind: Kind, parts: &[&[u8]], mask: [u8; 4]) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    out.push(kind as u8);
    if let Ok(len @ 0..126) = u8::try_from(len) {
        out.push(0x80 | len);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(0x80 | 126);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(0x80 | 127);
        out.extend_from_slice(&(len as u64).to_be_bytes());
    }
    out.extend_from_slice(&mask);
    let bytes = parts.iter().flat_map(|part| part.iter());
    out.extend(
        bytes
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

    use super::*;

    /// Frames of a server, as another implementation writes them.
    fn written(messages: &[Message]) -> Vec<u8> {
        let stream = std::io::Cursor::new(Vec::new());
        let mut server = WebSocket::from_raw_socket(stream, Role::Server, None);
        for message in messages {
            server.write(message.clone()).unwrap();
        }
        server.flush().unwrap();
        server.get_ref().get_ref().clone()
    }

    fn message() -> impl Strategy<Value = Message> {
        prop_oneof![
            "\\PC{0,200}".prop_map(Message::text),
            proptest::collection::vec(any::<u8>(), 0..400).prop_map(Message::from),
            Just(Message::text("x".repeat(70_000))),
        ]
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_wherever_the_bytes_are_cut(
            messages in proptest::collection::vec(message(), 0..6),
            step in 1..5000_usize,
        ) {
            let bytes = written(&messages);
            let mut came = Vec::new();
            let mut waiting = Vec::new();
            for part in bytes.chunks(step) {
                waiting.extend_from_slice(part);
                while let Some((frame, len)) = split(&waiting).unwrap() {
                    came.push(match frame {
                        Frame::Text(text) => Message::text(std::str::from_utf8(text).unwrap()),
                        Frame::Binary(bytes) => Message::from(bytes.to_vec()),
                        other => panic!("{other:?}"),
                    });
                    waiting.drain(..len);
                }
            }

            prop_assert!(waiting.is_empty());
            prop_assert_eq!(came, messages);
        }

        #[test]
        fn a_server_reads_what_is_put(text in "\\PC{0,300}", mask: [u8; 4]) {
            let mut bytes = Vec::new();
            let (one, other) = text.as_bytes().split_at(text.len() / 2);
            put(&mut bytes, Kind::Text, &[one, other], mask);

            let mut server = WebSocket::from_raw_socket(std::io::Cursor::new(bytes), Role::Server, None);

            prop_assert_eq!(server.read().unwrap(), Message::text(text));
        }

        #[test]
        fn any_bytes_are_split_or_refused(bytes: Vec<u8>) {
            if let Ok(Some((_, len))) = split(&bytes) {
                prop_assert!(len <= bytes.len());
            }
        }
    }

    #[test]
    fn what_no_server_may_send_is_refused() {
        assert_eq!(split(&[0x81, 0x80]), Err(FrameError::Masked));
        assert_eq!(split(&[0x01, 0x00]), Err(FrameError::Fragmented));
        assert_eq!(split(&[0xc1, 0x00]), Err(FrameError::Kind(0xc1)));
        let huge = [0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0];
        assert_eq!(split(&huge), Err(FrameError::Size(1 << 32)));
    }
}
