//! What the adapter reports, as metrics.

use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntGauge, exponential_buckets};
use roomcast_adapter::{DropCause, Observer, SubscriptionCounts, wire::Trace};
use tokio::time::Instant;

use super::Kit;
use crate::traces::Traces;

/// The metrics of a node's part in the cluster.
#[derive(Debug, Clone)]
pub(crate) struct ClusterMetrics {
    up: IntGauge,
    nodes: IntGauge,
    lag: Histogram,
    published: IntCounter,
    received: IntCounter,
    dropped: [IntCounter; DropCause::ALL.len()],
    reconnects: IntCounter,
    failures: IntCounter,
    rooms: IntGauge,
    namespaces: IntGauge,
    patterns: IntGauge,
    unconfirmed: IntCounter,
    recipients: Histogram,
    traces: Traces,
}

impl ClusterMetrics {
    pub(super) fn new(kit: &Kit, traces: Traces) -> Self {
        let messages = kit.counters(
            "cluster_messages_total",
            "Messages handed to the bus, and messages that came from it.",
            &["direction"],
        );
        let dropped = kit.counters(
            "cluster_dropped_total",
            "Messages between nodes that were lost.",
            &["cause"],
        );
        let subscriptions = kit.gauges(
            "cluster_subscriptions",
            "What this node is subscribed to.",
            &["kind"],
        );
        Self {
            up: kit.gauge("cluster_up", "1 while the node hears the bus."),
            nodes: kit.gauge(
                "cluster_nodes",
                "Nodes that this one hears, itself included; servers of Node.js are not among them.",
            ),
            lag: kit.histogram(
                "cluster_lag_seconds",
                "A message to oneself through the bus and back.",
                exponential_buckets(0.0001, 4.0, 9),
            ),
            published: messages.with_label_values(&["published"]),
            received: messages.with_label_values(&["received"]),
            dropped: DropCause::ALL.map(|cause| dropped.with_label_values(&[cause.as_str()])),
            reconnects: kit.counter(
                "cluster_reconnects_total",
                "New connections to the bus after a loss.",
            ),
            failures: kit.counter(
                "cluster_connection_errors_total",
                "Connections to the bus that were lost, or could not be made.",
            ),
            rooms: subscriptions.with_label_values(&["room"]),
            namespaces: subscriptions.with_label_values(&["namespace"]),
            patterns: subscriptions.with_label_values(&["pattern"]),
            unconfirmed: kit.counter(
                "cluster_unconfirmed_joins_total",
                "Joins that were answered before the bus had confirmed them.",
            ),
            recipients: kit.histogram(
                "broadcast_recipients",
                "Sockets of this node that one broadcast was delivered to.",
                exponential_buckets(1.0, 4.0, 9),
            ),
            traces,
        }
    }

    /// A handle for the adapter to report to.
    pub(crate) fn observer(&self) -> impl Observer + use<> {
        self.clone()
    }
}

impl Observer for ClusterMetrics {
    fn trace(&self) -> Option<Trace> {
        self.traces.current()
    }

    fn traced(&self, trace: Trace, came: Instant, namespace: &str) {
        self.traces.delivered(trace, came.elapsed(), namespace);
    }

    fn published(&self) {
        self.published.inc();
    }

    fn received(&self) {
        self.received.inc();
    }

    fn delivered(&self, recipients: usize) {
        self.recipients.observe(recipients as f64);
    }

    fn dropped(&self, cause: DropCause, messages: u64) {
        let known = DropCause::ALL.iter().position(|known| *known == cause);
        if let Some(counter) = known.and_then(|at| self.dropped.get(at)) {
            counter.inc_by(messages);
        }
    }

    fn heard(&self, lag: Duration) {
        self.lag.observe(lag.as_secs_f64());
    }

    fn hearing(&self, yes: bool) {
        self.up.set(yes.into());
    }

    fn nodes(&self, count: usize) {
        self.nodes.set(as_gauge(count));
    }

    fn reconnected(&self) {
        self.reconnects.inc();
    }

    fn connections_failed(&self, count: u64) {
        self.failures.inc_by(count);
    }

    fn subscriptions(&self, counts: SubscriptionCounts) {
        self.rooms.set(as_gauge(counts.rooms));
        self.namespaces.set(as_gauge(counts.namespaces));
        self.patterns.set(as_gauge(counts.patterns));
    }

    fn unconfirmed_join(&self) {
        self.unconfirmed.inc();
    }
}

fn as_gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
