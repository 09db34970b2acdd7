//! Writes MessagePack in the forms that Node's encoder chooses: always the shortest, never signed for what is positive.

use rmp::Marker;

use super::number::Number;

/// A message being written.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// Heads that did not fit into the one byte left for them: where that byte is, and how many values follow it.
    late: Vec<(usize, u32)>,
}

/// The place that was left for the head of a list or map of yet unknown length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot(usize);

impl Writer {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
            late: Vec::new(),
        }
    }

    /// What is written so far. Heads that come late are not in it yet.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Copies bytes that are MessagePack already.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn nil(&mut self) {
        self.mark(Marker::Null);
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.mark(if value { Marker::True } else { Marker::False });
    }

    pub(super) fn number(&mut self, number: Number) {
        match number {
            Number::Unsigned(value) => self.unsigned(value),
            Number::Signed(value) => self.signed(value),
            Number::Float(value) => self.with(Marker::F64, &value.to_be_bytes()),
        }
    }

    pub(super) fn unsigned(&mut self, value: u64) {
        match value {
            0..=0x7f => self.mark(Marker::FixPos(value as u8)),
            0x80..=0xff => self.with(Marker::U8, &(value as u8).to_be_bytes()),
            0x100..=0xffff => self.with(Marker::U16, &(value as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.with(Marker::U32, &(value as u32).to_be_bytes()),
            _ => self.with(Marker::U64, &value.to_be_bytes()),
        }
    }

    pub(super) fn signed(&mut self, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            self.unsigned(value);
        } else if value >= -32 {
            self.mark(Marker::FixNeg(value as i8));
        } else if let Ok(value) = i8::try_from(value) {
            self.with(Marker::I8, &value.to_be_bytes());
        } else if let Ok(value) = i16::try_from(value) {
            self.with(Marker::I16, &value.to_be_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.with(Marker::I32, &value.to_be_bytes());
        } else {
            self.with(Marker::I64, &value.to_be_bytes());
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        // No message comes near 2³² bytes: the encoder stops at 16 MiB.
        match text.len() {
            len @ 0..=0x1f => self.mark(Marker::FixStr(len as u8)),
            len @ 0x20..=0xff => self.with(Marker::Str8, &(len as u8).to_be_bytes()),
            len @ 0x100..=0xffff => self.with(Marker::Str16, &(len as u16).to_be_bytes()),
            len => self.with(Marker::Str32, &(len as u32).to_be_bytes()),
        }
        self.raw(text.as_bytes());
    }

    pub(super) fn binary(&mut self, bytes: &[u8]) {
        match bytes.len() {
            len @ 0..=0xff => self.with(Marker::Bin8, &(len as u8).to_be_bytes()),
            len @ 0x100..=0xffff => self.with(Marker::Bin16, &(len as u16).to_be_bytes()),
            len => self.with(Marker::Bin32, &(len as u32).to_be_bytes()),
        }
        self.raw(bytes);
    }

    /// A date in the form that the official MessagePack parser of clients reads.
    pub(super) fn date(&mut self, milliseconds: i64) {
        self.with(Marker::FixExt8, &[0]);
        self.raw(&milliseconds.to_be_bytes());
    }

    pub(super) fn list(&mut self, len: u32) {
        match len {
            0..=0xf => self.mark(Marker::FixArray(len as u8)),
            0x10..=0xffff => self.with(Marker::Array16, &(len as u16).to_be_bytes()),
            _ => self.with(Marker::Array32, &len.to_be_bytes()),
        }
    }

    pub(super) fn map(&mut self, len: u32) {
        match len {
            0..=0xf => self.mark(Marker::FixMap(len as u8)),
            0x10..=0xffff => self.with(Marker::Map16, &(len as u16).to_be_bytes()),
            _ => self.with(Marker::Map32, &len.to_be_bytes()),
        }
    }

    /// Begins a list whose length is told to [`Self::close`].
    pub(super) fn open_list(&mut self) -> Slot {
        self.mark(Marker::FixArray(0));
        Slot(self.bytes.len() - 1)
    }

    /// Begins a map whose length is told to [`Self::close`].
    pub(super) fn open_map(&mut self) -> Slot {
        self.mark(Marker::FixMap(0));
        Slot(self.bytes.len() - 1)
    }

    /// Ends the list or map begun at `slot`.
    pub(super) fn close(&mut self, slot: Slot, len: u32) {
        if len <= 0xf {
            self.bytes[slot.0] |= len as u8;
        } else {
            self.late.push((slot.0, len));
        }
    }

    /// Forgets the list or map begun at `slot`, and all that is in it.
    pub(super) fn discard(&mut self, slot: Slot) {
        self.bytes.truncate(slot.0);
        // What closed inside it closed last, so it is all at the end.
        while self.late.pop_if(|(at, _)| *at >= slot.0).is_some() {}
    }

    /// The message.
    pub(super) fn finish(mut self) -> Vec<u8> {
        // Heads of one byte are the rule. The longer ones are made room for all at once, from the back, so that each
        // byte moves once, however deep the nesting.
        self.late.sort_unstable();
        let mut unmoved = self.bytes.len();
        let added: usize = self.late.iter().map(|(_, len)| width(*len)).sum();
        let mut moved = unmoved + added;
        self.bytes.resize(moved, 0);
        for &(slot, len) in self.late.iter().rev() {
            let body = slot + 1..unmoved;
            moved -= body.len();
            self.bytes.copy_within(body, moved);
            unmoved = slot;

            let width = width(len);
            moved -= width;
            let digits = len.to_be_bytes();
            self.bytes[moved..moved + width].copy_from_slice(&digits[4 - width..]);
            moved -= 1;
            let is_list = matches!(Marker::from_u8(self.bytes[slot]), Marker::FixArray(_));
            let head = match (is_list, width) {
                (true, 2) => Marker::Array16,
                (true, _) => Marker::Array32,
                (false, 2) => Marker::Map16,
                (false, _) => Marker::Map32,
            };
            self.bytes[moved] = head.to_u8();
        }
        self.bytes
    }

    fn mark(&mut self, marker: Marker) {
        self.bytes.push(marker.to_u8());
    }

    fn with(&mut self, marker: Marker, bytes: &[u8]) {
        self.mark(marker);
        self.raw(bytes);
    }
}

/// How many bytes a length takes that does not fit into the head's own.
fn width(len: u32) -> usize {
    if len <= 0xffff { 2 } else { 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes nested lists of these lengths, the last value of each being the next one, in both ways.
    fn nested(lengths: &[u32]) -> (Vec<u8>, Vec<u8>) {
        let (mut late, mut early) = (Writer::default(), Writer::default());
        let mut slots = Vec::new();
        for &len in lengths {
            slots.push((late.open_list(), len));
            early.list(len);
            for value in 0..len - 1 {
                late.unsigned(value.into());
                early.unsigned(value.into());
            }
        }
        late.nil();
        early.nil();
        for (slot, len) in slots.into_iter().rev() {
            late.close(slot, len);
        }
        (late.finish(), early.finish())
    }

    #[test]
    fn heads_that_come_late_are_as_those_that_come_early() {
        for lengths in [
            &[1, 2, 15][..],
            &[16],
            &[16, 16, 16],
            &[2, 70_000, 3, 300, 15, 16],
            &[65_535, 65_536, 1],
        ] {
            let (late, early) = nested(lengths);
            assert!(late == early, "{lengths:?}");
        }
    }

    #[test]
    fn lists_side_by_side_keep_their_places() {
        let mut writer = Writer::default();
        let outer = writer.open_map();
        for key in ["a", "b"] {
            writer.text(key);
            let inner = writer.open_list();
            (0..16).for_each(|_| writer.nil());
            writer.close(inner, 16);
        }
        writer.close(outer, 2);

        let mut expected = Writer::default();
        expected.map(2);
        for key in ["a", "b"] {
            expected.text(key);
            expected.list(16);
            (0..16).for_each(|_| expected.nil());
        }
        assert_eq!(writer.finish(), expected.finish());
    }

    #[test]
    fn what_is_discarded_leaves_no_trace() {
        let mut writer = Writer::default();
        let outer = writer.open_list();
        let before = writer.open_list();
        (0..16).for_each(|_| writer.nil());
        writer.close(before, 16);
        let map = writer.open_map();
        writer.text("x");
        let inside = writer.open_list();
        (0..99).for_each(|_| writer.nil());
        writer.close(inside, 99);
        writer.discard(map);
        writer.boolean(true);
        writer.close(outer, 2);

        let mut expected = Writer::default();
        expected.list(2);
        expected.list(16);
        (0..16).for_each(|_| expected.nil());
        expected.boolean(true);
        assert_eq!(writer.finish(), expected.finish());
    }

    #[test]
    fn integers_take_the_shortest_form() {
        let forms: [(i64, &[u8]); 8] = [
            (0, &[0]),
            (127, &[0x7f]),
            (128, &[0xcc, 0x80]),
            (256, &[0xcd, 1, 0]),
            (-1, &[0xff]),
            (-32, &[0xe0]),
            (-33, &[0xd0, 0xdf]),
            (-129, &[0xd1, 0xff, 0x7f]),
        ];
        for (value, bytes) in forms {
            let mut writer = Writer::default();
            writer.signed(value);
            assert_eq!(writer.finish(), bytes);
        }
    }
}
