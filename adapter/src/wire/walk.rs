//! Goes through one MessagePack value and all that is in it. Checking, skipping and rendering are all this same walk, so
//! that what has been walked once cannot fail when it is walked again.

use std::borrow::Cow;

use super::{
    msgpack::{Reader, Token},
    number,
    refusal::Refusal,
};

/// What a walk comes by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step<'a> {
    /// A value, or the head of a list or map.
    Value(Token<'a>),
    /// The place of a list's next value, counted from 0; the value follows.
    Item(u32),
    /// The place of a map's next entry, counted from 0, and its key; the value follows. The key is borrowed only if it is
    /// a text on the wire, too.
    Key(u32, Cow<'a, str>),
    /// The end of the innermost list.
    ListEnd,
    /// The end of the innermost map.
    MapEnd,
}

/// Reads one value and shows `see` each step. `depth` lists and maps at most may stand inside each other.
pub(super) fn walk<'a>(
    reader: &mut Reader<'a>,
    depth: usize,
    see: &mut impl FnMut(Step<'a>),
) -> Result<(), Refusal> {
    let token = reader.token()?;
    match token {
        Token::List(len) => {
            let depth = deeper(depth)?;
            see(Step::Value(token));
            for index in 0..len {
                see(Step::Item(index));
                walk(reader, depth, see)?;
            }
            see(Step::ListEnd);
        }
        Token::Map(len) => {
            let depth = deeper(depth)?;
            see(Step::Value(token));
            for index in 0..len {
                let key = key(reader)?;
                see(Step::Key(index, key));
                walk(reader, depth, see)?;
            }
            see(Step::MapEnd);
        }
        token => see(Step::Value(token)),
    }
    Ok(())
}

/// Checks one value and passes over it.
pub(super) fn skip(reader: &mut Reader<'_>, depth: usize) -> Result<(), Refusal> {
    walk(reader, depth, &mut |_| ())
}

/// Reads the key of a map's entry as the text that it is as a key of a JavaScript object.
pub(super) fn key<'a>(reader: &mut Reader<'a>) -> Result<Cow<'a, str>, Refusal> {
    Ok(match reader.token()? {
        Token::Text(text) => text,
        Token::Unsigned(value) => value.to_string().into(),
        Token::Signed(value) => value.to_string().into(),
        Token::Float(value) if value.is_finite() => {
            let mut text = String::new();
            number::push_float(&mut text, value);
            text.into()
        }
        Token::Boolean(value) => value.to_string().into(),
        Token::Nil => "null".to_owned().into(),
        Token::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned().into(),
        _ => return Err(Refusal::Malformed("a map has a key that cannot be a text")),
    })
}

fn deeper(depth: usize) -> Result<usize, Refusal> {
    depth
        .checked_sub(1)
        .ok_or(Refusal::Malformed("lists and maps are nested too deep"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_ends_where_the_value_ends() {
        let mut reader = Reader::new(&[0x92, 0x81, 0xa1, b'k', 0xc0, 0x07, 0xc3]);

        skip(&mut reader, 2).unwrap();

        assert_eq!(reader.rest(), [0xc3]);
    }

    #[test]
    fn nesting_beyond_the_bound_is_refused() {
        let nested = [0x91, 0x91, 0xc0];

        assert!(skip(&mut Reader::new(&nested), 2).is_ok());
        assert!(skip(&mut Reader::new(&nested), 1).is_err());
        assert!(skip(&mut Reader::new(&[0x91; 1_000_000]), 128).is_err());
    }

    #[test]
    fn keys_become_texts_as_in_javascript() {
        let keys: [(&[u8], &str); 6] = [
            (&[0xa1, b'a'], "a"),
            (&[7], "7"),
            (&[0xff], "-1"),
            (&[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], "1.5"),
            (&[0xc0], "null"),
            (&[0xc4, 1, b'b'], "b"),
        ];
        for (bytes, text) in keys {
            assert_eq!(key(&mut Reader::new(bytes)).unwrap(), text);
        }
        assert!(key(&mut Reader::new(&[0x90])).is_err());
    }
}
