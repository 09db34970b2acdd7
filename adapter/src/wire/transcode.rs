//! Turns the JSON of an event, with the binary values that stand beside it, into MessagePack in one pass.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{
    DEPTH, EncodeError, MAX, MAX_PARTS, event,
    json::{Json, JsonError},
    msgpack::{Reader, Token},
    refusal::Refusal,
    writer::Writer,
};

/// Writes the event that `json` holds: a list of its name and arguments.
///
/// Where `attachments` has any, each object with `"_placeholder": true` stands for the binary value of its `num`, whatever
/// else is in it, as it does for JavaScript's parser; if there is no such value, the event is refused, as it is there.
/// Without attachments such an object is an object like any other.
pub(super) fn transcode(
    json: &str,
    attachments: &VecDeque<Bytes>,
    out: &mut Writer,
) -> Result<(), EncodeError> {
    let mut transcoder = Transcoder::new(json, attachments, out);
    transcoder.event()?;
    transcoder.json.end()?;
    Ok(())
}

/// Writes any one value that `json` holds, placeholders as in [`transcode`]. `depth` lists and objects at most may stand inside
/// each other.
pub(super) fn transcode_value(
    json: &str,
    attachments: &VecDeque<Bytes>,
    depth: usize,
    out: &mut Writer,
) -> Result<(), EncodeError> {
    let mut transcoder = Transcoder::new(json, attachments, out);
    transcoder.value(depth)?;
    transcoder.json.end()?;
    Ok(())
}

struct Transcoder<'a> {
    json: Json<'a>,
    attachments: &'a VecDeque<Bytes>,
    /// Where texts with escapes are put together.
    scratch: String,
    /// How many placeholders have been replaced.
    attached: usize,
    out: &'a mut Writer,
}

impl<'a> Transcoder<'a> {
    fn new(json: &'a str, attachments: &'a VecDeque<Bytes>, out: &'a mut Writer) -> Self {
        Self {
            json: Json::new(json),
            attachments,
            scratch: String::new(),
            attached: 0,
            out,
        }
    }

    fn event(&mut self) -> Result<(), EncodeError> {
        if self.json.peek() != Some(b'[') {
            return Err(Refusal::Malformed(event::NOT_A_LIST).into());
        }
        let name = self.out.bytes().len() + 1;
        self.value(DEPTH)?;
        if self.out.bytes().len() == name {
            return Err(Refusal::Malformed(event::EMPTY).into());
        }
        event::name(&Reader::new(&self.out.bytes()[name..]).token()?)?;
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<(), EncodeError> {
        match self.json.peek() {
            Some(b'[') => self.list(deeper(depth)?)?,
            Some(b'{') => self.object(deeper(depth)?)?,
            Some(b'"') => self.text()?,
            Some(b'-' | b'0'..=b'9') => {
                let number = self.json.number()?;
                self.out.number(number);
            }
            Some(b'n') => {
                self.json.word("null")?;
                self.out.nil();
            }
            Some(b't') => {
                self.json.word("true")?;
                self.out.boolean(true);
            }
            Some(b'f') => {
                self.json.word("false")?;
                self.out.boolean(false);
            }
            _ => self.json.fail("a value")?,
        }
        Ok(())
    }

    fn text(&mut self) -> Result<(), JsonError> {
        let text = self.json.string(&mut self.scratch)?;
        self.out.text(text);
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<(), EncodeError> {
        self.json.expect(b'[', "a list")?;
        let slot = self.out.open_list();
        let mut len = 0;
        if !self.json.take(b']') {
            loop {
                self.value(depth)?;
                len += 1;
                if !self.json.take(b',') {
                    break;
                }
            }
            self.json.expect(b']', "a comma or the end of a list")?;
        }
        self.out.close(slot, len);
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), EncodeError> {
        self.json.expect(b'{', "an object")?;
        let slot = self.out.open_map();
        let mut len = 0;
        let mut placeholder = Placeholder::default();
        if !self.json.take(b'}') {
            loop {
                let key = self.json.string(&mut self.scratch)?;
                let part = Part::named(key);
                self.out.text(key);
                self.json.expect(b':', "a colon")?;
                let start = self.out.bytes().len();
                self.value(depth)?;
                placeholder.note(part, &self.out.bytes()[start..]);
                len += 1;
                if !self.json.take(b',') {
                    break;
                }
            }
            self.json.expect(b'}', "a comma or the end of an object")?;
        }
        if placeholder.is_marked && !self.attachments.is_empty() {
            self.out.discard(slot);
            return self.attach(placeholder.number);
        }
        self.out.close(slot, len);
        Ok(())
    }

    fn attach(&mut self, number: Option<u64>) -> Result<(), EncodeError> {
        let index = number.and_then(|number| usize::try_from(number).ok());
        let bytes = index.and_then(|index| self.attachments.get(index)).ok_or(
            EncodeError::Placeholder {
                attachments: self.attachments.len(),
            },
        )?;
        self.attached += 1;
        if self.attached > MAX_PARTS {
            return Err(EncodeError::TooMany(self.attached));
        }
        // Checked each time, since many placeholders may stand for one large value.
        let len = self.out.bytes().len() + bytes.len();
        if len > MAX {
            return Err(EncodeError::TooLarge(len));
        }
        self.out.binary(bytes);
        Ok(())
    }
}

/// What is known of an object that may stand for a binary value.
///
/// One mark is enough, should the key come again: readers refuse whatever still looks like a placeholder beside binary
/// values. Of several numbers the last counts.
#[derive(Debug, Default)]
struct Placeholder {
    is_marked: bool,
    number: Option<u64>,
}

/// Which part of a placeholder an entry may be.
#[derive(Debug, Clone, Copy)]
enum Part {
    Mark,
    Number,
    Other,
}

impl Part {
    fn named(key: &str) -> Self {
        match key {
            event::PLACEHOLDER => Self::Mark,
            "num" => Self::Number,
            _ => Self::Other,
        }
    }
}

impl Placeholder {
    fn note(&mut self, part: Part, value: &[u8]) {
        match part {
            Part::Mark => {
                self.is_marked |= matches!(Reader::new(value).token(), Ok(Token::Boolean(true)));
            }
            Part::Number => {
                self.number = match Reader::new(value).token() {
                    Ok(Token::Unsigned(number)) => Some(number),
                    _ => None,
                };
            }
            Part::Other => {}
        }
    }
}

fn deeper(depth: usize) -> Result<usize, Refusal> {
    depth
        .checked_sub(1)
        .ok_or(Refusal::Malformed("lists and objects are nested too deep"))
}
