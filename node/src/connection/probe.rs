//! Pure: sees when a client has moved from polling to this WebSocket.
//!
//! Its first two messages are the Engine.IO packets `2probe` and `5` (upgrade). Behind the second it polls no more.

/// Watches the first bytes of a client. Frames of clients are masked (RFC 6455, section 5.3).
#[derive(Debug, Default)]
pub(super) struct Probe {
    bytes: Vec<u8>,
}

/// What the bytes so far say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    TooLittle,
    Moved,
    /// Something else: the engine will refuse it, or it is more than is looked at here.
    Other,
}

/// Both messages, in one frame each.
const MOST: usize = (2 + 4 + 6) + (2 + 4 + 1);

impl Probe {
    /// Takes more bytes.
    pub(super) fn see(&mut self, bytes: &[u8]) -> Seen {
        let room = MOST - self.bytes.len();
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        let mut rest = &self.bytes[..];
        for expected in ["2probe", "5"] {
            match text(rest) {
                None if self.bytes.len() == MOST => return Seen::Other,
                None => return Seen::TooLittle,
                Some((payload, left)) if payload == expected.as_bytes() => rest = left,
                Some(_) => return Seen::Other,
            }
        }
        Seen::Moved
    }
}

/// The payload of a short text frame, and what follows; empty for any other frame, `None` if it is not all there.
fn text(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk()?;
    let &[0x81, len @ 0x80..=0x86] = head else {
        return Some((Vec::new(), rest));
    };
    let (mask, rest) = rest.split_first_chunk::<4>()?;
    let (payload, rest) = rest.split_at_checked(usize::from(len & 0x7f))?;
    let payload = payload.iter().zip(mask.iter().cycle());
    Some((payload.map(|(byte, mask)| byte ^ mask).collect(), rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(payload: &str, mask: [u8; 4]) -> Vec<u8> {
        let mut frame = vec![0x81, 0x80 | payload.len() as u8];
        frame.extend(mask);
        let masked = payload.bytes().zip(mask.into_iter().cycle());
        frame.extend(masked.map(|(byte, mask)| byte ^ mask));
        frame
    }

    #[test]
    fn anything_else_is_no_move() {
        let mask = [1, 2, 3, 4];
        for messages in [["2probe", "2probe"], ["5", "5"], ["42[1]", "5"]] {
            let bytes = messages.map(|message| frame(message, mask)).concat();
            assert_eq!(Probe::default().see(&bytes), Seen::Other, "{messages:?}");
        }
        assert_eq!(Probe::default().see(&[0x89, 0x80, 0, 0, 0, 0]), Seen::Other);
    }

    proptest! {
        #[test]
        fn a_move_is_seen_however_its_bytes_are_cut(mask: [u8; 4], cut in 0..MOST, more in any::<Vec<u8>>()) {
            let bytes = [frame("2probe", mask), frame("5", mask)].concat();
            let mut probe = Probe::default();

            prop_assert_eq!(probe.see(&bytes[..cut]), Seen::TooLittle);
            prop_assert_eq!(probe.see(&[&bytes[cut..], &more].concat()), Seen::Moved);
        }

        #[test]
        fn any_bytes_are_survived(parts: Vec<Vec<u8>>) {
            let mut probe = Probe::default();
            for part in parts {
                if probe.see(&part) != Seen::TooLittle {
                    break;
                }
            }
        }
    }
}
