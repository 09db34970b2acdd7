//! Whether deliveries arrived as they should, and how long they took.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// What one receiver has got from one publisher, whose messages are numbered from 0. Pure.
#[derive(Debug, Default)]
pub struct Track {
    /// The first number that is owed.
    begin: u64,
    /// One more than the highest number that has come.
    next: u64,
    /// Numbers below `next` that have not come: first number to one past the last.
    missing: BTreeMap<u64, u64>,
}

/// What one delivery turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Later than all that came before it.
    InOrder,
    /// For the first time, but after one that was sent later.
    Reordered,
    /// Not for the first time.
    Duplicated,
    /// From before this receiver was owed anything.
    Early,
}

/// Counts of deliveries: one per message and receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// What was sent, times its receivers.
    pub expected: u64,
    /// What came, each counted once.
    pub delivered: u64,
    /// What was expected and did not come.
    pub lost: u64,
    /// What came again.
    pub duplicated: u64,
    /// What came after a later message of the same publisher.
    pub reordered: u64,
    /// What came to a client that is not in the room.
    pub misrouted: u64,
    /// What came changed, or cannot be read.
    pub corrupted: u64,
}

/// Latencies from a microsecond to an hour, to three digits.
#[derive(Debug)]
pub struct Latency(Histogram<u64>);

/// A distribution of latencies in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// How many were measured.
    pub count: u64,
    /// The shortest.
    pub min: u64,
    /// Half are at most this.
    pub p50: u64,
    /// 90 % are at most this.
    pub p90: u64,
    /// 99 % are at most this.
    pub p99: u64,
    /// 99.9 % are at most this.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

impl Track {
    /// What a receiver gets that is owed messages from this number on.
    pub fn beginning_at(begin: u64) -> Self {
        Self {
            begin,
            next: begin,
            missing: BTreeMap::new(),
        }
    }

    /// One more than the highest number that has come.
    pub fn end(&self) -> u64 {
        self.next
    }

    /// How many numbers there are up to the highest that has come.
    pub fn seen(&self) -> u64 {
        self.next - self.begin
    }

    /// How many of the `sent` messages are owed.
    pub fn expected(&self, sent: u64) -> u64 {
        sent.saturating_sub(self.begin)
    }

    /// Takes the delivery of the message with this number.
    pub fn deliver(&mut self, sequence: u64) -> Verdict {
        if sequence < self.begin {
            return Verdict::Early;
        }
        if sequence >= self.next {
            if sequence > self.next {
                self.missing.insert(self.next, sequence);
            }
            self.next = sequence + 1;
            return Verdict::InOrder;
        }
        let gap = self.missing.range(..=sequence).next_back();
        let Some((&start, &end)) = gap.filter(|&(_, &end)| sequence < end) else {
            return Verdict::Duplicated;
        };
        self.missing.remove(&start);
        if start < sequence {
            self.missing.insert(start, sequence);
        }
        if sequence + 1 < end {
            self.missing.insert(sequence + 1, end);
        }
        Verdict::Reordered
    }

    /// How many of the `sent` messages have not come.
    pub fn lost(&self, sent: u64) -> u64 {
        let gaps: u64 = self.missing.iter().map(|(start, end)| end - start).sum();
        gaps + sent.saturating_sub(self.next)
    }
}

impl Tally {
    /// Counts one delivery.
    pub fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::InOrder => self.delivered += 1,
            Verdict::Reordered => {
                self.delivered += 1;
                self.reordered += 1;
            }
            Verdict::Duplicated => self.duplicated += 1,
            Verdict::Early => {}
        }
    }

    /// Adds the counts of another receiver.
    pub fn add(&mut self, other: &Self) {
        self.expected += other.expected;
        self.delivered += other.delivered;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.misrouted += other.misrouted;
        self.corrupted += other.corrupted;
    }

    /// What is wrong with the deliveries, in words; nothing if all is well.
    pub fn faults(&self) -> Vec<String> {
        [
            (self.lost, "lost"),
            (self.duplicated, "duplicated"),
            (self.reordered, "out of order"),
            (self.misrouted, "misrouted"),
            (self.corrupted, "corrupted"),
        ]
        .into_iter()
        .filter(|&(count, _)| count > 0)
        .map(|(count, what)| format!("{count} deliveries {what}"))
        .collect()
    }
}

impl Default for Latency {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, 3_600_000_000, 3);
        Self(histogram.expect("the bounds are in order and three digits are allowed"))
    }
}

impl Latency {
    /// Adds one; what is longer than an hour counts as an hour.
    pub fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros);
    }

    /// Points of the distribution for a plot: share of the latencies, in percent, that are at most so many microseconds.
    pub fn curve(&self) -> Vec<(f64, u64)> {
        const PERCENT: [f64; 19] = [
            0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 85.0, 90.0, 95.0, 97.5, 99.0,
            99.5, 99.9, 99.95, 99.99, 100.0,
        ];
        if self.0.is_empty() {
            return Vec::new();
        }
        PERCENT
            .into_iter()
            .map(|percent| (percent, self.0.value_at_quantile(percent / 100.0)))
            .collect()
    }

    /// The distribution so far.
    pub fn summary(&self) -> LatencySummary {
        let histogram = &self.0;
        if histogram.is_empty() {
            return LatencySummary::default();
        }
        LatencySummary {
            count: histogram.len(),
            min: histogram.min(),
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn track(sequences: &[u64]) -> (Track, Tally) {
        let mut track = Track::default();
        let mut tally = Tally::default();
        for &sequence in sequences {
            tally.count(track.deliver(sequence));
        }
        (track, tally)
    }

    #[test]
    fn messages_in_order_have_no_fault() {
        let (track, tally) = track(&[0, 1, 2]);

        assert_eq!((track.lost(3), tally.delivered), (0, 3));
        assert!(tally.faults().is_empty());
    }

    #[test]
    fn a_message_that_never_comes_is_lost_wherever_it_is_missing() {
        assert_eq!(track(&[1, 2]).0.lost(3), 1, "the first");
        assert_eq!(track(&[0, 2]).0.lost(3), 1, "in between");
        assert_eq!(track(&[0, 1]).0.lost(3), 1, "the last");
        assert_eq!(track(&[]).0.lost(3), 3, "all");
    }

    #[test]
    fn a_late_message_is_out_of_order_and_not_lost() {
        let (track, tally) = track(&[0, 3, 2, 1]);

        assert_eq!(track.lost(4), 0);
        assert_eq!((tally.delivered, tally.reordered), (4, 2));
    }

    #[test]
    fn a_message_that_comes_again_is_a_duplicate_and_no_delivery() {
        let (track, tally) = track(&[0, 0, 2, 1, 1, 2]);

        assert_eq!(track.lost(3), 0);
        assert_eq!(
            (tally.delivered, tally.reordered, tally.duplicated),
            (3, 1, 3)
        );
        assert_eq!(
            tally.faults(),
            ["3 deliveries duplicated", "1 deliveries out of order"]
        );
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut latency = Latency::default();
        for millis in 1..=1000 {
            latency.record(Duration::from_millis(millis));
        }

        let summary = latency.summary();

        assert_eq!(summary.count, 1000);
        for (value, millis) in [(summary.p50, 500), (summary.p99, 990), (summary.max, 1000)] {
            assert!(value.abs_diff(millis * 1000) <= millis, "{value}");
        }
        assert_eq!(Latency::default().summary(), LatencySummary::default());
    }

    proptest! {
        #[test]
        fn every_message_is_delivered_once_or_lost(sequences in proptest::collection::vec(0_u64..50, 0..100)) {
            let (track, tally) = track(&sequences);

            prop_assert_eq!(tally.delivered + track.lost(50), 50);
            prop_assert_eq!(tally.delivered + tally.duplicated, sequences.len() as u64);
        }
    }
}
