//! When each question that has no answer yet was due. Pure.

use std::collections::VecDeque;
use std::time::Instant;

/// Questions of one client, numbered from 0. Answers come in order as a rule, so the oldest is at the front.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// The number of the one at the front.
    first: u64,
    due: VecDeque<Option<Instant>>,
}

impl Pending {
    /// How many questions were asked.
    pub(super) fn asked(&self) -> u64 {
        self.first + self.due.len() as u64
    }

    /// One more question; its number.
    pub(super) fn ask(&mut self, due: Instant) -> u64 {
        self.due.push_back(Some(due));
        self.asked() - 1
    }

    /// When the question was due; nothing if it was not asked, or has been answered.
    pub(super) fn answer(&mut self, number: u64) -> Option<Instant> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let due = self.due.get_mut(place)?.take();
        while let Some(None) = self.due.front() {
            self.due.pop_front();
            self.first += 1;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_is_answered_once_in_any_order() {
        let now = Instant::now();
        let mut pending = Pending::default();
        assert_eq!(
            [pending.ask(now), pending.ask(now), pending.ask(now)],
            [0, 1, 2]
        );

        assert_eq!(pending.answer(1), Some(now));
        assert_eq!(pending.answer(1), None);
        assert_eq!(pending.answer(0), Some(now));
        assert_eq!(pending.answer(0), None);
        assert_eq!(pending.answer(3), None);

        assert_eq!(pending.ask(now), 3);
        assert_eq!(pending.asked(), 4);
        assert_eq!(pending.answer(3), Some(now));
    }
}
