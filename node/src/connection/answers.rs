//! Pure: what a client is answered that asks for a seat, in place of what the engine says.
//!
//! The engine grants a seat with its own session id, which is a secret of the client's, and refuses one without a reason
//! that programs can read. The packet is known before the engine writes its own, and takes its place on the way out, be
//! it a frame of a WebSocket or a part of what a poll brings.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use socketioxide_core::Value;

use super::frame::{Packet, json_packet, msgpack_packet};

/// Between two packets of one poll (Engine.IO protocol 4).
const SEPARATOR: u8 = 0x1e;

/// What stands before a binary packet there, whose rest is base64.
const BASE64: u8 = b'b';

/// Answers that are still to be given. One without any, as a session is almost always, takes no memory.
#[derive(Debug, Default)]
pub(super) struct Answers(Vec<Answer>);

#[derive(Debug)]
struct Answer {
    namespace: Box<str>,
    /// As the parser would write it.
    packet: Value,
}

impl Answers {
    /// The next grant or refusal of a seat in this namespace is this packet.
    pub(super) fn expect(&mut self, namespace: &str, packet: Value) {
        self.0.retain(|answer| *answer.namespace != *namespace);
        self.0.push(Answer {
            namespace: namespace.into(),
            packet,
        });
    }

    /// What takes the place of this packet of the engine.
    pub(super) fn take(&mut self, packet: Option<Packet<'_>>) -> Option<Value> {
        let (Packet::Connect(namespace) | Packet::Refusal(namespace)) = packet? else {
            return None;
        };
        let is_for = |answer: &Answer| answer.namespace.as_bytes() == namespace;
        let at = self.0.iter().position(is_for)?;
        let answer = self.0.swap_remove(at);
        if self.0.is_empty() {
            // A session keeps no memory for what was.
            self.0 = Vec::new();
        }
        Some(answer.packet)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a poll brings once these answers are in it; none if it stays as it is.
    pub(super) fn in_poll(&mut self, body: &[u8]) -> Option<Bytes> {
        let mut changed = false;
        let mut out = Vec::with_capacity(body.len() + 64);
        for (number, part) in body.split(|byte| *byte == SEPARATOR).enumerate() {
            if number > 0 {
                out.push(SEPARATOR);
            }
            match self.take_encoded(part) {
                Some(Value::Str(text, _)) => {
                    out.push(b'4');
                    out.extend_from_slice(text.as_bytes());
                    changed = true;
                }
                Some(Value::Bytes(bytes)) => {
                    out.push(BASE64);
                    out.extend_from_slice(BASE64_STANDARD.encode(bytes).as_bytes());
                    changed = true;
                }
                None => out.extend_from_slice(part),
            }
        }
        changed.then(|| out.into())
    }

    fn take_encoded(&mut self, part: &[u8]) -> Option<Value> {
        // An attachment of the JSON parser looks like a packet of MessagePack's.
        let speaks_msgpack = self
            .0
            .iter()
            .any(|answer| matches!(answer.packet, Value::Bytes(_)));
        match part.split_first()? {
            (&BASE64, encoded) if speaks_msgpack => {
                let bytes = BASE64_STANDARD.decode(encoded).ok()?;
                self.take(msgpack_packet(&bytes))
            }
            _ if !speaks_msgpack => self.take(json_packet(part)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(namespace: &str, text: &str) -> Answers {
        let mut answers = Answers::default();
        answers.expect(namespace, Value::Str(text.to_owned().into(), None));
        answers
    }

    fn in_poll(answers: &mut Answers, body: &str) -> Option<String> {
        let changed = answers.in_poll(body.as_bytes())?;
        Some(String::from_utf8(changed.to_vec()).unwrap())
    }

    #[test]
    fn the_answer_takes_the_place_of_the_engines() {
        let mut answers = granted("/chat", r#"0/chat,{"sid":"~x"}"#);

        let body = "2\u{1e}40/chat,{\"sid\":\"secret\"}\u{1e}42/chat,[\"a\"]";
        let changed = in_poll(&mut answers, body).unwrap();

        assert_eq!(
            changed,
            "2\u{1e}40/chat,{\"sid\":\"~x\"}\u{1e}42/chat,[\"a\"]"
        );
        assert!(answers.is_empty());
    }

    #[test]
    fn a_refusal_is_answered_too_and_other_namespaces_are_not() {
        let mut answers = granted("/", r#"4{"message":"no","data":1}"#);

        assert_eq!(in_poll(&mut answers, "40/chat,{}"), None);
        assert_eq!(in_poll(&mut answers, "42[\"40\"]\u{1e}6"), None);
        assert_eq!(
            in_poll(&mut answers, r#"44{"message":"no"}"#).unwrap(),
            r#"44{"message":"no","data":1}"#
        );
    }

    #[test]
    fn msgpack_is_found_in_base64_and_never_where_json_is_spoken() {
        let packet = b"\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x80";
        let body = format!("b{}", BASE64_STANDARD.encode(packet));
        let ours = Bytes::from_static(b"ours");
        let mut answers = Answers::default();
        answers.expect("/", Value::Bytes(ours.clone()));

        let expected = format!("b{}", BASE64_STANDARD.encode(&ours));
        assert_eq!(in_poll(&mut answers, &body).unwrap(), expected);

        assert_eq!(in_poll(&mut granted("/", "0"), &body), None);
    }
}
