//! Whom a message is for, and how it goes: `{rooms, except, flags}`, which broadcasts and requests have in common.

use std::time::Duration;

use super::{
    DEPTH, DecodeError, Flags, MAX_PARTS, Targets, Trace,
    decode::malformed,
    msgpack::{Reader, Token},
    number::Number,
    refusal::Refusal,
    request::text,
    walk::{key, skip},
    writer::Writer,
};

/// Reads options, leniently: emitters in the wild differ.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Targets, DecodeError> {
    let len = match reader.token()? {
        Token::Map(len) => len,
        // What some languages write for a map without entries.
        Token::List(0) => 0,
        _ => return malformed("its options are not a map"),
    };
    let mut targets = Targets::default();
    for _ in 0..len {
        match &*key(reader)? {
            "rooms" => targets.rooms = rooms(reader)?,
            "except" => targets.except = rooms(reader)?,
            "flags" => targets.flags = flags(reader)?,
            _ => skip(reader, DEPTH)?,
        }
    }
    Ok(targets)
}

/// Writes options as Node does.
pub(super) fn write(targets: &Targets, out: &mut Writer) {
    out.map(3);
    out.text("rooms");
    write_texts(&targets.rooms, out);
    out.text("except");
    write_texts(&targets.except, out);
    out.text("flags");
    write_flags(targets.flags, out);
}

/// Writes options as Node's emitter does: in another order.
pub(super) fn write_as_emitter(targets: &Targets, out: &mut Writer) {
    out.map(3);
    out.text("rooms");
    write_texts(&targets.rooms, out);
    out.text("flags");
    write_flags(targets.flags, out);
    out.text("except");
    write_texts(&targets.except, out);
}

fn write_flags(flags: Flags, out: &mut Writer) {
    let given = [
        flags.volatile,
        flags.compress.is_some(),
        flags.expects_one,
        flags.timeout.is_some(),
        flags.trace.is_some(),
    ];
    out.map(given.into_iter().map(u32::from).sum());
    if flags.volatile {
        out.text("volatile");
        out.boolean(true);
    }
    if let Some(compress) = flags.compress {
        out.text("compress");
        out.boolean(compress);
    }
    if flags.expects_one {
        out.text("expectSingleResponse");
        out.boolean(true);
    }
    if let Some(timeout) = flags.timeout {
        out.text("timeout");
        out.unsigned(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    }
    if let Some(trace) = flags.trace {
        out.text("traceparent");
        out.text(&trace.to_string());
    }
}

fn write_texts(texts: &[String], out: &mut Writer) {
    out.list(texts.len() as u32);
    for text in texts {
        out.text(text);
    }
}

/// The room of `undefined` in JavaScript, which an application may name by mistake: nobody is in it, and no client can join
/// a room whose name holds U+0000. Left out, it would make a list that names nobody one that means everybody.
const NOBODY: &str = "\0undefined";

/// Reads a list of rooms, or a single one. What is no room fails the whole message: leaving it out would show the event to
/// more clients than it was meant for.
pub(super) fn rooms(reader: &mut Reader<'_>) -> Result<Vec<String>, DecodeError> {
    const NO_ROOM: Refusal = Refusal::Malformed("a room is neither a text nor an integer");
    match reader.token()? {
        Token::Nil => Ok(Vec::new()),
        Token::Text(text) if text.is_empty() => Ok(Vec::new()),
        Token::List(len) if len as usize > MAX_PARTS => malformed("more rooms than are allowed"),
        Token::List(len) => {
            // Grown as rooms come, since the length is the sender's word.
            let mut rooms = Vec::new();
            for _ in 0..len {
                rooms.push(match reader.token()? {
                    Token::Nil => NOBODY.to_owned(),
                    token => name(token).ok_or(NO_ROOM)?,
                });
            }
            Ok(rooms)
        }
        token => Ok(vec![name(token).ok_or(NO_ROOM)?]),
    }
}

/// A name as text; `None` if it is neither a text nor an integer.
pub(super) fn name(token: Token<'_>) -> Option<String> {
    match token {
        Token::Text(text) => Some(text.into_owned()),
        Token::Unsigned(value) => Some(value.to_string()),
        Token::Signed(value) => Some(value.to_string()),
        Token::Float(value) => match Number::from(value) {
            Number::Unsigned(value) => Some(value.to_string()),
            Number::Signed(value) => Some(value.to_string()),
            Number::Float(_) => None,
        },
        _ => None,
    }
}

/// Reads flags; whatever is not a map has none.
fn flags(reader: &mut Reader<'_>) -> Result<Flags, DecodeError> {
    let mut ahead = reader.clone();
    let Token::Map(len) = ahead.token()? else {
        skip(reader, DEPTH)?;
        return Ok(Flags::default());
    };
    *reader = ahead;
    let mut flags = Flags::default();
    for _ in 0..len {
        match &*key(reader)? {
            "volatile" => flags.volatile = boolean(reader)?.unwrap_or(false),
            "compress" => flags.compress = boolean(reader)?,
            "expectSingleResponse" => flags.expects_one = boolean(reader)?.unwrap_or(false),
            "timeout" => {
                let milliseconds = integer(reader)?.and_then(|value| u64::try_from(value).ok());
                flags.timeout = milliseconds.map(Duration::from_millis);
            }
            "traceparent" => flags.trace = text(reader)?.as_deref().and_then(Trace::read),
            _ => skip(reader, DEPTH)?,
        }
    }
    Ok(flags)
}

/// Reads a value; `None` if it is neither a boolean nor a number that stands for one.
pub(super) fn boolean(reader: &mut Reader<'_>) -> Result<Option<bool>, DecodeError> {
    let mut ahead = reader.clone();
    skip(reader, DEPTH)?;
    Ok(match ahead.token()? {
        Token::Boolean(value) => Some(value),
        Token::Unsigned(value) => Some(value != 0),
        _ => None,
    })
}

/// Reads a value; `None` if it is not an integer.
pub(super) fn integer(reader: &mut Reader<'_>) -> Result<Option<i64>, DecodeError> {
    let mut ahead = reader.clone();
    skip(reader, DEPTH)?;
    Ok(match ahead.token()? {
        Token::Unsigned(value) => i64::try_from(value).ok(),
        Token::Signed(value) => Some(value),
        Token::Float(value) => match Number::from(value) {
            Number::Unsigned(value) => i64::try_from(value).ok(),
            Number::Signed(value) => Some(value),
            Number::Float(_) => None,
        },
        _ => None,
    })
}
