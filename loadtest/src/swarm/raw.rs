//! Messages of raw WebSockets, `{"event":E,"data":D}`, from and to the packets that everything else here speaks. Pure.
//!
//! There are no acks on them: a server answers with an event of the name that it was sent. So an event whose name this
//! client has sent is an answer: to the oldest question of that name, or to what asked for none. A server handles the
//! events of a client in order; where an answer is missing, the next is taken for it, and is wrong.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::client::packet::PacketError;

/// What one client has sent.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// By the event's name as JSON, the ids of those that wait for an answer.
    asked: HashMap<String, VecDeque<u64>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    event: &'a RawValue,
    #[serde(borrow, default, deserialize_with = "even_null")]
    data: Option<&'a RawValue>,
}

impl Raw {
    /// The message of an event's packet; none if it is another packet, or has more than one argument.
    pub(super) fn encode(&mut self, packet: &str) -> Option<String> {
        let packet = packet.strip_prefix('2')?;
        let (id, event) = packet.split_at(packet.find('[')?);
        let event: Vec<&RawValue> = serde_json::from_str(event).ok()?;
        let (name, message) = match *event {
            [name] => (name, format!(r#"{{"event":{name}}}"#)),
            [name, data] => (name, format!(r#"{{"event":{name},"data":{data}}}"#)),
            _ => return None,
        };
        let questions = self.asked.entry(name.get().to_owned()).or_default();
        if !id.is_empty() {
            questions.push_back(id.parse().ok()?);
        }
        Some(message)
    }

    /// The packet of a message: an event, or an ack; none if nobody asked for this answer.
    pub(super) fn decode(&mut self, text: &str) -> Result<Option<String>, PacketError> {
        let malformed = || PacketError::Data(text.chars().take(80).collect());
        let message: Message<'_> = serde_json::from_str(text).map_err(|_| malformed())?;
        let name = message.event.get();
        if !name.starts_with('"') {
            return Err(malformed());
        }
        let data = message.data.map_or("", RawValue::get);
        Ok(match self.asked.get_mut(name) {
            Some(questions) => questions.pop_front().map(|id| format!("3{id}[{data}]")),
            None if data.is_empty() => Some(format!("2[{name}]")),
            None => Some(format!("2[{name},{data}]")),
        })
    }
}

/// Null is data, too.
fn even_null<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(raw: &mut Raw, text: &str) -> Option<String> {
        raw.decode(text).unwrap()
    }

    #[test]
    fn events_and_messages_turn_into_each_other() {
        for (packet, message) in [
            (r#"2["e"]"#, r#"{"event":"e"}"#),
            (r#"2["e",null]"#, r#"{"event":"e","data":null}"#),
            (
                r#"2["\"é",{"a":[1.50]}]"#,
                r#"{"event":"\"é","data":{"a":[1.50]}}"#,
            ),
        ] {
            assert_eq!(Raw::default().encode(packet).unwrap(), message);
            assert_eq!(decoded(&mut Raw::default(), message).unwrap(), packet);
        }
    }

    #[test]
    fn an_event_of_a_name_that_was_sent_is_the_ack_of_the_oldest_question() {
        let mut raw = Raw::default();
        raw.encode(r#"20["joinRoom","a"]"#).unwrap();
        raw.encode(r#"27["echo",1]"#).unwrap();
        raw.encode(r#"28["echo",2]"#).unwrap();

        let echo = r#"{"event":"echo","data":1}"#;
        assert_eq!(decoded(&mut raw, echo).unwrap(), "37[1]");
        assert_eq!(decoded(&mut raw, echo).unwrap(), "38[1]");
        assert_eq!(
            decoded(&mut raw, r#"{"event":"joinRoom"}"#).unwrap(),
            "30[]"
        );
    }

    #[test]
    fn an_answer_that_nobody_asked_for_is_dropped() {
        let mut raw = Raw::default();
        raw.encode(r#"2["sendToRoom",{}]"#).unwrap();

        let answer = r#"{"event":"sendToRoom","data":{"ok":true}}"#;
        assert_eq!(decoded(&mut raw, answer), None);
    }

    #[test]
    fn what_is_no_event_is_not_sent() {
        for packet in ["1", "0{}", "30[1]", r#"2["e",1,2]"#, "2[]", "2[", ""] {
            assert_eq!(Raw::default().encode(packet), None, "{packet}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_decoded_or_refused(text in "\\PC*", data in "\\PC*") {
            let mut raw = Raw::default();
            let _ = raw.decode(&text);
            let _ = raw.decode(&format!(r#"{{"event":{text},"data":{data}}}"#));
            let _ = raw.encode(&format!("2{text}"));
        }
    }
}
