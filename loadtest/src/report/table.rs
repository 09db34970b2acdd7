//! The report as a table for people.

use std::fmt;

use serde_json::Value;

use super::{Presence, Report, Returns, Traffic};
use crate::measure::{LatencySummary, Tally};

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
        writeln!(out, "connects")?;
        row(out, "clients", self.connects.clients)?;
        row(out, "seconds", format_args!("{:.2}", self.connects.seconds))?;
        row(out, "latency", Distribution(&self.connects.latency_us))?;
        if let (Some(traffic), Some(tally)) = (&self.traffic, &self.deliveries) {
            deliveries(out, traffic, tally)?;
        }
        if let Some(returned) = &self.returns {
            returns(out, returned)?;
        }
        if let Some(presence) = &self.presence {
            online(out, presence)?;
        }
        self.costs(out)?;
        for note in &self.notes {
            writeln!(out, "note: {note}")?;
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

impl Report {
    fn costs(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.observed.processes.is_empty() {
            writeln!(
                out,
                "processes             cpu %   user s  system s   rss MiB  peak MiB  waits/s  preempted/s"
            )?;
        }
        let seconds = self.observed.seconds.max(f64::EPSILON);
        for cost in &self.observed.processes {
            let usage = &cost.usage;
            writeln!(
                out,
                "  {:<20}{:>5.1}{:>9.2}{:>10.2}{:>10.1}{:>10.1}{:>9.0}{:>13.0}",
                cost.name,
                cost.cpu_percent,
                usage.user_seconds,
                usage.system_seconds,
                usage.rss_kib as f64 / 1024.0,
                usage.peak_kib as f64 / 1024.0,
                usage.voluntary_switches as f64 / seconds,
                usage.involuntary_switches as f64 / seconds,
            )?;
        }
        if !self.figures.is_empty() {
            writeln!(out, "figures")?;
        }
        for (name, value) in &self.figures {
            writeln!(out, "  {:<38}{value:.2}", name.replace('_', " "))?;
        }
        Ok(())
    }
}

fn deliveries(out: &mut fmt::Formatter<'_>, traffic: &Traffic, tally: &Tally) -> fmt::Result {
    writeln!(out, "messages")?;
    row(out, "sent", traffic.sent)?;
    row(out, "unsent", traffic.unsent)?;
    row(out, "seconds", format_args!("{:.2}", traffic.seconds))?;
    row(out, "disconnected", traffic.disconnected)?;
    writeln!(out, "deliveries")?;
    row(out, "expected", tally.expected)?;
    row(out, "delivered", tally.delivered)?;
    let per_second = traffic.deliveries_per_second;
    row(out, "per second", format_args!("{per_second:.0}"))?;
    row(out, "lost", tally.lost)?;
    row(out, "duplicated", tally.duplicated)?;
    row(out, "out of order", tally.reordered)?;
    row(out, "misrouted", tally.misrouted)?;
    row(out, "corrupted", tally.corrupted)?;
    row(out, "latency", Distribution(&traffic.latency_us))?;
    if let Some(lag) = &traffic.schedule_lag_us {
        row(out, "of it our own lag", Distribution(lag))?;
    }
    Ok(())
}

fn returns(out: &mut fmt::Formatter<'_>, returns: &Returns) -> fmt::Result {
    writeln!(out, "clients that left or stalled")?;
    row(out, "came back", returns.count)?;
    row(out, "away", Distribution(&returns.away_us))?;
    row(out, "missed meanwhile", returns.missed)?;
    row(out, "stopped reading", returns.stalled)?;
    row(out, "of these disconnected", returns.stalled_disconnected)
}

fn online(out: &mut fmt::Formatter<'_>, presence: &Presence) -> fmt::Result {
    writeln!(out, "presence")?;
    row(out, "joining the chat", Distribution(&presence.join_us))?;
    row(out, "lists", presence.lists)?;
    row(out, "announcements", presence.announced)?;
    row(out, "duplicated", presence.duplicated)?;
    row(out, "out of order", presence.reordered)?;
    row(out, "typing", presence.typing)?;
    row(out, "online in the end", presence.online)?;
    row(out, "expected", presence.expected_online)?;
    row(out, "clients asked", presence.views)?;
    row(out, "who see others", presence.differing)
}

fn row(out: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(out, "  {:<24}{value}", name.replace('_', " "))
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
