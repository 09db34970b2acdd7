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
        let stamp: Stamp<'a> = serde_json::from_str(data.strip_suffix(']')?).ok()?;
        let empty = format_args!(
            r#"{{"publisher":{},"sequence":{},"sent":{},"pad":""}}"#,
            stamp.publisher, stamp.sequence, stamp.sent
        );
        let mut used = Length(0);
        let _ = used.write_fmt(empty);
        let pad = &self.filling[..self.filling.len().saturating_sub(used.0)];
        (stamp.pad == pad).then_some(stamp)
    }
}

impl Stamp<'_> {
    /// When the message was due, counted from the run's beginning.
    pub(super) fn sent(&self) -> Duration {
        Duration::from_micros(self.sent)
    }
}

/// Counts what is written to it.
struct Length(usize);

impl std::fmt::Write for Length {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0 += text.len();
        Ok(())
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
