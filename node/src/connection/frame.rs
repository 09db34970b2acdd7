//! Pure: WebSocket frames as a server writes them, and which Socket.IO packets stand in them.

use bytes::Bytes;
use socketioxide_core::Value;

const FINAL: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;

/// Control frames hold 125 bytes, two of them for the code.
const MOST_REASON: usize = 123;

/// The Engine.IO type of a message, which text frames begin with and binary ones do without.
const MESSAGE: u8 = b'4';

/// One whole frame: unmasked, as RFC 6455 asks of servers, and not fragmented, since the engine never does that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    opcode: u8,
    payload: &'a [u8],
    /// Header and payload.
    pub(super) bytes: &'a [u8],
}

/// The kinds of Socket.IO packet that tell something about the order of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// The seat in this namespace is granted.
    Connect(&'a [u8]),
    /// The seat in this namespace is refused.
    Refusal(&'a [u8]),
    /// An answer to an event; what it holds, its id included.
    Ack(&'a [u8]),
}

impl<'a> Frame<'a> {
    /// The first frame of `bytes` and what follows it; `None` if it is not all there.
    pub(super) fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (len, rest) = match second {
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*len)), rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*len), rest)
            }
            len => (u64::from(len), rest),
        };
        let (payload, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        let frame = Self {
            opcode: first & 0x0f,
            payload,
            bytes: &bytes[..bytes.len() - rest.len()],
        };
        Some((frame, rest))
    }

    /// Whether nothing may follow it.
    pub(super) fn is_close(&self) -> bool {
        self.opcode == CLOSE
    }

    /// The packet in the frame, if it is of a kind that matters here. JSON's parser writes texts, MessagePack's binaries.
    pub(super) fn packet(&self) -> Option<Packet<'a>> {
        match self.opcode {
            TEXT => json_packet(self.payload),
            BINARY => msgpack_packet(self.payload),
            _ => None,
        }
    }
}

/// The packet in a text of JSON's parser, the Engine.IO type included.
pub(super) fn json_packet(payload: &[u8]) -> Option<Packet<'_>> {
    of_kind(json_head(payload)?, payload)
}

/// The packet that MessagePack's parser wrote.
pub(super) fn msgpack_packet(payload: &[u8]) -> Option<Packet<'_>> {
    of_kind(msgpack_head(payload)?, payload)
}

fn of_kind<'a>((kind, namespace): (u8, &'a [u8]), payload: &'a [u8]) -> Option<Packet<'a>> {
    match kind {
        0 => Some(Packet::Connect(namespace)),
        3 => Some(Packet::Ack(payload)),
        4 => Some(Packet::Refusal(namespace)),
        _ => None,
    }
}

/// The kind and the namespace of a packet such as `40/chat,{"sid":…}`; an attachment is never taken for one.
fn json_head(payload: &[u8]) -> Option<(u8, &[u8])> {
    let rest = payload.strip_prefix(&[MESSAGE])?;
    let (kind, rest) = rest.split_first()?;
    let kind = kind.checked_sub(b'0')?;
    let namespace = if rest.starts_with(b"/") {
        rest.split(|byte| *byte == b',').next()?
    } else {
        b"/"
    };
    Some((kind, namespace))
}

/// The same of `{"type":0,"nsp":"/chat",…}` in MessagePack, the keys in the order in which the parser writes them.
fn msgpack_head(payload: &[u8]) -> Option<(u8, &[u8])> {
    let rest = payload.get(1..)?.strip_prefix(b"\xa4type")?;
    let (kind, rest) = rest.split_first()?;
    let rest = rest.strip_prefix(b"\xa3nsp")?;
    let (len, rest) = match rest.split_first()? {
        (len @ 0xa0..=0xbf, rest) => (usize::from(len & 0x1f), rest),
        (0xd9, rest) => {
            let (len, rest) = rest.split_first()?;
            (usize::from(*len), rest)
        }
        (0xda, rest) => {
            let (len, rest) = rest.split_first_chunk()?;
            (usize::from(u16::from_be_bytes(*len)), rest)
        }
        _ => return None,
    };
    Some((*kind, rest.get(..len)?))
}

/// A packet, as the parser wrote it, in the frames that the engine would write for it: the text and then each attachment.
pub(crate) fn of_packet(packet: &Value) -> Bytes {
    let mut out = Vec::new();
    match packet {
        Value::Str(text, attachments) => {
            let attachments = attachments.iter().flatten();
            let more: usize = attachments.clone().map(|bytes| bytes.len() + 10).sum();
            out.reserve_exact(text.len() + 11 + more);
            put_header(&mut out, TEXT, text.len() + 1);
            out.push(MESSAGE);
            out.extend_from_slice(text.as_bytes());
            for bytes in attachments {
                put_header(&mut out, BINARY, bytes.len());
                out.extend_from_slice(bytes);
            }
        }
        Value::Bytes(bytes) => {
            out.reserve_exact(bytes.len() + 10);
            put_header(&mut out, BINARY, bytes.len());
            out.extend_from_slice(bytes);
        }
    }
    out.into()
}

/// A text, in one frame.
pub(crate) fn of_text(text: &str) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 10);
    put_header(&mut out, TEXT, text.len());
    out.extend_from_slice(text.as_bytes());
    out.into()
}

/// The frame of a close; of a reason that is too long for it, as much as fits.
pub(crate) fn of_close(code: u16, reason: &str) -> Bytes {
    let end = reason.floor_char_boundary(MOST_REASON);
    let mut out = Vec::with_capacity(end + 4);
    put_header(&mut out, CLOSE, end + 2);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&reason.as_bytes()[..end]);
    out.into()
}

/// The frame of a ping.
pub(crate) const PING: &[u8] = &[FINAL | 0x9, 0];

/// RFC 6455, section 5.2.
fn put_header(out: &mut Vec<u8>, opcode: u8, len: usize) {
    out.push(FINAL | opcode);
    if let Ok(len @ 0..126) = u8::try_from(len) {
        out.push(len);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(126);
        out.extend_from_slice(&len.to_be_bytes());
    } else {
        out.push(127);
        out.extend_from_slice(&(len as u64).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use socketioxide_core::{packet::Packet as Full, parser::Parse};
    use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocket};

    use super::*;

    fn text(payload: &str) -> Vec<u8> {
        let mut out = Vec::new();
        put_header(&mut out, TEXT, payload.len());
        out.extend_from_slice(payload.as_bytes());
        out
    }

    fn packet(frame: &[u8]) -> Option<Packet<'_>> {
        Frame::split(frame).unwrap().0.packet()
    }

    #[test]
    fn a_connect_answer_is_recognised_with_its_namespace() {
        assert_eq!(
            packet(&text(r#"40{"sid":"x"}"#)),
            Some(Packet::Connect(b"/"))
        );
        assert_eq!(
            packet(&text(r#"40/chat,{"sid":"x"}"#)),
            Some(Packet::Connect(b"/chat"))
        );
        assert_eq!(
            packet(&text(r#"44/chat,{"message":"no"}"#)),
            Some(Packet::Refusal(b"/chat"))
        );
        for other in ["2", r#"42["40"]"#, "0{}", "", "4"] {
            assert_eq!(packet(&text(other)), None, "{other}");
        }
    }

    #[test]
    fn the_same_holds_for_the_messagepack_parser() {
        let long = format!("/{}", "n".repeat(300));
        for namespace in ["/", "/chat", "/a-name-of-more-than-thirty-one-bytes", &long] {
            let connect = Full::connect(
                namespace.to_owned(),
                Some(Value::Bytes(Bytes::from_static(b"\x80"))),
            );
            let frame = of_packet(&encoded_msgpack(connect));
            assert_eq!(packet(&frame), Some(Packet::Connect(namespace.as_bytes())));
        }
        let event = Full::event("/", Value::Bytes(Bytes::from_static(b"\x91\xa1a")));
        assert_eq!(packet(&of_packet(&encoded_msgpack(event))), None);
    }

    fn encoded_msgpack(packet: Full) -> Value {
        socketioxide_parser_msgpack::MsgPackParser.encode(packet)
    }

    #[test]
    fn a_frame_that_is_not_all_there_is_left_alone() {
        let frame = text(&"x".repeat(70_000));
        for cut in [0, 1, 2, 5, 9, 10, frame.len() - 1] {
            assert_eq!(Frame::split(&frame[..cut]), None, "{cut} bytes");
        }
        let mut more = frame.clone();
        more.extend_from_slice(b"\x81");
        let (first, rest) = Frame::split(&more).unwrap();
        assert_eq!((first.bytes, rest), (&*frame, &b"\x81"[..]));
    }

    #[test]
    fn a_text_a_ping_and_a_close_are_framed_as_tungstenite_does() {
        use tokio_tungstenite::tungstenite::protocol::CloseFrame;

        let close = CloseFrame {
            code: 1012.into(),
            reason: "service restart".into(),
        };
        let texts = ["", "é", &"x".repeat(126), &"x".repeat(70_000)];
        let mut ours = Vec::new();
        let mut theirs =
            WebSocket::from_raw_socket(std::io::Cursor::new(Vec::new()), Role::Server, None);

        for text in texts {
            ours.extend_from_slice(&of_text(text));
            theirs.write(Message::text(text)).unwrap();
        }
        ours.extend_from_slice(PING);
        theirs.write(Message::Ping(Bytes::new())).unwrap();
        theirs.flush().unwrap();
        ours.extend_from_slice(&of_close(1012, "service restart"));
        let _ = theirs.close(Some(close));

        assert!(ours == *theirs.get_ref().get_ref());
    }

    #[test]
    fn a_reason_that_is_too_long_is_cut_between_characters() {
        let frame = of_close(1000, &"é".repeat(100));

        assert_eq!(&frame[..2], [0x88, 124]);
        assert_eq!(frame[4..], *"é".repeat(61).as_bytes());
    }

    proptest! {
        #[test]
        fn a_packet_is_framed_byte_for_byte_as_the_engine_does(
            payload in "\\PC{0,200}",
            repeat in prop_oneof![Just(1_usize), Just(400)],
            attachments in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..3),
        ) {
            let payload = payload.repeat(repeat);
            let attachments: Vec<Bytes> = attachments.into_iter().map(Bytes::from).collect();
            let packet = Value::Str(payload.clone().into(), Some(attachments.clone().into()));

            let mut engine = WebSocket::from_raw_socket(std::io::Cursor::new(Vec::new()), Role::Server, None);
            engine.write(Message::text(format!("4{payload}"))).unwrap();
            for bytes in attachments {
                engine.write(Message::Binary(bytes)).unwrap();
            }
            engine.flush().unwrap();

            prop_assert_eq!(&of_packet(&packet)[..], &engine.get_ref().get_ref()[..]);
        }

        #[test]
        fn any_bytes_are_split_or_left(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some((frame, rest)) = Frame::split(&bytes) {
                prop_assert_eq!(frame.bytes.len() + rest.len(), bytes.len());
                let _ = frame.packet();
            }
        }
    }
}
