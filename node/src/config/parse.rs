//! Text to typed values: numbers, durations, sizes, addresses. A failure is the sentence that says what was expected.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

/// A type that the text of a setting becomes.
pub(super) trait Value: Sized {
    /// Reads `text`; the error completes "the value is wrong:".
    fn from_text(text: &str) -> Result<Self, String>;
}

/// The longest duration that can be set, so that adding it to a clock cannot overflow.
const LONGEST: Duration = Duration::from_hours(365 * 24);

const DURATION_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

const SIZE_UNITS: [(&str, u64); 8] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

impl Value for Duration {
    /// `25s`, `500ms`, `1m30s`: whole numbers with units, the larger unit first.
    fn from_text(text: &str) -> Result<Self, String> {
        let milliseconds = milliseconds(text)
            .ok_or("expected a duration with its unit, such as 25s, 500ms or 1m30s")?;
        let duration = Self::from_millis(milliseconds);
        if duration > LONGEST {
            return Err("expected a duration of at most 365d".to_owned());
        }
        Ok(duration)
    }
}

/// Reads a duration that is no setting; the error says what was expected.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    Duration::from_text(text)
}

/// The length of `text` in milliseconds, as long as it fits.
fn milliseconds(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut total = 0_u64;
    let mut rest = text;
    let mut units = DURATION_UNITS.iter();
    while !rest.is_empty() {
        let (number, after) = leading_number(rest)?;
        let unit_end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        // `find` moves on in the table, so a unit cannot come again, nor a larger one after a smaller one.
        let (_, length) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.checked_mul(*length)?)?;
        rest = after;
    }
    Some(total)
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) u64);

impl Value for Bytes {
    /// `1MB` is 1,000,000 bytes, `1MiB` is 1,048,576, a number alone is bytes.
    fn from_text(text: &str) -> Result<Self, String> {
        bytes(text).map(Self).ok_or_else(|| {
            "expected a size such as 1MB (1,000,000 bytes), 1MiB (1,048,576) or 4096".to_owned()
        })
    }
}

fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = leading_number(text)?;
    let (_, length) = SIZE_UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*length)
}

/// The digits that `text` starts with, as a number, and what follows them.
fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

impl Value for SocketAddr {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            "expected an IP address and a port, such as 0.0.0.0:3000 or [::1]:3000".to_owned()
        })
    }
}

impl Value for IpNet {
    /// A network, or one address.
    fn from_text(text: &str) -> Result<Self, String> {
        let expected =
            || "expected a network or an address, such as 10.0.0.0/8, fd00::/8 or ::1".to_owned();
        let network = match text.parse::<IpAddr>() {
            Ok(address) => Self::from(address),
            Err(_) => text.parse().map_err(|_| expected())?,
        };
        if network.addr() != network.network() {
            // It could mean the address as well as the network.
            let (network, address) = (network.trunc(), network.addr());
            return Err(format!("expected {network} or {address}, not both"));
        }
        match network.addr() {
            IpAddr::V6(address) if address.to_ipv4_mapped().is_some() => {
                Err("expected IPv4 in its own form, without ::ffff:".to_owned())
            }
            _ => Ok(network),
        }
    }
}

impl Value for bool {
    fn from_text(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "expected true or false".to_owned())
    }
}

impl Value for u32 {
    fn from_text(text: &str) -> Result<Self, String> {
        match leading_number(text) {
            Some((number, "")) => Self::try_from(number)
                .map_err(|_| format!("expected a whole number of at most {}", Self::MAX)),
            _ => Err("expected a whole number".to_owned()),
        }
    }
}

impl Value for String {
    fn from_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Value for PathBuf {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a path".to_owned());
        }
        Ok(Self::from(text))
    }
}

/// Picks the value whose word is `text`.
pub(super) fn choose<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
    match words.as_slice() {
        [only] => Err(format!("expected {only}")),
        [first @ .., last] => Err(format!("expected {} or {last}", first.join(", "))),
        [] => Err("nothing can be chosen here".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, milliseconds) in [
            ("25s", Some(25_000)),
            ("500ms", Some(500)),
            ("1m30s", Some(90_000)),
            ("1d2h3m4s5ms", Some(93_784_005)),
            ("0s", Some(0)),
            ("0m0s", Some(0)),
            ("365d", Some(365 * 86_400_000)),
            ("366d", None),
            ("", None),
            ("25", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("1 s", None),
            ("30s1m", None),
            ("1s1s", None),
            ("1s ", None),
            ("1S", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
            ("٣s", None),
        ] {
            let expected = milliseconds.map(Duration::from_millis);
            assert_eq!(Duration::from_text(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_bytes_unless_they_have_a_unit() {
        for (text, size) in [
            ("4096", Some(4096)),
            ("1MB", Some(1_000_000)),
            ("1MiB", Some(1_048_576)),
            ("1mib", Some(1_048_576)),
            ("2kB", Some(2_000)),
            ("16KiB", Some(16_384)),
            ("3GB", Some(3_000_000_000)),
            ("1GiB", Some(1 << 30)),
            ("7B", Some(7)),
            ("", None),
            ("MB", None),
            ("-1", None),
            ("1.5MB", None),
            ("1 MB", None),
            ("1M", None),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("18446744073709551615GiB", None),
        ] {
            assert_eq!(Bytes::from_text(text).ok(), size.map(Bytes), "{text:?}");
        }
    }

    #[test]
    fn networks_are_told_from_what_looks_like_one() {
        for (text, network) in [
            ("10.0.0.0/8", Ok("10.0.0.0/8")),
            ("10.0.0.1", Ok("10.0.0.1/32")),
            ("::1", Ok("::1/128")),
            ("fd00::/8", Ok("fd00::/8")),
            ("0.0.0.0/0", Ok("0.0.0.0/0")),
            (
                "10.0.0.1/8",
                Err("expected 10.0.0.0/8 or 10.0.0.1, not both"),
            ),
            (
                "::ffff:10.0.0.1",
                Err("expected IPv4 in its own form, without ::ffff:"),
            ),
        ] {
            let read = IpNet::from_text(text).map(|it| it.to_string());
            assert_eq!(read.as_deref().map_err(String::as_str), network, "{text}");
        }
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "proxy",
            "10.0.0.0/8/8",
            "fe80::1%1",
        ] {
            assert!(IpNet::from_text(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_choice_that_is_none_names_the_choices() {
        let choices = [("a", 1), ("b", 2), ("c", 3)];

        assert_eq!(choose("b", &choices), Ok(2));
        assert_eq!(choose("B", &choices), Err("expected a, b or c".to_owned()));
        assert_eq!(choose("b", &choices[..1]), Err("expected a".to_owned()));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = Duration::from_text(&text);
            let _ = Bytes::from_text(&text);
            let _ = u32::from_text(&text);
            let _ = SocketAddr::from_text(&text);
        }

        #[test]
        fn no_text_of_digits_and_units_panics(text in "([0-9]{0,22}(d|h|m|s|ms|MB|GiB|B)?){0,6}") {
            let _ = Duration::from_text(&text);
            let _ = Bytes::from_text(&text);
        }

        #[test]
        fn a_duration_reads_back(hours in 0_u64..24, minutes in 0_u64..60, milliseconds in 0_u64..60_000) {
            let text = format!("{hours}h{minutes}m{}s{}ms", milliseconds / 1000, milliseconds % 1000);
            let expected = Duration::from_millis((hours * 60 + minutes) * 60_000 + milliseconds);

            prop_assert_eq!(Duration::from_text(&text), Ok(expected));
        }

        #[test]
        fn a_size_reads_back(number in 0_u64..1 << 33, unit in 0..SIZE_UNITS.len()) {
            let (name, length) = SIZE_UNITS[unit];

            prop_assert_eq!(Bytes::from_text(&format!("{number}{name}")), Ok(Bytes(number * length)));
        }
    }
}
