//! The event inside a broadcast: checked once, then rendered for clients of either parser.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    DEPTH, MAX_PARTS,
    extension::Extension,
    msgpack::{Reader, Token},
    number,
    refusal::Refusal,
    render,
    walk::{Step, walk},
};

/// Names that clients keep for themselves: they close the connection when a server emits one.
const RESERVED: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// The key that makes an object stand for a binary value beside the JSON of an event.
pub(super) const PLACEHOLDER: &str = "_placeholder";

pub(super) const NOT_A_LIST: &str = "its data is not a list";
pub(super) const EMPTY: &str = "its data is an empty list";

/// The event of a broadcast: a list of its name and its arguments.
#[derive(Debug, Clone)]
pub struct EventData<'a> {
    /// The list as it came, walked without a fault.
    bytes: &'a [u8],
    name: Cow<'a, str>,
    attachments: usize,
    /// Whether clients can read it as it came.
    is_plain: bool,
}

impl<'a> EventData<'a> {
    /// The event's name. One that is a number on the wire is given in decimal.
    pub fn event(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.name)
    }

    /// How many binary values it has.
    ///
    /// JavaScript clients of today close the connection at more than ten.
    pub fn attachments(&self) -> usize {
        self.attachments
    }

    /// The list as JSON text, as `JSON.stringify` writes it, and the binary values that it has placeholders for, in order.
    ///
    /// Dates are ISO texts in UTC; what JSON lacks is `null`; integers keep all of their 64 bits.
    pub fn to_json(&self) -> (String, Vec<Bytes>) {
        let mut json = render::Json::new(self.bytes.len(), self.attachments);
        self.replay(|step| json.step(step));
        json.finish()
    }

    /// The list as MessagePack, for clients that use the MessagePack parser.
    ///
    /// It is copied as it came, unless there is something in it that clients' parsers read differently than Node's servers
    /// do; then it is what a Node server would hand on: timestamps become dates in the form of those parsers, `undefined`
    /// becomes nil, old binary forms become bin, unknown extensions become lists of type and bytes, and keys and texts
    /// become valid UTF-8.
    pub fn to_msgpack(&self) -> Bytes {
        if self.is_plain {
            return Bytes::copy_from_slice(self.bytes);
        }
        let mut msgpack = render::MessagePack::new(self.bytes.len());
        self.replay(|step| msgpack.step(step));
        msgpack.finish()
    }

    /// The list as it came.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Reads and checks the event at the reader's place.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Refusal> {
        let start = reader.rest();
        let mut ahead = reader.clone();
        let Token::List(len) = ahead.token()? else {
            return Err(Refusal::Malformed(NOT_A_LIST));
        };
        if len == 0 {
            return Err(Refusal::Malformed(EMPTY));
        }
        let name = name(&ahead.token()?)?;

        let mut traits = Traits::default();
        walk(reader, DEPTH, &mut |step| traits.see(&step))?;
        Ok(Self {
            bytes: &start[..start.len() - reader.rest().len()],
            name,
            attachments: traits.checked_attachments()?,
            is_plain: !traits.is_odd,
        })
    }

    fn replay(&self, mut see: impl FnMut(Step<'a>)) {
        walk(&mut Reader::new(self.bytes), DEPTH, &mut see)
            .expect("the same walk over the same bytes succeeded in read");
    }
}

/// The name of the event whose list begins with `token`.
pub(super) fn name<'a>(token: &Token<'a>) -> Result<Cow<'a, str>, Refusal> {
    match token {
        Token::Text(text) => match RESERVED.iter().find(|name| *name == text) {
            Some(name) => Err(Refusal::Reserved(name)),
            None => Ok(text.clone()),
        },
        Token::Unsigned(value) => Ok(value.to_string().into()),
        Token::Signed(value) => Ok(value.to_string().into()),
        Token::Float(value) if value.is_finite() => {
            let mut text = String::new();
            number::push_float(&mut text, *value);
            Ok(text.into())
        }
        _ => Err(Refusal::Malformed(
            "its event name is neither a text nor a number",
        )),
    }
}

/// What has to be known of an event before it is handed on.
#[derive(Debug, Default)]
pub(super) struct Traits {
    attachments: usize,
    is_odd: bool,
    has_lookalike: bool,
    /// Whether the next value belongs to the key of a placeholder.
    is_marking: bool,
}

impl Traits {
    /// How many binary values there are, if clients can be given them.
    pub(super) fn checked_attachments(&self) -> Result<usize, Refusal> {
        if self.has_lookalike && self.attachments > 0 {
            // In clients' text format nobody could tell it from a real one, and its number may point nowhere.
            return Err(Refusal::Malformed(
                "an object looks like a placeholder beside binary values",
            ));
        }
        if self.attachments > MAX_PARTS {
            return Err(Refusal::Malformed("more binary values than are allowed"));
        }
        Ok(self.attachments)
    }

    pub(super) fn see(&mut self, step: &Step<'_>) {
        match step {
            Step::Value(Token::Binary(_)) => self.attachments += 1,
            Step::Value(Token::Extension(extension)) => {
                self.is_odd = true;
                if let Extension::Binary(_) | Extension::Other(..) = extension {
                    self.attachments += 1;
                }
            }
            Step::Value(Token::Text(Cow::Owned(_))) => self.is_odd = true,
            Step::Value(Token::Boolean(true)) => self.has_lookalike |= self.is_marking,
            Step::Item(_) => self.is_marking = false,
            Step::Key(_, key) => {
                self.is_odd |= matches!(key, Cow::Owned(_));
                self.is_marking = key == PLACEHOLDER;
            }
            _ => {}
        }
    }
}
