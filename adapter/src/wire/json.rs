//! Reads JSON text piece by piece, as `JSON.parse` does: strict in its grammar, lenient with lone surrogates, and with
//! every number that the grammar allows.

use super::number::Number;

/// Where JSON is wrong, and what should have stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct JsonError {
    /// Bytes from the start of the text.
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

/// A place in a JSON text.
#[derive(Debug)]
pub(super) struct Json<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Json<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Passes over white space, and gives the byte that follows without taking it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = bytes.get(self.at) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Takes `byte` if it comes next, white space aside.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes `byte`, which must come next.
    pub(super) fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), JsonError> {
        if self.take(byte) {
            Ok(())
        } else {
            self.fail(expected)
        }
    }

    /// Takes `word`, which must come next.
    pub(super) fn word(&mut self, word: &'static str) -> Result<(), JsonError> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            self.fail(word)
        }
    }

    /// Makes sure that nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.fail("the end"),
        }
    }

    /// Says what should have come next.
    pub(super) fn fail<T>(&self, expected: &'static str) -> Result<T, JsonError> {
        Err(JsonError {
            at: self.at,
            expected,
        })
    }

    /// Takes a text. It is put together in `scratch` if it has escapes.
    pub(super) fn string<'s>(&mut self, scratch: &'s mut String) -> Result<&'s str, JsonError>
    where
        'a: 's,
    {
        self.expect(b'"', "a text")?;
        let first = self.plain()?;
        if self.text.as_bytes()[self.at] == b'"' {
            self.at += 1;
            return Ok(first);
        }
        scratch.clear();
        scratch.push_str(first);
        while self.text.as_bytes()[self.at] == b'\\' {
            self.at += 1;
            let character = self.escape()?;
            scratch.push(character);
            scratch.push_str(self.plain()?);
        }
        self.at += 1;
        Ok(scratch)
    }

    /// Takes all up to the next quotation mark or backslash, which are left and there.
    fn plain(&mut self) -> Result<&'a str, JsonError> {
        let rest = &self.text[self.at..];
        let len = rest
            .bytes()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
        let Some(len) = len else {
            self.at = self.text.len();
            return self.fail("the end of a text");
        };
        self.at += len;
        if rest.as_bytes()[len] < 0x20 {
            return self.fail("an escape for a control character");
        }
        Ok(&rest[..len])
    }

    /// Takes what follows a backslash.
    fn escape(&mut self) -> Result<char, JsonError> {
        let character = match self.text.as_bytes().get(self.at) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return self.fail("an escape"),
        };
        self.at += 1;
        Ok(character)
    }

    /// Takes `u` and four digits, or two such escapes that are one character together. Half of such a pair becomes U+FFFD,
    /// since JavaScript lets it pass.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let unit = self.unit()?;
        let mut character = char::from_u32(unit);
        if (0xd800..0xdc00).contains(&unit) && self.text[self.at..].starts_with("\\u") {
            let after_first = self.at;
            self.at += 1;
            let low = self.unit()?;
            if (0xdc00..0xe000).contains(&low) {
                character = char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
            } else {
                self.at = after_first;
            }
        }
        Ok(character.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn unit(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.as_bytes().get(self.at + 1..self.at + 5);
        let mut unit = 0;
        for digit in digits.unwrap_or_default() {
            match char::from(*digit).to_digit(16) {
                Some(digit) => unit = unit << 4 | digit,
                None => return self.fail("four hexadecimal digits"),
            }
        }
        if digits.is_none() {
            return self.fail("four hexadecimal digits");
        }
        self.at += 5;
        Ok(unit)
    }

    /// Takes a number. Integers of up to 64 bits are kept exactly, all else is the nearest float.
    pub(super) fn number(&mut self) -> Result<Number, JsonError> {
        let start = self.at;
        let is_negative = self.sign(b"-");
        if self.text.as_bytes().get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let mut is_integer = true;
        if self.text.as_bytes().get(self.at) == Some(&b'.') {
            is_integer = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.as_bytes().get(self.at) {
            is_integer = false;
            self.at += 1;
            self.sign(b"+-");
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        if is_integer && is_negative {
            if let Ok(value @ ..0) = text.parse() {
                return Ok(Number::Signed(value));
            }
        } else if is_integer && let Ok(value) = text.parse() {
            return Ok(Number::Unsigned(value));
        }
        match text.parse::<f64>() {
            Ok(value) => Ok(value.into()),
            Err(_) => self.fail("a number"),
        }
    }

    fn sign(&mut self, signs: &[u8]) -> bool {
        let has_sign = self
            .text
            .as_bytes()
            .get(self.at)
            .is_some_and(|byte| signs.contains(byte));
        self.at += usize::from(has_sign);
        has_sign
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let rest = &self.text.as_bytes()[self.at..];
        let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if len == 0 {
            return self.fail("a digit");
        }
        self.at += len;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(json: &str) -> Result<String, JsonError> {
        let mut scratch = String::new();
        Json::new(json).string(&mut scratch).map(str::to_owned)
    }

    fn number(json: &str) -> Result<Number, JsonError> {
        let mut reader = Json::new(json);
        let number = reader.number()?;
        reader.end()?;
        Ok(number)
    }

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(
            string(r#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\udc4d!""#).unwrap(),
            "a\"\\/\u{8}\u{c}\n\r\té👍!"
        );
    }

    #[test]
    fn lone_surrogates_become_replacement_characters() {
        assert_eq!(string(r#""a\ud800b""#).unwrap(), "a\u{fffd}b");
        assert_eq!(string(r#""\udc4d""#).unwrap(), "\u{fffd}");
        assert_eq!(string(r#""\ud83d\n""#).unwrap(), "\u{fffd}\n");
        assert_eq!(string(r#""\ud83d\ud83d\udc4d""#).unwrap(), "\u{fffd}👍");
        assert_eq!(string(r#""\ud83dA""#).unwrap(), "\u{fffd}A");
    }

    #[test]
    fn broken_texts_are_refused() {
        for json in [
            "\"",
            "\"a",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\\ud800\\u\"",
            "\"\n\"",
            "\"\\u+123\"",
            "\"\\ué0\"",
            "a",
        ] {
            assert!(string(json).is_err(), "{json:?}");
        }
    }

    #[test]
    fn numbers_are_what_javascript_makes_of_them() {
        let cases = [
            ("0", Number::Unsigned(0)),
            ("-0", Number::Unsigned(0)),
            ("-1", Number::Signed(-1)),
            ("5.0", Number::Unsigned(5)),
            ("1e3", Number::Unsigned(1000)),
            ("-2.5E-1", Number::Float(-0.25)),
            ("18446744073709551615", Number::Unsigned(u64::MAX)),
            (
                "18446744073709551616",
                Number::Float(18_446_744_073_709_551_616.0),
            ),
            ("-9223372036854775808", Number::Signed(i64::MIN)),
            ("1e400", Number::Float(f64::INFINITY)),
            ("1e-400", Number::Unsigned(0)),
        ];
        for (json, value) in cases {
            assert_eq!(number(json), Ok(value), "{json}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for json in [
            "", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1.e3", "--1",
        ] {
            assert!(number(json).is_err(), "{json:?}");
        }
    }
}
