//! Pure: which messages are copies of the one before.

use crate::bus::Delivery;

/// Recognises the copies of a message that came more than one way: by its channel's subscription and then by each
/// pattern that matches.
///
/// Redis writes them one after the other to a connection, so a copy can only be the very next message.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    last: Option<Delivery>,
    /// How many copies of it may still come.
    more: usize,
}

impl Copies {
    /// Whether `delivery`, whose channel at most `patterns` patterns of this node match, is a copy of the one before it.
    pub(crate) fn is_copy(&mut self, delivery: &Delivery, patterns: usize) -> bool {
        if delivery.by_pattern
            && self.more > 0
            && self.last.as_ref().is_some_and(|last| {
                last.channel == delivery.channel && last.payload == delivery.payload
            })
        {
            self.more -= 1;
            return true;
        }
        self.more = patterns.saturating_sub(usize::from(delivery.by_pattern));
        self.last = (self.more > 0).then(|| delivery.clone());
        false
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_message_that_comes_several_ways_counts_once() {
        let copies = |patterns, ways: &[bool]| -> Vec<bool> {
            let mut copies = Copies::default();
            let delivery = |by_pattern| Delivery {
                channel: "c".to_owned(),
                payload: Bytes::from_static(b"same"),
                by_pattern,
            };
            ways.iter()
                .map(|by_pattern| copies.is_copy(&delivery(*by_pattern), patterns))
                .collect()
        };

        assert_eq!(
            copies(1, &[false, true, false, true, true, true, false, false]),
            [false, true, false, true, false, false, false, false]
        );
        assert_eq!(
            copies(2, &[false, true, true, true, true, true]),
            [false, true, true, false, true, false]
        );
    }
}
