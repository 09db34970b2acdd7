//! Pure: lets one of many lines of a kind into the log each minute, and counts the others.

use std::time::Duration;

use tokio::time::Instant;

/// How long after one line the next of its kind may follow.
const PAUSE: Duration = Duration::from_secs(60);

/// What was told of one kind of line. It belongs to whoever writes it.
#[derive(Debug, Default)]
pub(crate) struct Repetition {
    told: Option<Instant>,
    untold: u64,
}

impl Repetition {
    /// Whether the line is to be written; then how many before it were not.
    pub(crate) fn tells(&mut self, now: Instant) -> Option<u64> {
        if self.told.is_some_and(|told| now < told + PAUSE) {
            self.untold += 1;
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_minute_is_told_and_says_how_many_were_not() {
        let start = Instant::now();
        let mut repetition = Repetition::default();

        assert_eq!(repetition.tells(start), Some(0));
        for second in 1..60 {
            assert_eq!(repetition.tells(start + Duration::from_secs(second)), None);
        }
        assert_eq!(repetition.tells(start + PAUSE), Some(59));
        assert_eq!(repetition.tells(start + PAUSE), None);
        assert_eq!(repetition.tells(start + PAUSE * 3), Some(1));
    }
}
