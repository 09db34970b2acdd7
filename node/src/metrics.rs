//! What a node counts, under the names that operators know.
//!
//! Eight names are those of Node's exporter, so that its dashboards keep working. Labels have short lists of values:
//! namespaces that are served, events that are registered, causes. Everything else is `other`.

mod cluster;

use std::{collections::HashMap, sync::Arc};

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder, core::Collector,
};
use roomcast_gateway::{Gateway, platform::Outcome};

pub(crate) use cluster::ClusterMetrics;

use crate::{connection::Traffic, http::ControlMetrics, repetition::Repetition, traces::Traces};

/// The label value of every event that nobody registered.
const OTHER: &str = "other";

/// All metrics of one node.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) cluster: ClusterMetrics,
    pub(crate) control: ControlMetrics,
    pub(crate) drain_state: IntGauge,
    pub(crate) drain_remaining: IntGauge,
    connected: IntGauge,
    connects: IntCounterVec,
    disconnects: IntCounterVec,
    errors: IntCounterVec,
    events_received: IntCounterVec,
    events_sent: IntCounterVec,
    event_duration: HistogramVec,
    rejected: IntCounterVec,
    pub(crate) connections: IntGauge,
    pub(crate) connections_limit: IntGauge,
    traces: Traces,
}

impl Metrics {
    /// Nothing is traced.
    #[cfg(test)]
    pub(crate) fn new(node_id: &str) -> Self {
        Self::with(node_id, Traces::default())
    }

    /// The metrics of a node, beside its traces.
    pub(crate) fn with(node_id: &str, traces: Traces) -> Self {
        let kit = Kit(Registry::new());
        let slow_consumers = kit.counters(
            "slow_consumer_total",
            "Clients that were disconnected because they were too slow for what they are sent or send, by how it showed; and those that were warned of.",
            &["action"],
        );
        let oversized = kit.counters(
            "oversized_messages_total",
            "Messages of clients over limits.message_size, each the end of its connection.",
            &["transport"],
        );
        let metrics = Self {
            traffic: Arc::new(Traffic {
                received: kit.counter("receive_bytes", "Bytes read from clients."),
                sent: kit.counter("transmit_bytes", "Bytes written to clients."),
                stalled: slow_consumers.with_label_values(&["stalled"]),
                overflowed: slow_consumers.with_label_values(&["overflow"]),
                behind: slow_consumers.with_label_values(&["backlog"]),
                oversized: oversized.with_label_values(&["websocket"]),
                oversized_bodies: oversized.with_label_values(&["polling"]),
                warned: slow_consumers.with_label_values(&["warned"]),
                laggards: Repetition::default(),
                rate_limited: kit.counter(
                    "rate_limited_total",
                    "Events that were not handled because their client sent too many.",
                ),
                flooded: kit.counter(
                    "rate_limited_disconnects_total",
                    "Clients that were disconnected because they went on with that.",
                ),
                floods: Repetition::default(),
            }),
            cluster: ClusterMetrics::new(&kit, traces.clone()),
            control: ControlMetrics {
                requests: kit.counters(
                    "admin_requests_total",
                    "Requests to the control API.",
                    &["route", "method", "status"],
                ),
                duration: kit.histograms(
                    "admin_request_duration_seconds",
                    "From a request's head to the answer's.",
                    &["route", "method"],
                    prometheus::exponential_buckets(0.0001, 4.0, 9),
                ),
            },
            drain_state: kit.gauge(
                "drain_state",
                "0 while serving, 1 while draining, 2 once empty or about to end.",
            ),
            drain_remaining: kit.gauge("drain_remaining", "Sessions that are left while draining."),
            connected: kit.gauge(
                "connected",
                "Sockets that are connected, over all namespaces.",
            ),
            connects: kit.counters("connect_total", "Sockets that connected.", &["namespace"]),
            disconnects: kit.counters(
                "disconnect_total",
                "Sockets that disconnected.",
                &["namespace", "reason"],
            ),
            errors: kit.counters(
                "errors_total",
                "Events whose handler failed, exceptions aside.",
                &["namespace"],
            ),
            events_received: kit.counters(
                "events_received_total",
                "Events from clients.",
                &["event", "namespace"],
            ),
            events_sent: kit.counters(
                "events_sent_total",
                "Emits, to however many clients.",
                &["event", "namespace"],
            ),
            event_duration: kit.histograms(
                "event_duration_seconds",
                "From an event's turn to the end of its handler.",
                &["namespace", "event"],
                prometheus::exponential_buckets(0.0001, 4.0, 9),
            ),
            rejected: kit.counters(
                "rejected_connections_total",
                "Connections refused at the handshake.",
                &["reason"],
            ),
            connections: kit.gauge("connections", "Clients' sessions, on either platform."),
            connections_limit: kit.gauge(
                "connections_limit",
                "How many of them there may be; 0 is no limit.",
            ),
            registry: kit.0,
            traces,
        };
        let build = Opts::new(
            "socket_io_build_info",
            "The running version, and the node's id.",
        );
        let build =
            IntGaugeVec::new(build, &["version", "node"]).expect("the options above are valid");
        build.with_label_values(&[crate::VERSION, node_id]).set(1);
        metrics
            .registry
            .register(Box::new(build))
            .expect("the name is used once");
        #[cfg(target_os = "linux")]
        {
            let process = prometheus::process_collector::ProcessCollector::for_self();
            metrics
                .registry
                .register(Box::new(process))
                .expect("the name is used once");
        }
        metrics
    }

    /// The text format of Prometheus.
    pub(crate) fn text(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_default()
    }

    pub(crate) fn rejected(&self, reason: &str) {
        self.rejected.with_label_values(&[reason]).inc();
    }

    /// The metrics of a namespace, looked up once.
    pub(crate) fn namespace(&self, gateway: &Gateway) -> NamespaceMetrics {
        let namespace = gateway.namespace().to_owned();
        let event = |name: &str| EventMetrics {
            received: self.events_received.with_label_values(&[name, &namespace]),
            duration: self.event_duration.with_label_values(&[&namespace, name]),
        };
        let sent = |name: &str| self.events_sent.with_label_values(&[name, &namespace]);
        NamespaceMetrics {
            connected: self.connected.clone(),
            connects: self.connects.with_label_values(&[&namespace]),
            disconnects: self.disconnects.clone(),
            errors: self.errors.with_label_values(&[&namespace]),
            events: gateway
                .events()
                .map(|name| (name.to_owned(), event(name)))
                .collect(),
            other: event(OTHER),
            sent: gateway
                .emitted()
                .map(|name| (name.to_owned(), sent(name)))
                .collect(),
            sent_other: sent(OTHER),
            traces: self.traces.clone(),
            namespace,
        }
    }
}

/// The metrics of one namespace.
#[derive(Debug)]
pub(crate) struct NamespaceMetrics {
    namespace: String,
    connected: IntGauge,
    connects: IntCounter,
    disconnects: IntCounterVec,
    errors: IntCounter,
    events: HashMap<String, EventMetrics>,
    other: EventMetrics,
    sent: HashMap<String, IntCounter>,
    sent_other: IntCounter,
    traces: Traces,
}

/// The metrics of one event that clients send.
#[derive(Debug)]
struct EventMetrics {
    received: IntCounter,
    duration: Histogram,
}

impl NamespaceMetrics {
    pub(crate) fn connected(&self) {
        self.connects.inc();
        self.connected.inc();
    }

    pub(crate) fn disconnected(&self, reason: &str) {
        self.disconnects
            .with_label_values(&[&self.namespace, reason])
            .inc();
        self.connected.dec();
    }

    /// An event's turn has come: counts it, and returns where its duration belongs.
    pub(crate) fn received(&self, event: &str) -> Histogram {
        let metrics = self.events.get(event).unwrap_or(&self.other);
        metrics.received.inc();
        metrics.duration.clone()
    }

    pub(crate) fn sent(&self, event: &str) {
        self.emits(event).inc();
    }

    /// The span of an event whose turn has come, if it is traced.
    pub(crate) fn span(&self, event: &str) -> Option<opentelemetry::Context> {
        let known = self.events.get_key_value(event);
        let event = known.map_or(OTHER, |(event, _)| event);
        self.traces.event(&self.namespace, event)
    }

    /// What counts emits of this event.
    pub(crate) fn emits(&self, event: &str) -> &IntCounter {
        self.sent.get(event).unwrap_or(&self.sent_other)
    }

    pub(crate) fn ended(&self, outcome: &Outcome) {
        if matches!(outcome, Outcome::Failed(_)) {
            self.errors.inc();
        }
    }
}

/// Makes metrics, with our prefix, and registers them.
struct Kit(Registry);

impl Kit {
    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.registered(IntCounter::with_opts(options(name, help)))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.registered(IntCounterVec::new(options(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.registered(IntGauge::with_opts(options(name, help)))
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.registered(IntGaugeVec::new(options(name, help), labels))
    }

    fn histogram(
        &self,
        name: &str,
        help: &str,
        buckets: prometheus::Result<Vec<f64>>,
    ) -> Histogram {
        self.registered(Histogram::with_opts(with_buckets(name, help, buckets)))
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: prometheus::Result<Vec<f64>>,
    ) -> HistogramVec {
        self.registered(HistogramVec::new(with_buckets(name, help, buckets), labels))
    }

    fn registered<C: Collector + Clone + 'static>(&self, metric: prometheus::Result<C>) -> C {
        let metric = metric.expect("names and labels are literals that a test registers");
        self.0
            .register(Box::new(metric.clone()))
            .expect("each name is registered once, as a test shows");
        metric
    }
}

fn options(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("socket_io")
}

fn with_buckets(name: &str, help: &str, buckets: prometheus::Result<Vec<f64>>) -> HistogramOpts {
    let buckets = buckets.expect("bounds are literals that a test registers");
    HistogramOpts::new(name, help)
        .namespace("socket_io")
        .buckets(buckets)
}

#[cfg(test)]
mod tests {
    use roomcast_adapter::{DropCause, Observer};

    use super::*;

    #[test]
    fn every_name_is_one_that_operators_know() {
        let metrics = Metrics::new("n1");
        metrics.rejected("origin");
        metrics.cluster.observer().dropped(DropCause::Malformed, 1);
        let gateway = Gateway::new("/").on("ping", async || {}).emits(["pong"]);
        let namespace = metrics.namespace(&gateway);
        namespace.connected();
        namespace.received("made up by a client").observe(0.003);
        namespace.sent("pong");
        namespace.disconnected("transport close");

        let text = metrics.text();

        for line in [
            "socket_io_connected 0",
            "socket_io_connect_total{namespace=\"/\"} 1",
            "socket_io_disconnect_total{namespace=\"/\",reason=\"transport close\"} 1",
            "socket_io_errors_total{namespace=\"/\"} 0",
            "socket_io_events_received_total{event=\"other\",namespace=\"/\"} 1",
            "socket_io_events_received_total{event=\"ping\",namespace=\"/\"} 0",
            "socket_io_events_sent_total{event=\"pong\",namespace=\"/\"} 1",
            "socket_io_connections 0",
            "socket_io_connections_limit 0",
            "socket_io_receive_bytes 0",
            "socket_io_transmit_bytes 0",
            "socket_io_rejected_connections_total{reason=\"origin\"} 1",
            "socket_io_slow_consumer_total{action=\"stalled\"} 0",
            "socket_io_slow_consumer_total{action=\"warned\"} 0",
            "socket_io_cluster_dropped_total{cause=\"malformed\"} 1",
            "socket_io_cluster_dropped_total{cause=\"lagged\"} 0",
            "socket_io_build_info{node=\"n1\",version=\"0.1.0\"} 1",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "no line {line} in\n{text}"
            );
        }
        assert!(text.contains("process_resident_memory_bytes"));
    }
}
