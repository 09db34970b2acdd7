//! What all clients of one run share: the clock, what was sent, what has come.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::message::Format;
use crate::measure::Latency;
use crate::monitor::Counters;

/// One run, from the first message to the last delivery.
pub(super) struct Run {
    /// Messages carry times counted from here.
    pub(super) epoch: Instant,
    pub(super) format: Format,
    /// How many messages each publisher has sent.
    sent: Vec<AtomicU64>,
    /// Messages that a connection did not take when they were due.
    unsent: AtomicU64,
    /// Messages that may still be sent, where deliveries set the pace.
    budget: AtomicU64,
    /// Told when the budget is spent.
    spent: Notify,
    stopped: AtomicBool,
    ended: AtomicBool,
    /// How often a client was told that a user is online.
    online: AtomicU64,
    totals: Mutex<Totals>,
}

/// What has come, over all clients.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) latency: Latency,
    /// How long it took to join the chat.
    pub(super) joins: Latency,
    /// Deliveries, each counted once.
    pub(super) delivered: u64,
    /// When the last of them came.
    pub(super) last: Option<Instant>,
    /// The first packet that belongs to no part of the scenario.
    pub(super) stray: Option<String>,
}

impl Run {
    pub(super) fn new(publishers: usize, messages: u64, payload: usize) -> Self {
        Self {
            epoch: Instant::now(),
            format: Format::new(payload),
            sent: (0..publishers).map(|_| AtomicU64::new(0)).collect(),
            unsent: AtomicU64::new(0),
            budget: AtomicU64::new(messages),
            spent: Notify::new(),
            stopped: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            online: AtomicU64::new(0),
            totals: Mutex::default(),
        }
    }

    /// How many messages the publisher has sent; nothing if there is none of that number.
    pub(super) fn sent(&self, publisher: usize) -> Option<u64> {
        let sent = self.sent.get(publisher)?;
        Some(sent.load(Ordering::Acquire))
    }

    pub(super) fn set_sent(&self, publisher: usize, sent: u64) {
        self.sent[publisher].store(sent, Ordering::Release);
    }

    /// How many messages each publisher has sent.
    pub(super) fn all_sent(&self) -> Vec<u64> {
        let all = self.sent.iter();
        all.map(|sent| sent.load(Ordering::Acquire)).collect()
    }

    pub(super) fn count_unsent(&self) {
        self.unsent.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn unsent(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed)
    }

    /// Takes one message from the budget; false if there is none, or time is up.
    pub(super) fn spend_one(&self) -> bool {
        if self.stopped.load(Ordering::Relaxed) {
            return false;
        }
        let take = |left: u64| left.checked_sub(1);
        let before = self
            .budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        if before == Ok(1) {
            self.spent.notify_one();
        }
        before.is_ok()
    }

    /// Waits until the budget is spent.
    pub(super) async fn spent(&self) {
        self.spent.notified().await;
    }

    /// Whether no message will be sent any more.
    pub(super) fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Time is up: nothing more is sent.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Clients go: what they still hear is of no interest.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) fn count_online(&self) {
        self.online.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn online(&self) -> u64 {
        self.online.load(Ordering::Relaxed)
    }

    pub(super) fn count_delivery(&self, now: Instant, sent: Duration) {
        let latency = now
            .saturating_duration_since(self.epoch)
            .saturating_sub(sent);
        let mut totals = self.totals();
        totals.latency.record(latency);
        totals.delivered += 1;
        totals.last = Some(now);
    }

    /// Keeps the first packet that nobody expected, for the report.
    pub(super) fn stray(&self, packet: &str) {
        let mut totals = self.totals();
        if totals.stray.is_none() {
            totals.stray = Some(packet.chars().take(200).collect());
        }
    }

    pub(super) fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counters for Run {
    fn done(&self) -> u64 {
        self.totals().delivered
    }

    fn sent(&self) -> u64 {
        self.all_sent().iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_budget_ends_with_its_last_message() {
        let run = Run::new(1, 2, 0);

        assert!(run.spend_one() && run.spend_one());
        run.spent().await;
        assert!(!run.spend_one());
    }

    #[test]
    fn nothing_is_sent_once_time_is_up() {
        let run = Run::new(1, 2, 0);

        run.stop();

        assert!(!run.spend_one());
    }
}
