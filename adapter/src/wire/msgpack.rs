//! Reads MessagePack one token at a time; every length is checked against the bytes that are there before it is used.

use std::borrow::Cow;

use rmp::Marker;

use super::{extension::Extension, refusal::Refusal};

const CUT_SHORT: Refusal = Refusal::Malformed("ends in the middle of a value");

/// One MessagePack value, or the head of a list or map.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// Nil.
    Nil,
    /// A boolean.
    Boolean(bool),
    /// An integer of any width that is not negative.
    Unsigned(u64),
    /// A negative integer of any width.
    Signed(i64),
    /// A float of either width.
    Float(f64),
    /// A text. Bytes that are not UTF-8 have become U+FFFD, and then it is owned.
    Text(Cow<'a, str>),
    /// Bytes.
    Binary(&'a [u8]),
    /// An extension, by its meaning.
    Extension(Extension<'a>),
    /// A list of that many values follows.
    List(u32),
    /// A map of that many keys and values follows.
    Map(u32),
}

/// Reads tokens off a slice.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads the next token. The head of a list or map is given only if as many values can follow.
    pub(super) fn token(&mut self) -> Result<Token<'a>, Refusal> {
        let marker = Marker::from_u8(self.byte()?);
        Ok(match marker {
            Marker::Null => Token::Nil,
            Marker::False => Token::Boolean(false),
            Marker::True => Token::Boolean(true),
            Marker::FixPos(value) => Token::Unsigned(value.into()),
            Marker::FixNeg(value) => Token::Signed(value.into()),
            Marker::U8 => Token::Unsigned(self.byte()?.into()),
            Marker::U16 => Token::Unsigned(self.two()?.into()),
            Marker::U32 => Token::Unsigned(self.four()?.into()),
            Marker::U64 => Token::Unsigned(u64::from_be_bytes(self.fixed()?)),
            Marker::I8 => signed(i8::from_be_bytes(self.fixed()?).into()),
            Marker::I16 => signed(i16::from_be_bytes(self.fixed()?).into()),
            Marker::I32 => signed(i32::from_be_bytes(self.fixed()?).into()),
            Marker::I64 => signed(i64::from_be_bytes(self.fixed()?)),
            Marker::F32 => Token::Float(f32::from_be_bytes(self.fixed()?).into()),
            Marker::F64 => Token::Float(f64::from_be_bytes(self.fixed()?)),
            Marker::FixStr(len) => self.text(len.into())?,
            Marker::Str8 => {
                let len = self.byte()?;
                self.text(len.into())?
            }
            Marker::Str16 => {
                let len = self.two()?;
                self.text(len.into())?
            }
            Marker::Str32 => {
                let len = self.four()?;
                self.text(len)?
            }
            Marker::Bin8 => {
                let len = self.byte()?;
                Token::Binary(self.take(len.into())?)
            }
            Marker::Bin16 => {
                let len = self.two()?;
                Token::Binary(self.take(len.into())?)
            }
            Marker::Bin32 => {
                let len = self.four()?;
                Token::Binary(self.take(len)?)
            }
            Marker::FixArray(len) => self.list(len.into())?,
            Marker::Array16 => {
                let len = self.two()?;
                self.list(len.into())?
            }
            Marker::Array32 => {
                let len = self.four()?;
                self.list(len)?
            }
            Marker::FixMap(len) => self.map(len.into())?,
            Marker::Map16 => {
                let len = self.two()?;
                self.map(len.into())?
            }
            Marker::Map32 => {
                let len = self.four()?;
                self.map(len)?
            }
            Marker::FixExt1 => self.fixed_extension(1)?,
            Marker::FixExt2 => self.fixed_extension(2)?,
            Marker::FixExt4 => self.fixed_extension(4)?,
            Marker::FixExt8 => self.fixed_extension(8)?,
            Marker::FixExt16 => self.fixed_extension(16)?,
            Marker::Ext8 => {
                let len = self.byte()?;
                self.sized_extension(len.into())?
            }
            Marker::Ext16 => {
                let len = self.two()?;
                self.sized_extension(len.into())?
            }
            Marker::Ext32 => {
                let len = self.four()?;
                self.sized_extension(len)?
            }
            Marker::Reserved => return Err(Refusal::Malformed("holds the unused byte c1")),
        })
    }

    fn text(&mut self, len: u32) -> Result<Token<'a>, Refusal> {
        Ok(Token::Text(String::from_utf8_lossy(self.take(len)?)))
    }

    fn list(&self, len: u32) -> Result<Token<'a>, Refusal> {
        // Each value takes a byte at least.
        if len as usize > self.rest.len() {
            return Err(CUT_SHORT);
        }
        Ok(Token::List(len))
    }

    fn map(&self, len: u32) -> Result<Token<'a>, Refusal> {
        if len as usize > self.rest.len() / 2 {
            return Err(CUT_SHORT);
        }
        Ok(Token::Map(len))
    }

    fn fixed_extension(&mut self, len: u32) -> Result<Token<'a>, Refusal> {
        let [kind] = self.fixed()?;
        let data = self.take(len)?;
        Ok(Token::Extension(Extension::fixed(kind as i8, data)))
    }

    fn sized_extension(&mut self, len: u32) -> Result<Token<'a>, Refusal> {
        let [kind] = self.fixed()?;
        let data = self.take(len)?;
        Ok(Token::Extension(Extension::sized(kind as i8, data)))
    }

    fn byte(&mut self) -> Result<u8, Refusal> {
        let (byte, rest) = self.rest.split_first().ok_or(CUT_SHORT)?;
        self.rest = rest;
        Ok(*byte)
    }

    fn two(&mut self) -> Result<u16, Refusal> {
        Ok(u16::from_be_bytes(self.fixed()?))
    }

    fn four(&mut self) -> Result<u32, Refusal> {
        Ok(u32::from_be_bytes(self.fixed()?))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(CUT_SHORT)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn take(&mut self, len: u32) -> Result<&'a [u8], Refusal> {
        let (bytes, rest) = self.rest.split_at_checked(len as usize).ok_or(CUT_SHORT)?;
        self.rest = rest;
        Ok(bytes)
    }
}

/// Some encoders write positive values in the signed forms.
fn signed(value: i64) -> Token<'static> {
    u64::try_from(value).map_or(Token::Signed(value), Token::Unsigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Token<'_>, Refusal> {
        Reader::new(bytes).token()
    }

    #[test]
    fn integers_read_the_same_in_every_width() {
        let sevens: [&[u8]; 6] = [
            &[7],
            &[0xcc, 7],
            &[0xcd, 0, 7],
            &[0xd0, 7],
            &[0xd2, 0, 0, 0, 7],
            &[0xd3, 0, 0, 0, 0, 0, 0, 0, 7],
        ];
        for seven in sevens {
            assert_eq!(read(seven), Ok(Token::Unsigned(7)), "{seven:x?}");
        }
        assert_eq!(read(&[0xff]), Ok(Token::Signed(-1)));
        assert_eq!(read(&[0xd1, 0xff, 0xff]), Ok(Token::Signed(-1)));
    }

    #[test]
    fn a_length_beyond_the_end_is_refused() {
        let liars: [&[u8]; 9] = [
            &[],
            &[0xa2, b'a'],
            &[0xdb, 0xff, 0xff, 0xff, 0xff, b'a'],
            &[0xc6, 0xff, 0xff, 0xff, 0xff],
            &[0xdd, 0xff, 0xff, 0xff, 0xff, 0xc0],
            &[0xdf, 0x80, 0, 0, 0, 0xc0, 0xc0],
            &[0x81, 0xc0],
            &[0xc9, 0xff, 0xff, 0xff, 0xff, 1],
            &[0xcb, 0, 0],
        ];
        for liar in liars {
            assert_eq!(read(liar), Err(CUT_SHORT), "{liar:x?}");
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_mended() {
        let lone_surrogate = [0xa3, 0xed, 0xa0, 0x80];

        let Ok(Token::Text(Cow::Owned(text))) = read(&lone_surrogate) else {
            panic!("not mended");
        };

        assert!(text.contains('\u{fffd}'), "{text:?}");
    }
}
