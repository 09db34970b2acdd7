//! The trace that a broadcast is part of, as W3C Trace Context writes it: `00-TRACE-SPAN-FLAGS`.

use std::fmt;

/// Names the work of which a broadcast is a part, for whoever puts the parts on different servers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    /// Of the whole.
    pub trace: [u8; 16],
    /// Of the part that made the broadcast.
    pub span: [u8; 8],
    /// As Trace Context has them; the lowest bit is set where it is recorded.
    pub flags: u8,
}

/// The length of its text.
const LENGTH: usize = 55;

impl Trace {
    /// Reads the text; `None` if it is none of this version.
    pub fn read(text: &str) -> Option<Self> {
        let bytes: &[u8; LENGTH] = text.as_bytes().try_into().ok()?;
        let dashes = [bytes[2], bytes[35], bytes[52]];
        if !text.starts_with("00") || dashes != [b'-'; 3] {
            return None;
        }
        let [flags] = hex(&bytes[53..])?;
        let read = Self {
            trace: hex(&bytes[3..35])?,
            span: hex(&bytes[36..52])?,
            flags,
        };
        let is_named = read.trace != [0; 16] && read.span != [0; 8];
        is_named.then_some(read)
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (
            u128::from_be_bytes(self.trace),
            u64::from_be_bytes(self.span),
        );
        write!(out, "00-{trace:032x}-{span:016x}-{:02x}", self.flags)
    }
}

fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0cc902d7-01";

    #[test]
    fn what_is_read_is_written_as_it_was() {
        let trace = Trace::read(TEXT).unwrap();

        assert_eq!(trace.to_string(), TEXT);
        assert_eq!(trace.flags, 1);
    }

    #[test]
    fn what_is_no_trace_is_none() {
        for text in [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0cc902d7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0cc902d7-01",
            "00-00000000000000000000000000000000-00f067aa0cc902d7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0cc902d7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0cc902d7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0cc902d7-01-more",
        ] {
            assert_eq!(Trace::read(text), None, "{text}");
        }
    }
}
