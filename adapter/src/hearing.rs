//! Pure: whether a node hears the bus.
//!
//! A connection can be healthy in TCP and deaf in fact: half open, or without its subscriptions. A message to oneself
//! that comes back is the only proof. Under load it comes late, behind those of others; so a node is deaf only if nothing
//! at all comes, or nothing is taken.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Messages that may be under way to oneself.
const MOST: usize = 60;

/// The messages a node sent itself, and when the last came back.
#[derive(Debug)]
pub(crate) struct Hearing {
    timeout: Duration,
    sequence: u64,
    /// Those under way, oldest first, at most [`MOST`]: where none comes back, the oldest are forgotten.
    sent: VecDeque<(u64, Instant)>,
    /// When the bus last brought anything, or was given a new chance to.
    arrived: Instant,
    /// When the bus last took a message, or was given a new chance to.
    taken: Instant,
    hears: bool,
}

impl Hearing {
    pub(crate) fn new(timeout: Duration, now: Instant) -> Self {
        Self {
            timeout,
            sequence: 0,
            sent: VecDeque::new(),
            arrived: now,
            taken: now,
            hears: false,
        }
    }

    /// The next message to send.
    pub(crate) fn beat(&mut self, now: Instant) -> u64 {
        self.sequence += 1;
        if self.sent.len() == MOST {
            self.sent.pop_front();
        }
        self.sent.push_back((self.sequence, now));
        self.sequence
    }

    /// The latest message, of whomever, came at this time.
    pub(crate) fn arrived(&mut self, at: Instant) {
        self.arrived = self.arrived.max(at);
    }

    /// The bus took a message, whether or not it comes back.
    pub(crate) fn taken(&mut self, now: Instant) {
        self.taken = now;
    }

    /// A message came back; its time on the way, if it was sent since the last restart.
    pub(crate) fn heard(&mut self, sequence: u64, now: Instant) -> Option<Duration> {
        let at = self.sent.iter().position(|(sent, _)| *sent == sequence)?;
        // Those before it were lost, or will be late: one proof is enough.
        let (_, sent) = self.sent.drain(..=at).next_back()?;
        self.arrived(now);
        self.hears = true;
        Some(now.duration_since(sent))
    }

    /// The connection is gone or was replaced: the time to hear something starts anew.
    pub(crate) fn restart(&mut self, now: Instant) {
        self.sent.clear();
        self.arrived = now;
        self.taken = now;
        self.hears = false;
    }

    /// Whether the last word from the bus is no older than it may be.
    pub(crate) fn hears(&self, now: Instant) -> bool {
        self.hears && !self.is_deaf(now)
    }

    /// Whether nothing has come, or was taken, for so long that the connections should be opened anew.
    pub(crate) fn is_deaf(&self, now: Instant) -> bool {
        now >= self.deaf_at()
    }

    /// When it has been so long, unless something comes before.
    pub(crate) fn deaf_at(&self) -> Instant {
        self.arrived.min(self.taken) + self.timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_message_that_comes_back_proves_that_the_bus_is_heard() {
        let mut hearing = Hearing::new(Duration::from_secs(3), Instant::now());
        let lost = hearing.beat(Instant::now());
        let late = hearing.beat(Instant::now());
        tokio::time::advance(Duration::from_secs(2)).await;
        hearing.beat(Instant::now());
        hearing.taken(Instant::now());
        assert!(!hearing.hears(Instant::now()));

        assert_eq!(
            hearing.heard(late, Instant::now()),
            Some(Duration::from_secs(2))
        );
        assert_eq!(hearing.heard(lost, Instant::now()), None);
        assert!(hearing.hears(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_makes_a_node_deaf_and_a_new_connection_gets_its_time() {
        let mut hearing = Hearing::new(Duration::from_secs(3), Instant::now());
        let before = hearing.beat(Instant::now());
        hearing.heard(before, Instant::now());

        tokio::time::advance(Duration::from_millis(2999)).await;
        assert!(hearing.hears(Instant::now()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(hearing.is_deaf(Instant::now()));
        assert!(!hearing.hears(Instant::now()));

        hearing.restart(Instant::now());
        assert!(!hearing.is_deaf(Instant::now()));
        assert!(!hearing.hears(Instant::now()), "nothing has come yet");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_behind_those_of_others_is_no_silence() {
        let mut hearing = Hearing::new(Duration::from_secs(3), Instant::now());
        for _ in 0..5 {
            tokio::time::advance(Duration::from_secs(2)).await;
            hearing.arrived(Instant::now());
            hearing.taken(Instant::now());
            assert!(!hearing.is_deaf(Instant::now()));
        }
        assert!(!hearing.hears(Instant::now()), "its own has not come yet");

        tokio::time::advance(Duration::from_secs(2)).await;
        hearing.arrived(Instant::now());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(hearing.is_deaf(Instant::now()), "nothing was taken");
    }
}
