//! Lines of the log that may be caused many times: one of a kind is written each minute, and the others are counted.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long after one line the next of its kind may follow.
const PAUSE: Duration = Duration::from_secs(60);

/// What was told of one kind of line. It is shared by all that write it.
#[derive(Debug, Default)]
pub(crate) struct Repetition(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    told: Option<Instant>,
    untold: u64,
}

impl Repetition {
    /// Whether the line is to be written; then how many before it were not.
    pub(crate) fn tells(&self, now: Instant) -> Option<u64> {
        // Whole between any two statements.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.told.is_some_and(|told| now < told + PAUSE) {
            state.untold += 1;
            return None;
        }
        state.told = Some(now);
        Some(std::mem::take(&mut state.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_minute_is_told_and_says_how_many_were_not() {
        let start = Instant::now();
        let repetition = Repetition::default();

        assert_eq!(repetition.tells(start), Some(0));
        for second in 1..60 {
            assert_eq!(repetition.tells(start + Duration::from_secs(second)), None);
        }
        assert_eq!(repetition.tells(start + PAUSE), Some(59));
        assert_eq!(repetition.tells(start + PAUSE), None);
        assert_eq!(repetition.tells(start + PAUSE * 3), Some(1));
    }
}
