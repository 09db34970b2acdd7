//! When messages leave that do not wait for the cluster.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::measure::Latency;

/// What is to be sent when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// Messages a second.
    pub(super) rate: u32,
    pub(super) duration: Duration,
    /// Messages at most.
    pub(super) messages: u64,
}

/// Sends on a schedule, for as long as `send` says that it goes on. Gives back how late the schedule was kept.
///
/// Blocks: a thread of its own sleeps to the tenth of a millisecond, where timers of the runtime know whole ones only.
pub(super) fn on_schedule(
    schedule: Schedule,
    mut send: impl FnMut(Instant) -> ControlFlow<()>,
) -> Latency {
    let Schedule {
        rate,
        duration,
        messages,
    } = schedule;
    let start = Instant::now();
    let mut lag = Latency::default();
    let numbers = (0..messages).map(|number| due(number, rate));
    for due in numbers.take_while(|&due| due < duration) {
        let scheduled = start + due;
        wait_until(scheduled);
        lag.record(scheduled.elapsed());
        if send(scheduled).is_break() {
            return lag;
        }
    }
    // What was sent last has its time, too, before the rate is reckoned.
    wait_until((start + duration).min(Instant::now() + due(1, rate)));
    lag
}

#[expect(
    clippy::disallowed_methods,
    reason = "a schedule is what is waited for, in a thread of its own"
)]
fn wait_until(time: Instant) {
    std::thread::sleep(time.saturating_duration_since(Instant::now()));
}

/// When the message with this number is to leave, counted from the first.
fn due(number: u64, rate: u32) -> Duration {
    let nanos = u128::from(number) * 1_000_000_000 / u128::from(rate);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_does_not_drift() {
        assert_eq!(due(0, 3), Duration::ZERO);
        assert_eq!(due(1, 3), Duration::from_nanos(333_333_333));
        assert_eq!(due(3_000_000, 3), Duration::from_secs(1_000_000));
        assert_eq!(due(u64::MAX, 1), Duration::from_nanos(u64::MAX));
    }
}
