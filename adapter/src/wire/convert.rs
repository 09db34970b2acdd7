//! One value in the form of either client parser, as the other has it: for what clients send and get outside broadcasts.

use std::collections::VecDeque;

use bytes::Bytes;
use socketioxide_core::Value;

use super::{
    AROUND, DEPTH, DecodeError, EncodeError, MAX,
    event::Traits,
    msgpack::{Reader, Token},
    refusal::Refusal,
    render,
    transcode::transcode_value,
    walk::{skip, walk},
    writer::Writer,
};

/// MessagePack of a JSON text, its placeholders replaced by the `attachments` that they point at.
///
/// # Errors
///
/// [`EncodeError`] if the text is no JSON, or a placeholder points nowhere.
pub fn json_to_msgpack(json: &str, attachments: &VecDeque<Bytes>) -> Result<Bytes, EncodeError> {
    converted(json, attachments, DEPTH)
}

/// MessagePack of a request or response in JSON.
pub(super) fn message_to_msgpack(json: &str) -> Result<Bytes, EncodeError> {
    converted(json, &VecDeque::new(), DEPTH + AROUND)
}

fn converted(
    json: &str,
    attachments: &VecDeque<Bytes>,
    depth: usize,
) -> Result<Bytes, EncodeError> {
    if json.len() > MAX {
        return Err(EncodeError::TooLarge(json.len()));
    }
    let mut out = Writer::with_capacity(json.len());
    transcode_value(json, attachments, depth, &mut out)?;
    Ok(out.finish().into())
}

/// JSON of a MessagePack value, and the binary values that it has placeholders for, in order.
///
/// # Errors
///
/// [`DecodeError`] if the bytes are anything but one whole value.
pub fn msgpack_to_json(bytes: &[u8]) -> Result<(String, Vec<Bytes>), DecodeError> {
    if bytes.len() > MAX {
        return Err(DecodeError::TooLarge(bytes.len()));
    }
    let mut reader = Reader::new(bytes);
    let mut traits = Traits::default();
    walk(&mut reader, DEPTH, &mut |step| traits.see(&step))?;
    if !reader.rest().is_empty() {
        return Err(Refusal::Malformed("something follows the value").into());
    }
    let attachments = traits.checked_attachments()?;
    let mut json = render::Json::new(bytes.len(), attachments);
    walk(&mut Reader::new(bytes), DEPTH, &mut |step| json.step(step))?;
    Ok(json.finish())
}

/// The first of the values that a client answered with, as MessagePack; `None` if there is none, or none that can be sent.
/// `values` is their list, as a parser holds it.
pub(crate) fn first_of(values: &Value) -> Option<Vec<u8>> {
    let converted;
    let list = match values {
        Value::Str(json, attachments) => {
            let none = VecDeque::new();
            converted = json_to_msgpack(json, attachments.as_ref().unwrap_or(&none)).ok()?;
            &converted
        }
        Value::Bytes(bytes) => bytes,
    };
    let mut reader = Reader::new(list);
    let Ok(Token::List(1..)) = reader.token() else {
        return None;
    };
    let start = reader.rest();
    skip(&mut reader, DEPTH).ok()?;
    Some(start[..start.len() - reader.rest().len()].to_vec())
}

/// The list of one value in MessagePack, or of none, as a parser holds it; `None` if it cannot be read.
pub(crate) fn list_of(value: Option<&[u8]>, as_msgpack: bool) -> Option<Value> {
    let mut list = Writer::with_capacity(1 + value.map_or(0, <[u8]>::len));
    list.list(u32::from(value.is_some()));
    list.raw(value.unwrap_or_default());
    let list = list.finish();
    if as_msgpack {
        return Some(Value::Bytes(list.into()));
    }
    let (text, attachments) = msgpack_to_json(&list).ok()?;
    let attachments = (!attachments.is_empty()).then(|| attachments.into());
    Some(Value::Str(text.into(), attachments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_way_there_and_back() {
        let text = r#"[{"a":[1,-2,2.5,null,true],"b":{"_placeholder":true,"num":0}},"日本"]"#;
        let attachments = VecDeque::from([Bytes::from_static(&[1, 2, 3])]);

        let msgpack = json_to_msgpack(text, &attachments).unwrap();

        let (json, binary) = msgpack_to_json(&msgpack).unwrap();
        assert_eq!(json, text);
        assert_eq!(attachments, binary);
    }

    #[test]
    fn anything_but_one_whole_value_is_refused() {
        assert!(json_to_msgpack("[1", &VecDeque::new()).is_err());
        assert!(json_to_msgpack("[] []", &VecDeque::new()).is_err());
        assert!(msgpack_to_json(&[0x91]).is_err());
        assert!(msgpack_to_json(&[0x01, 0x02]).is_err());
        assert!(msgpack_to_json(&[0xdd, 0xff, 0xff, 0xff, 0xff]).is_err());
    }
}
