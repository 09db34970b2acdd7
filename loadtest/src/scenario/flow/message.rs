//! The data of one message: who sent it, which one it is, when it was due, and filling up to the wanted size.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Deserialize;

/// What a message says about itself.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Stamp<'a> {
    pub(super) publisher: usize,
    pub(super) sequence: u64,
    /// Microseconds since the run began.
    sent: u64,
    /// Always a part of the same filling: what differs was changed on the way.
    #[serde(borrow)]
    pad: &'a str,
}

/// Writes and checks messages of one size.
#[derive(Debug)]
pub(super) struct Format {
    filling: String,
}

impl Format {
    pub(super) fn new(payload: usize) -> Self {
        let letters = ('a'..='z').cycle();
        Self {
            filling: letters.take(payload).collect(),
        }
    }

    /// Appends the data of one message.
    pub(super) fn write(&self, text: &mut String, publisher: usize, sequence: u64, sent: Duration) {
        let begin = text.len();
        let _ = write!(
            text,
            r#"{{"publisher":{publisher},"sequence":{sequence},"sent":{},"pad":""#,
            sent.as_micros()
        );
        let used = text.len() - begin + r#""}"#.len();
        text.push_str(&self.filling[..self.filling.len().saturating_sub(used)]);
        text.push_str(r#""}"#);
    }

    /// Reads the rest of an event's packet after its name and comma; nothing if it is not as it was written.
    ///
    /// The keys may come in another order, as servers that parse and write JSON may sort them.
    pub(super) fn read<'a>(&self, data: &'a str) -> Option<Stamp<'a>> {
        let data = data.strip_suffix(']')?;
        let stamp: Stamp<'a> = match in_order(data) {
            Some(stamp) => stamp,
            None => serde_json::from_str(data).ok()?,
        };
        let used =
            LEAST + digits(stamp.publisher as u64) + digits(stamp.sequence) + digits(stamp.sent);
        let pad = &self.filling[..self.filling.len().saturating_sub(used)];
        (stamp.pad == pad).then_some(stamp)
    }
}

/// What a message without numbers and filling takes.
const LEAST: usize = r#"{"publisher":,"sequence":,"sent":,"pad":""}"#.len();

/// Reads the data as it was written, without a parser: this is done for every delivery.
fn in_order(data: &str) -> Option<Stamp<'_>> {
    let (publisher, rest) = number(data.strip_prefix(r#"{"publisher":"#)?)?;
    let (sequence, rest) = number(rest.strip_prefix(r#","sequence":"#)?)?;
    let (sent, rest) = number(rest.strip_prefix(r#","sent":"#)?)?;
    let pad = rest.strip_prefix(r#","pad":""#)?.strip_suffix(r#""}"#)?;
    Some(Stamp {
        publisher: usize::try_from(publisher).ok()?,
        sequence,
        sent,
        pad,
    })
}

fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit())?;
    Some((text[..end].parse().ok()?, &text[end..]))
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

impl Stamp<'_> {
    /// When the message was due, counted from the run's beginning.
    pub(super) fn sent(&self) -> Duration {
        Duration::from_micros(self.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(payload: usize) -> (Format, String) {
        let format = Format::new(payload);
        let mut text = String::new();
        format.write(&mut text, 3, 17, Duration::from_micros(42));
        (format, text)
    }

    #[test]
    fn a_message_has_the_wanted_size_and_reads_back() {
        let (format, text) = written(128);

        assert_eq!(text.len(), 128);
        let data = format!("{text}]");
        let stamp = format.read(&data).unwrap();
        assert_eq!((stamp.publisher, stamp.sequence), (3, 17));
        assert_eq!(stamp.sent(), Duration::from_micros(42));
    }

    #[test]
    fn a_size_below_the_least_gives_the_least() {
        let (format, text) = written(0);

        assert_eq!(text, r#"{"publisher":3,"sequence":17,"sent":42,"pad":""}"#);
        assert!(format.read(&format!("{text}]")).is_some());
    }

    #[test]
    fn the_order_of_the_keys_does_not_matter() {
        let format = Format::new(0);

        assert!(
            format
                .read(r#"{"pad":"","publisher":3,"sent":42,"sequence":17}]"#)
                .is_some()
        );
    }

    #[test]
    fn a_changed_message_is_noticed() {
        let (format, text) = written(128);

        assert!(format.read(&text).is_none(), "no end");
        for (from, to) in [("abc", "abd"), ("abc", "ab"), ("17", "null"), ("17", "170")] {
            let changed = format!("{}]", text.replacen(from, to, 1));
            assert!(format.read(&changed).is_none(), "{changed}");
        }
    }
}
