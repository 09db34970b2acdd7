//! Socket.IO protocol 5: packets to text and back, and attachments gathered into the packet they belong to. Pure.

use bytes::Bytes;
use serde_json::Value;

/// One Socket.IO packet, with its attachments.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    /// The namespace, with its leading slash.
    pub namespace: String,
    /// What the packet does there.
    pub body: Body,
    /// Binary values; the arguments hold `{"_placeholder":true,"num":N}` in their places.
    pub attachments: Vec<Bytes>,
}

/// What a [`Packet`] does.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Asks for a seat in the namespace, or grants it.
    Connect(Option<Value>),
    /// Gives the seat up, or takes it away.
    Disconnect,
    /// An event: its name and arguments, and an id if an ack is asked for.
    Event {
        /// The id that the ack is to carry.
        id: Option<u64>,
        /// The event's name.
        name: String,
        /// What follows the name.
        args: Vec<Value>,
    },
    /// The answer to the event with this id.
    Ack {
        /// The event's id.
        id: u64,
        /// The values of the answer.
        args: Vec<Value>,
    },
    /// The seat is refused.
    ConnectError(Value),
}

/// Why a text is no Socket.IO packet, or comes at the wrong time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// The first character is no packet type.
    #[error("unknown packet type in {0:?}")]
    Type(String),
    /// The number of attachments, or the id, is malformed or missing.
    #[error("malformed packet header in {0:?}")]
    Header(String),
    /// The JSON does not parse, or is not of the kind that this type of packet has.
    #[error("malformed packet data in {0:?}")]
    Data(String),
    /// A text came where attachments were due.
    #[error("a text frame came where {0} more attachments were due")]
    Interleaved(usize),
    /// An attachment came that belongs to no packet.
    #[error("an attachment came that belongs to no packet")]
    Stray,
}

/// Turns frames into packets: holds one back until all its attachments are there.
#[derive(Debug, Default)]
pub struct Decoder {
    waiting: Option<(Packet, usize)>,
}

impl Decoder {
    /// Takes a text; gives back the packet if it is complete.
    ///
    /// # Errors
    ///
    /// [`PacketError`] if the text is malformed, or attachments were due.
    pub fn text(&mut self, text: &str) -> Result<Option<Packet>, PacketError> {
        if let Some((packet, count)) = &self.waiting {
            return Err(PacketError::Interleaved(count - packet.attachments.len()));
        }
        let (packet, count) = Packet::decode(text)?;
        if count == 0 {
            return Ok(Some(packet));
        }
        self.waiting = Some((packet, count));
        Ok(None)
    }

    /// Takes an attachment; gives back the packet if this was the last one.
    ///
    /// # Errors
    ///
    /// [`PacketError::Stray`] if no packet waits for one.
    pub fn binary(&mut self, bytes: Bytes) -> Result<Option<Packet>, PacketError> {
        let (mut packet, count) = self.waiting.take().ok_or(PacketError::Stray)?;
        packet.attachments.push(bytes);
        if packet.attachments.len() == count {
            return Ok(Some(packet));
        }
        self.waiting = Some((packet, count));
        Ok(None)
    }
}

impl Packet {
    /// A packet without attachments.
    pub fn new(namespace: &str, body: Body) -> Self {
        Self {
            namespace: namespace.to_owned(),
            body,
            attachments: Vec::new(),
        }
    }

    /// The packet's text; its attachments follow in frames of their own.
    pub fn encode(&self) -> String {
        use std::fmt::Write as _;

        let binary = !self.attachments.is_empty();
        let (kind, id, data) = match &self.body {
            Body::Connect(data) => ('0', None, data.as_ref().map(Value::to_string)),
            Body::Disconnect => ('1', None, None),
            Body::Event { id, name, args } => {
                let kind = if binary { '5' } else { '2' };
                (kind, *id, Some(array(Some(name), args)))
            }
            Body::Ack { id, args } => {
                let kind = if binary { '6' } else { '3' };
                (kind, Some(*id), Some(array(None, args)))
            }
            Body::ConnectError(data) => ('4', None, Some(data.to_string())),
        };
        let mut text = String::from(kind);
        if binary {
            let _ = write!(text, "{}-", self.attachments.len());
        }
        if self.namespace != "/" {
            text.push_str(&self.namespace);
            text.push(',');
        }
        if let Some(id) = id {
            let _ = write!(text, "{id}");
        }
        text.push_str(data.as_deref().unwrap_or_default());
        text
    }

    /// The packet that `text` is, and how many attachments follow it.
    fn decode(text: &str) -> Result<(Self, usize), PacketError> {
        let header = || PacketError::Header(shorten(text));
        let data = || PacketError::Data(shorten(text));

        let kind = text
            .chars()
            .next()
            .filter(|kind| ('0'..='6').contains(kind))
            .ok_or_else(|| PacketError::Type(shorten(text)))?;
        let mut rest = &text[1..];
        let mut count = 0;
        if matches!(kind, '5' | '6') {
            let (number, after) = rest.split_once('-').ok_or_else(header)?;
            count = number.parse().map_err(|_| header())?;
            rest = after;
        }
        let mut namespace = "/";
        if rest.starts_with('/') {
            // A namespace that nothing follows may stand without its comma.
            (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
        }
        let digits = rest
            .find(|character: char| !character.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, json) = rest.split_at(digits);
        let id = match number {
            "" => None,
            number => Some(number.parse().map_err(|_| header())?),
        };
        let value: Option<Value> = match json {
            "" => None,
            json => Some(serde_json::from_str(json).map_err(|_| data())?),
        };
        let body = match (kind, value) {
            ('0', value) => Body::Connect(value),
            ('1', None) => Body::Disconnect,
            ('2' | '5', Some(Value::Array(mut args))) if !args.is_empty() => {
                let Value::String(name) = args.remove(0) else {
                    return Err(data());
                };
                Body::Event { id, name, args }
            }
            ('3' | '6', Some(Value::Array(args))) => Body::Ack {
                id: id.ok_or_else(header)?,
                args,
            },
            ('4', Some(value)) => Body::ConnectError(value),
            _ => return Err(data()),
        };
        Ok((Self::new(namespace, body), count))
    }
}

/// A JSON array of the name, where there is one, and the arguments.
fn array(name: Option<&String>, args: &[Value]) -> String {
    let name = name.map(|name| Value::String(name.clone()).to_string());
    let items: Vec<String> = name
        .into_iter()
        .chain(args.iter().map(Value::to_string))
        .collect();
    format!("[{}]", items.join(","))
}

/// Enough of a text to recognise it in an error.
fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn decode(text: &str) -> Packet {
        Decoder::default()
            .text(text)
            .unwrap()
            .expect("a packet without attachments")
    }

    fn event(id: Option<u64>, name: &str, args: &[Value]) -> Body {
        Body::Event {
            id,
            name: name.to_owned(),
            args: args.to_vec(),
        }
    }

    #[test]
    fn texts_and_packets_turn_into_each_other() {
        let cases = [
            ("0", "/", Body::Connect(None)),
            (
                r#"0/chat,{"token":"x"}"#,
                "/chat",
                Body::Connect(Some(json!({"token": "x"}))),
            ),
            ("1", "/", Body::Disconnect),
            ("1/chat,", "/chat", Body::Disconnect),
            (
                r#"2["hello","world"]"#,
                "/",
                event(None, "hello", &[json!("world")]),
            ),
            (
                r#"2/chat,7["q","x"]"#,
                "/chat",
                event(Some(7), "q", &[json!("x")]),
            ),
            (
                r#"3/chat,7["one"]"#,
                "/chat",
                Body::Ack {
                    id: 7,
                    args: vec![json!("one")],
                },
            ),
            (
                r#"4{"message":"no"}"#,
                "/",
                Body::ConnectError(json!({"message": "no"})),
            ),
        ];
        for (text, namespace, body) in cases {
            let packet = Packet::new(namespace, body);
            assert_eq!(decode(text), packet, "{text}");
            assert_eq!(packet.encode(), text);
        }
    }

    #[test]
    fn a_packet_waits_for_all_its_attachments() {
        let text = r#"52-/chat,7["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
        let mut decoder = Decoder::default();

        assert_eq!(decoder.text(text).unwrap(), None);
        assert_eq!(decoder.binary(Bytes::from_static(b"one")).unwrap(), None);
        let packet = decoder.binary(Bytes::from_static(b"two")).unwrap().unwrap();

        assert_eq!(packet.attachments, ["one", "two"]);
        assert_eq!(packet.encode(), text);
        assert!(decoder.text("2[\"next\"]").unwrap().is_some());
    }

    #[test]
    fn a_text_among_attachments_is_an_error() {
        let mut decoder = Decoder::default();
        decoder.text(r#"52-["a",{},{}]"#).unwrap();
        decoder.binary(Bytes::new()).unwrap();

        assert!(matches!(
            decoder.text("2[\"b\"]"),
            Err(PacketError::Interleaved(1))
        ));
    }

    #[test]
    fn an_attachment_without_a_packet_is_an_error() {
        assert!(matches!(
            Decoder::default().binary(Bytes::new()),
            Err(PacketError::Stray)
        ));
    }

    #[test]
    fn malformed_packets_are_refused_by_what_is_wrong() {
        let decode = |text| Decoder::default().text(text).unwrap_err();

        assert!(matches!(decode(""), PacketError::Type(_)));
        assert!(matches!(decode("9[]"), PacketError::Type(_)));
        assert!(matches!(decode("5[\"a\"]"), PacketError::Header(_)));
        assert!(matches!(decode("3[\"no id\"]"), PacketError::Header(_)));
        assert!(matches!(
            decode("299999999999999999999[\"a\"]"),
            PacketError::Header(_)
        ));
        assert!(matches!(decode("2"), PacketError::Data(_)));
        assert!(matches!(decode("2[]"), PacketError::Data(_)));
        assert!(matches!(decode("2[1]"), PacketError::Data(_)));
        assert!(matches!(decode("2[\"a\""), PacketError::Data(_)));
    }

    proptest! {
        #[test]
        fn any_text_is_decoded_without_panic(text in "[0-6]?[0-9-]{0,4}(/[a-z]{0,3},?)?\\PC*") {
            let _ = Decoder::default().text(&text);
        }

        #[test]
        fn any_event_survives_the_wire(
            namespace in "/[a-z]{0,8}",
            id in proptest::option::of(any::<u64>()),
            name in "\\PC*",
            argument in "\\PC*",
        ) {
            let packet = Packet::new(&namespace, event(id, &name, &[json!(argument), json!({"n": 1})]));
            prop_assert_eq!(decode(&packet.encode()), packet);
        }
    }
}
