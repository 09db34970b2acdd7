//! Pure: which of many losses are told in the log, so that the first of each kind is seen and a flood of them is not.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use crate::observer::DropCause;

/// How long after one line the next of the same cause may follow.
const PAUSE: Duration = Duration::from_secs(60);

/// What was told of each cause.
#[derive(Debug, Default)]
pub(crate) struct Telling(HashMap<DropCause, Told>);

#[derive(Debug)]
struct Told {
    at: Instant,
    /// How many were not told since.
    untold: u64,
}

impl Telling {
    /// Whether a loss is told; then how many of its cause before it were not.
    pub(crate) fn tells(&mut self, cause: DropCause, now: Instant) -> Option<u64> {
        let Some(told) = self.0.get_mut(&cause) else {
            self.0.insert(cause, Told { at: now, untold: 0 });
            return Some(0);
        };
        if now < told.at + PAUSE {
            told.untold += 1;
            return None;
        }
        told.at = now;
        Some(std::mem::take(&mut told.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_of_each_cause_and_minute_is_told_with_how_many_were_not() {
        let mut telling = Telling::default();
        let mut malformed = || telling.tells(DropCause::Malformed, Instant::now());

        assert_eq!(malformed(), Some(0));
        assert_eq!(malformed(), None);
        tokio::time::advance(PAUSE - Duration::from_millis(1)).await;
        assert_eq!(malformed(), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(malformed(), Some(2));
        assert_eq!(malformed(), None);
        tokio::time::advance(PAUSE * 60).await;
        assert_eq!(malformed(), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn causes_do_not_silence_each_other() {
        let mut telling = Telling::default();

        assert_eq!(telling.tells(DropCause::Malformed, Instant::now()), Some(0));
        assert_eq!(telling.tells(DropCause::Reserved, Instant::now()), Some(0));
        assert_eq!(telling.tells(DropCause::Malformed, Instant::now()), None);
    }
}
