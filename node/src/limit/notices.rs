//! Lines of the log that many clients can cause, and none may flood it with.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::bucket::{Bucket, Rate};

/// Lines per second, and at once.
const PER_SECOND: u32 = 1;
const BURST: u32 = 10;

/// Lets few lines through, and counts the others.
#[derive(Debug)]
pub(crate) struct Notices(Mutex<State>);

#[derive(Debug)]
struct State {
    bucket: Bucket,
    left_out: u64,
}

impl Default for Notices {
    fn default() -> Self {
        Self(Mutex::new(State {
            bucket: Bucket::new(Instant::now()),
            left_out: 0,
        }))
    }
}

impl Notices {
    /// Whether a line may be written: then, how many were left out since the last one.
    pub(crate) fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.bucket.take(Rate::new(PER_SECOND, BURST), now) {
            return Some(std::mem::take(&mut state.left_out));
        }
        state.left_out += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn few_lines_are_written_and_the_others_counted() {
        let notices = Notices::default();
        let now = Instant::now();

        let written = (0..100).filter(|_| notices.admit(now).is_some()).count();

        assert_eq!(written, 10);
        assert_eq!(notices.admit(now + Duration::from_secs(2)), Some(90));
    }
}
