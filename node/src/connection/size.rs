//! Pure: sees when a client's message is too large, from the headers of its frames alone.
//!
//! The engine ends such a connection without a word, and knows no way to count it.

/// The longest header of a frame: two bytes, the length, the mask (RFC 6455, section 5.2).
const HEADER: usize = 2 + 8 + 4;

/// Watches what a client sends.
#[derive(Debug)]
pub(super) struct Sizes {
    most: u64,
    /// What of the next frame's header has come.
    header: [u8; HEADER],
    has: usize,
    /// Bytes that are left of the frame's payload.
    rest: u64,
    /// Of the message so far, which may be in several frames.
    message: u64,
}

impl Sizes {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: u64::try_from(most).unwrap_or(u64::MAX),
            header: [0; HEADER],
            has: 0,
            rest: 0,
            message: 0,
        }
    }

    /// Takes more bytes; true once there is a message that is too large. What it says after that means nothing.
    pub(super) fn see(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let skipped =
                    usize::try_from(self.rest).map_or(bytes.len(), |it| it.min(bytes.len()));
                self.rest -= skipped as u64;
                bytes = &bytes[skipped..];
                continue;
            }
            self.header[self.has] = bytes[0];
            self.has += 1;
            bytes = &bytes[1..];
            if let Some(len) = self.whole_header() {
                self.has = 0;
                self.rest = len;
                if self.counts(len) {
                    return true;
                }
            }
        }
        false
    }

    /// The length of the frame's payload, once its header is there.
    fn whole_header(&self) -> Option<u64> {
        let [_, second, ..] = self.header;
        let extended: usize = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        if self.has < 2 || self.has < 2 + extended + mask {
            return None;
        }
        let extension = self.header[2..2 + extended].iter();
        Some(match extended {
            0 => u64::from(second & 0x7f),
            _ => extension.fold(0, |len, byte| len << 8 | u64::from(*byte)),
        })
    }

    /// Adds a frame to its message; whether that is too large.
    fn counts(&mut self, len: u64) -> bool {
        let first = self.header[0];
        // Control frames stand between those of a message.
        if first & 0x08 != 0 {
            return false;
        }
        self.message = self.message.saturating_add(len);
        let is_too_large = self.message > self.most;
        if first & 0x80 != 0 {
            self.message = 0;
        }
        is_too_large
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(first: u8, len: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match len {
            0..126 => frame.push(0x80 | len as u8),
            126..65536 => {
                frame.push(0x80 | 126);
                frame.extend((len as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend([1, 2, 3, 4]);
        frame.extend(vec![0xff; len]);
        frame
    }

    /// Whether these frames are too much for a thousand bytes, cut into pieces of this size.
    fn is_too_large(frames: &[Vec<u8>], piece: usize) -> bool {
        let mut sizes = Sizes::new(1000);
        frames.concat().chunks(piece).any(|piece| sizes.see(piece))
    }

    #[test]
    fn a_message_counts_over_its_frames_and_control_frames_do_not() {
        for piece in [1, 7, 10_000] {
            let just_fits = [frame(0x81, 1000), frame(0x82, 1000), frame(0x89, 100)];
            assert!(!is_too_large(&just_fits, piece));
            assert!(is_too_large(&[frame(0x81, 1), frame(0x82, 1001)], piece));
            assert!(is_too_large(&[frame(0x82, 100_000)], piece));

            let parts = |last| [frame(0x01, 500), frame(0x89, 125), frame(0x80, last)];
            assert!(!is_too_large(&parts(500), piece));
            assert!(is_too_large(&parts(501), piece));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(parts: Vec<Vec<u8>>) {
            let mut sizes = Sizes::new(1000);
            for part in parts {
                if sizes.see(&part) {
                    break;
                }
            }
        }
    }
}
