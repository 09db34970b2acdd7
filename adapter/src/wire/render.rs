//! Renders a walk over an event's data in the two forms that clients read.

use std::fmt::Write as _;

use bytes::Bytes;

use super::{
    date,
    extension::Extension,
    msgpack::Token,
    number::{self, Number},
    walk::Step,
    writer::Writer,
};

/// JSON text, with placeholders for the binary values beside it.
#[derive(Debug)]
pub(super) struct Json {
    text: String,
    attachments: Vec<Bytes>,
}

impl Json {
    /// For an event of that many bytes of MessagePack.
    pub(super) fn new(len: usize, attachments: usize) -> Self {
        Self {
            text: String::with_capacity(len + len / 4),
            attachments: Vec::with_capacity(attachments),
        }
    }

    pub(super) fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Value(token) => self.value(token),
            Step::Item(index) => self.comma(index),
            Step::Key(index, key) => {
                self.comma(index);
                self.string(&key);
                self.text.push(':');
            }
            Step::ListEnd => self.text.push(']'),
            Step::MapEnd => self.text.push('}'),
        }
    }

    pub(super) fn finish(self) -> (String, Vec<Bytes>) {
        (self.text, self.attachments)
    }

    fn value(&mut self, token: Token<'_>) {
        match token {
            Token::Nil | Token::Extension(Extension::Undefined | Extension::Date(None)) => {
                self.text.push_str("null");
            }
            Token::Boolean(true) => self.text.push_str("true"),
            Token::Boolean(false) => self.text.push_str("false"),
            Token::Unsigned(value) => self.display(value),
            Token::Signed(value) => self.display(value),
            Token::Float(value) => number::push_float(&mut self.text, value),
            Token::Text(text) => self.string(&text),
            Token::Binary(bytes) | Token::Extension(Extension::Binary(bytes)) => self.attach(bytes),
            Token::Extension(Extension::Date(Some(milliseconds))) => {
                self.text.push('"');
                date::push_iso(&mut self.text, milliseconds);
                self.text.push('"');
            }
            Token::Extension(Extension::Other(kind, bytes)) => {
                self.text.push('[');
                self.display(kind);
                self.text.push(',');
                self.attach(bytes);
                self.text.push(']');
            }
            Token::List(_) => self.text.push('['),
            Token::Map(_) => self.text.push('{'),
        }
    }

    fn attach(&mut self, bytes: &[u8]) {
        self.text.push_str(r#"{"_placeholder":true,"num":"#);
        self.display(self.attachments.len());
        self.text.push('}');
        self.attachments.push(Bytes::copy_from_slice(bytes));
    }

    fn comma(&mut self, index: u32) {
        if index > 0 {
            self.text.push(',');
        }
    }

    fn display(&mut self, value: impl std::fmt::Display) {
        let _ = write!(self.text, "{value}");
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        let mut rest = text;
        while let Some(at) = rest.bytes().position(needs_escape) {
            self.text.push_str(&rest[..at]);
            match rest.as_bytes()[at] {
                b'"' => self.text.push_str("\\\""),
                b'\\' => self.text.push_str("\\\\"),
                0x08 => self.text.push_str("\\b"),
                0x0c => self.text.push_str("\\f"),
                b'\n' => self.text.push_str("\\n"),
                b'\r' => self.text.push_str("\\r"),
                b'\t' => self.text.push_str("\\t"),
                control => self.display(format_args!("\\u{control:04x}")),
            }
            rest = &rest[at + 1..];
        }
        self.text.push_str(rest);
        self.text.push('"');
    }
}

fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..=0x1f)
}

/// MessagePack with nothing in it that clients' parsers read differently than Node does.
#[derive(Debug)]
pub(super) struct MessagePack {
    out: Writer,
}

impl MessagePack {
    /// For an event that came in that many bytes.
    pub(super) fn new(len: usize) -> Self {
        Self {
            out: Writer::with_capacity(len + len / 8),
        }
    }

    pub(super) fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Value(token) => self.value(token),
            Step::Key(_, key) => self.out.text(&key),
            Step::Item(_) | Step::ListEnd | Step::MapEnd => {}
        }
    }

    pub(super) fn finish(self) -> Bytes {
        self.out.finish().into()
    }

    fn value(&mut self, token: Token<'_>) {
        match token {
            Token::Nil | Token::Extension(Extension::Undefined | Extension::Date(None)) => {
                self.out.nil();
            }
            Token::Boolean(value) => self.out.boolean(value),
            Token::Unsigned(value) => self.out.unsigned(value),
            Token::Signed(value) => self.out.signed(value),
            Token::Float(value) => self.out.number(Number::Float(value)),
            Token::Text(text) => self.out.text(&text),
            Token::Binary(bytes) | Token::Extension(Extension::Binary(bytes)) => {
                self.out.binary(bytes);
            }
            Token::Extension(Extension::Date(Some(milliseconds))) => self.out.date(milliseconds),
            Token::Extension(Extension::Other(kind, bytes)) => {
                self.out.list(2);
                self.out.signed(kind.into());
                self.out.binary(bytes);
            }
            Token::List(len) => self.out.list(len),
            Token::Map(len) => self.out.map(len),
        }
    }
}
