//! What a run came to: a table for people, JSON for machines, and whether it passed.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::measure::{LatencySummary, Tally};

/// Names and values of options; null where one was not used.
pub type Settings = Vec<(&'static str, Value)>;

/// The result of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The scenario's name, as on the command line.
    pub scenario: &'static str,
    /// Whether everything arrived as it should and every threshold was kept.
    pub passed: bool,
    /// What is wrong, in words; empty if the run passed.
    pub faults: Vec<String>,
    /// The options of the run, in the order in which they are shown.
    #[serde(serialize_with = "as_map")]
    pub settings: Settings,
    /// How connecting went.
    pub connects: Connects,
    /// How sending and receiving went.
    pub traffic: Traffic,
    /// What came of every delivery.
    pub deliveries: Tally,
}

/// How connecting went.
#[derive(Clone, Debug, Serialize)]
pub struct Connects {
    /// How many connected.
    pub clients: u64,
    /// How long that took in all.
    pub seconds: f64,
    /// How long each took, from the TCP connection to the seat in the namespace.
    pub latency_us: LatencySummary,
}

/// How sending and receiving went.
#[derive(Clone, Debug, Serialize)]
pub struct Traffic {
    /// Messages that publishers sent.
    pub sent: u64,
    /// Messages that were due, but that a connection did not take.
    pub unsent: u64,
    /// How long messages were sent.
    pub seconds: f64,
    /// Deliveries a second, until the last one.
    pub deliveries_per_second: f64,
    /// Connections that ended during the run.
    pub disconnected: u64,
    /// Why the first of them did.
    pub first_disconnect: Option<String>,
    /// The first packet that is no part of the scenario, such as an exception.
    pub first_stray_event: Option<String>,
    /// From the time at which a message was due (on a schedule) or sent, to each of its deliveries.
    pub latency_us: LatencySummary,
    /// How late this program itself was, on a schedule: a part of every latency that is not the cluster's.
    pub schedule_lag_us: Option<LatencySummary>,
}

impl Report {
    /// Judges a run.
    pub fn new(
        scenario: &'static str,
        settings: Settings,
        connects: Connects,
        traffic: Traffic,
        deliveries: Tally,
        max_p99: Option<Duration>,
    ) -> Self {
        let mut faults = deliveries.faults();
        if deliveries.delivered == 0 {
            faults.push("nothing was delivered".to_owned());
        }
        if traffic.unsent > 0 {
            faults.push(format!("{} messages could not be sent", traffic.unsent));
        }
        if let Some(reason) = &traffic.first_disconnect {
            let count = traffic.disconnected;
            faults.push(format!("{count} clients lost their connection: {reason}"));
        }
        if let Some(event) = &traffic.first_stray_event {
            faults.push(format!("an event that nobody asked for: {event}"));
        }
        let p99 = Duration::from_micros(traffic.latency_us.p99);
        if let Some(limit) = max_p99.filter(|&limit| p99 > limit) {
            faults.push(format!("the latency's p99 is {p99:?}, above {limit:?}"));
        }
        Self {
            scenario,
            passed: faults.is_empty(),
            faults,
            settings,
            connects,
            traffic,
            deliveries,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.scenario)?;
        for (name, value) in &self.settings {
            match value {
                Value::Null => {}
                Value::Array(values) => {
                    let values: Vec<_> = values.iter().filter_map(Value::as_str).collect();
                    row(out, name, values.join(" "))?;
                }
                Value::String(text) => row(out, name, text)?,
                value => row(out, name, value)?,
            }
        }

        let Connects {
            clients,
            seconds,
            latency_us,
        } = &self.connects;
        writeln!(out, "connects")?;
        row(out, "clients", clients)?;
        row(out, "seconds", format_args!("{seconds:.2}"))?;
        row(out, "latency", Distribution(latency_us))?;

        let traffic = &self.traffic;
        writeln!(out, "messages")?;
        row(out, "sent", traffic.sent)?;
        row(out, "unsent", traffic.unsent)?;
        row(out, "seconds", format_args!("{:.2}", traffic.seconds))?;
        row(out, "disconnected", traffic.disconnected)?;

        let tally = &self.deliveries;
        writeln!(out, "deliveries")?;
        row(out, "expected", tally.expected)?;
        row(out, "delivered", tally.delivered)?;
        row(
            out,
            "per second",
            format_args!("{:.0}", traffic.deliveries_per_second),
        )?;
        row(out, "lost", tally.lost)?;
        row(out, "duplicated", tally.duplicated)?;
        row(out, "out of order", tally.reordered)?;
        row(out, "misrouted", tally.misrouted)?;
        row(out, "corrupted", tally.corrupted)?;
        row(out, "latency", Distribution(&traffic.latency_us))?;
        if let Some(lag) = &traffic.schedule_lag_us {
            row(out, "of it our own lag", Distribution(lag))?;
        }

        if self.passed {
            return writeln!(out, "passed");
        }
        writeln!(out, "FAILED")?;
        for fault in &self.faults {
            writeln!(out, "  {fault}")?;
        }
        Ok(())
    }
}

fn as_map<S: Serializer>(settings: &Settings, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(settings.iter().map(|(name, value)| (name, value)))
}

fn row(out: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(out, "  {:<20}{value}", name.replace('_', " "))
}

/// Percentiles in milliseconds, on one line.
struct Distribution<'a>(&'a LatencySummary);

impl fmt::Display for Distribution<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LatencySummary {
            p50,
            p90,
            p99,
            p999,
            max,
            ..
        } = *self.0;
        for (name, micros) in [
            ("p50", p50),
            ("p90", p90),
            ("p99", p99),
            ("p99.9", p999),
            ("max", max),
        ] {
            let (millis, rest) = (micros / 1000, micros % 1000);
            write!(out, "{name} {millis}.{rest:03}  ")?;
        }
        write!(out, "ms")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(deliveries: Tally, max_p99: Option<Duration>) -> Report {
        let latency_us = LatencySummary {
            count: 1,
            p99: 2_500,
            ..LatencySummary::default()
        };
        let connects = Connects {
            clients: 1,
            seconds: 0.5,
            latency_us: latency_us.clone(),
        };
        let traffic = Traffic {
            sent: 1,
            unsent: 0,
            seconds: 1.0,
            deliveries_per_second: 1.0,
            disconnected: 0,
            first_disconnect: None,
            first_stray_event: None,
            latency_us,
            schedule_lag_us: None,
        };
        let settings = vec![
            ("urls", json!(["http://127.0.0.1:3000"])),
            ("rate", json!(100)),
            ("in_flight", json!(null)),
        ];
        Report::new("fanout", settings, connects, traffic, deliveries, max_p99)
    }

    fn delivered() -> Tally {
        Tally {
            expected: 1,
            delivered: 1,
            ..Tally::default()
        }
    }

    #[test]
    fn a_run_without_faults_passes() {
        let report = report(delivered(), Some(Duration::from_millis(3)));

        assert!(report.passed);
        let text = report.to_string();
        assert!(text.ends_with("passed\n"), "{text}");
        assert!(text.contains("p99 2.500"), "{text}");
        assert!(!text.contains("in flight"), "{text}");
    }

    #[test]
    fn machines_read_the_same_in_json() {
        let json = serde_json::to_string(&report(delivered(), None)).unwrap();

        assert!(json.starts_with(r#"{"scenario":"fanout","passed":true,"faults":[],"#));
        assert!(json.contains(r#"{"urls":["http://127.0.0.1:3000"],"rate":100,"in_flight":null}"#));
        assert!(json.contains(r#""lost":0"#));
    }

    #[test]
    fn one_lost_delivery_fails_the_run() {
        let report = report(
            Tally {
                lost: 1,
                ..delivered()
            },
            None,
        );

        assert_eq!(report.faults, ["1 deliveries lost"]);
        assert!(report.to_string().contains("FAILED"));
    }

    #[test]
    fn a_missed_threshold_fails_the_run() {
        let report = report(delivered(), Some(Duration::from_millis(2)));

        assert_eq!(report.faults, ["the latency's p99 is 2.5ms, above 2ms"]);
    }

    #[test]
    fn a_run_that_delivers_nothing_proves_nothing() {
        assert!(!report(Tally::default(), None).passed);
    }
}
