//! Pure: when to ask a client whether it is there, and when to give it up.

use std::time::Duration;

use tokio::time::Instant;

/// The times of a heartbeat.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// From one ping to the next.
    pub(super) interval: Duration,
    /// How long a client may be silent after a ping.
    pub(super) timeout: Duration,
}

/// The heartbeat of one connection. Whatever comes from a client is a sign of life.
#[derive(Debug)]
pub(super) struct Pulse {
    times: Times,
    due: Instant,
    is_asked: bool,
}

/// What is to be done when it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beat {
    Ping,
    /// The client has been silent for too long.
    Lost,
}

impl Pulse {
    pub(super) fn new(times: Times, now: Instant) -> Self {
        Self {
            times,
            due: now + times.interval,
            is_asked: false,
        }
    }

    /// When [`beat`](Self::beat) has something to say.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// The client is there.
    pub(super) fn heard(&mut self, now: Instant) {
        if self.is_asked {
            self.is_asked = false;
            self.due = now + self.times.interval;
        }
    }

    /// It is due. `is_paused` says that nothing could be heard, since the client is not read from.
    pub(super) fn beat(&mut self, now: Instant, is_paused: bool) -> Beat {
        if self.is_asked && !is_paused {
            return Beat::Lost;
        }
        self.is_asked = true;
        self.due = now + self.times.timeout;
        Beat::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times {
        interval: Duration::from_secs(25),
        timeout: Duration::from_secs(20),
    };

    #[test]
    fn a_client_that_answers_is_asked_again_and_again() {
        let mut now = Instant::now();
        let mut pulse = Pulse::new(TIMES, now);

        for _ in 0..3 {
            assert_eq!(pulse.due(), now + TIMES.interval);
            now = pulse.due();
            assert_eq!(pulse.beat(now, false), Beat::Ping);
            now += Duration::from_secs(1);
            pulse.heard(now);
            pulse.heard(now + Duration::from_secs(1));
        }
    }

    #[test]
    fn a_client_that_is_silent_after_a_ping_is_lost() {
        let start = Instant::now();
        let mut pulse = Pulse::new(TIMES, start);
        pulse.heard(start + Duration::from_secs(24));
        assert_eq!(pulse.beat(pulse.due(), false), Beat::Ping);

        assert_eq!(pulse.due(), start + TIMES.interval + TIMES.timeout);
        assert_eq!(pulse.beat(pulse.due(), false), Beat::Lost);
    }

    #[test]
    fn a_client_that_is_not_read_from_is_not_lost_for_its_silence() {
        let mut pulse = Pulse::new(TIMES, Instant::now());
        pulse.beat(pulse.due(), false);

        assert_eq!(pulse.beat(pulse.due(), true), Beat::Ping);
        assert_eq!(pulse.beat(pulse.due(), false), Beat::Lost);
    }
}
