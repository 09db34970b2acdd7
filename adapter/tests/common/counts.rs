//! An observer that keeps count.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use roomcast_adapter::{DropCause, Observer, SubscriptionCounts, wire::Trace};
use tokio::time::Instant;

/// What a node has reported so far. A cheap handle.
#[derive(Clone, Default)]
pub(crate) struct Counts(Arc<Inner>);

#[derive(Default)]
struct Inner {
    published: AtomicU64,
    received: AtomicU64,
    delivered: AtomicU64,
    heard: AtomicU64,
    reconnected: AtomicU64,
    unconfirmed: AtomicU64,
    dropped: Mutex<HashMap<DropCause, u64>>,
    subscriptions: Mutex<SubscriptionCounts>,
    /// What broadcasts that leave are part of.
    trace: Mutex<Option<Trace>>,
    traced: Mutex<Vec<Trace>>,
}

impl Counts {
    pub(crate) fn set_trace(&self, trace: Option<Trace>) {
        *self.0.trace.lock().unwrap() = trace;
    }

    /// The traces of broadcasts that came.
    pub(crate) fn traced(&self) -> Vec<Trace> {
        self.0.traced.lock().unwrap().clone()
    }

    pub(crate) fn published(&self) -> u64 {
        self.0.published.load(Relaxed)
    }

    pub(crate) fn received(&self) -> u64 {
        self.0.received.load(Relaxed)
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.0.delivered.load(Relaxed)
    }

    pub(crate) fn heard(&self) -> u64 {
        self.0.heard.load(Relaxed)
    }

    pub(crate) fn reconnected(&self) -> u64 {
        self.0.reconnected.load(Relaxed)
    }

    pub(crate) fn unconfirmed_joins(&self) -> u64 {
        self.0.unconfirmed.load(Relaxed)
    }

    pub(crate) fn dropped(&self, cause: DropCause) -> u64 {
        let dropped = self.0.dropped.lock().unwrap();
        dropped.get(&cause).copied().unwrap_or(0)
    }

    /// Everything that was dropped, by cause.
    pub(crate) fn all_dropped(&self) -> HashMap<DropCause, u64> {
        self.0.dropped.lock().unwrap().clone()
    }

    pub(crate) fn subscriptions(&self) -> SubscriptionCounts {
        *self.0.subscriptions.lock().unwrap()
    }
}

impl Observer for Counts {
    fn trace(&self) -> Option<Trace> {
        *self.0.trace.lock().unwrap()
    }

    fn traced(&self, trace: Trace, _came: Instant, _namespace: &str) {
        self.0.traced.lock().unwrap().push(trace);
    }

    fn published(&self) {
        self.0.published.fetch_add(1, Relaxed);
    }

    fn received(&self) {
        self.0.received.fetch_add(1, Relaxed);
    }

    fn delivered(&self, recipients: usize) {
        self.0.delivered.fetch_add(recipients as u64, Relaxed);
    }

    fn dropped(&self, cause: DropCause, messages: u64) {
        *self.0.dropped.lock().unwrap().entry(cause).or_default() += messages;
    }

    fn heard(&self, _: Duration) {
        self.0.heard.fetch_add(1, Relaxed);
    }

    fn reconnected(&self) {
        self.0.reconnected.fetch_add(1, Relaxed);
    }

    fn subscriptions(&self, counts: SubscriptionCounts) {
        *self.0.subscriptions.lock().unwrap() = counts;
    }

    fn unconfirmed_join(&self) {
        self.0.unconfirmed.fetch_add(1, Relaxed);
    }
}
