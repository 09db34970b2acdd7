//! What is measured: a cluster's shape, the load, and which figures of the report are the result.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use super::statistics::Better;
use crate::process::Part;
use crate::report::Report;

/// One kind of run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Row {
    /// 10,000 deliveries a second
    Fan100,
    /// 40,000 deliveries a second
    Fan400,
    /// As many as go with one message of each of ten publishers in flight
    One,
    /// The same with four
    Four,
    /// One room of 100, 40 messages in flight
    Hot,
    /// Echoes, as many as go
    Echo,
    /// Connects, without Redis
    Connect,
    /// Connects, with Redis
    ConnectRedis,
    /// 10,000 connections that idle
    Idle,
    /// 100 broadcasts of 16 KB to 2,000 clients
    Burst,
    /// 40,000 deliveries a second on another node
    Foreign,
}

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Measure {
    CpuAt10k,
    CpuAt40k,
    P99At40k,
    RateOne,
    RateFour,
    RateHot,
    RateEcho,
    CpuConnect,
    CpuConnectRedis,
    MemoryIdle,
    MemoryAfterBurst,
    CpuForeign,
}

/// What a run needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) nodes: usize,
    pub(super) redis: bool,
}

impl Row {
    pub(super) fn measures(self) -> &'static [Measure] {
        match self {
            Self::Fan100 => &[Measure::CpuAt10k],
            Self::Fan400 => &[Measure::CpuAt40k, Measure::P99At40k],
            Self::One => &[Measure::RateOne],
            Self::Four => &[Measure::RateFour],
            Self::Hot => &[Measure::RateHot],
            Self::Echo => &[Measure::RateEcho],
            Self::Connect => &[Measure::CpuConnect],
            Self::ConnectRedis => &[Measure::CpuConnectRedis],
            Self::Idle => &[Measure::MemoryIdle],
            Self::Burst => &[Measure::MemoryAfterBurst],
            Self::Foreign => &[Measure::CpuForeign],
        }
    }

    pub(super) fn shape(self) -> Shape {
        match self {
            Self::Connect | Self::Idle | Self::Burst => Shape {
                nodes: 1,
                redis: false,
            },
            Self::ConnectRedis => Shape {
                nodes: 1,
                redis: true,
            },
            _ => Shape {
                nodes: 2,
                redis: true,
            },
        }
    }

    /// The generator's arguments, but for the cluster's.
    pub(super) fn arguments(self, duration: Duration) -> Vec<String> {
        let rooms = "--clients 1000 --rooms 10";
        let text = match self {
            Self::Fan100 => format!("fanout {rooms} --rate 100"),
            Self::Fan400 => format!("fanout {rooms} --rate 400"),
            Self::One => format!("fanout {rooms} --in-flight 1"),
            Self::Four => format!("fanout {rooms} --in-flight 4"),
            Self::Hot => "fanout --clients 100 --rooms 1 --publishers 1 --in-flight 40".to_owned(),
            Self::Echo => "echo --clients 100 --in-flight 4".to_owned(),
            Self::Connect | Self::ConnectRedis => {
                return words("connect --clients 3000 --hold 1s");
            }
            Self::Idle => {
                return words("connect --clients 10000 --hold 2s --connect-timeout 60s");
            }
            Self::Burst => {
                return words(
                    "broadcast --clients 2000 --publishers 1 --rate 20 --messages 100 --payload 16000 --duration 5s --hold 2s",
                );
            }
            Self::Foreign => format!("fanout {rooms} --rate 400 --only-first"),
        };
        words(&format!("{text} --duration {}ms", duration.as_millis()))
    }

    /// Whether the run counts: all that was sent arrived, once and in order.
    pub(super) fn is_sound(self, report: &Report) -> bool {
        report
            .deliveries
            .as_ref()
            .is_none_or(|tally| tally.faults().is_empty())
            && report.faults.iter().all(|fault| fault.contains("p99"))
    }

    pub(super) fn value(self, measure: Measure, report: &Report) -> Option<f64> {
        if !self.measures().contains(&measure) {
            return None;
        }
        let figure = |name: &str| report.figures.get(name).copied();
        match measure {
            Measure::CpuAt10k | Measure::CpuAt40k => figure("server_cpu_us_per_delivery"),
            Measure::P99At40k => {
                let latency = &report.traffic.as_ref()?.latency_us;
                Some(latency.p99 as f64 / 1000.0)
            }
            Measure::RateOne | Measure::RateFour | Measure::RateHot | Measure::RateEcho => {
                figure("deliveries_per_second")
            }
            Measure::CpuConnect | Measure::CpuConnectRedis => figure("server_cpu_us_per_connect"),
            Measure::MemoryIdle => figure("server_kib_per_connection"),
            Measure::MemoryAfterBurst => figure("server_kib_grown_per_connection"),
            Measure::CpuForeign => {
                let mut servers = report.observed.processes.iter();
                let servers = servers.by_ref().filter(|cost| cost.part == Part::Server);
                servers.last().map(|cost| cost.cpu_percent)
            }
        }
    }
}

impl Measure {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::CpuAt10k => "server CPU per delivery at 10,000/s (µs)",
            Self::CpuAt40k => "server CPU per delivery at 40,000/s (µs)",
            Self::P99At40k => "p99 latency at 40,000/s (ms)",
            Self::RateOne => "deliveries/s, one in flight",
            Self::RateFour => "deliveries/s, four in flight",
            Self::RateHot => "deliveries/s, one room of 100, 40 in flight",
            Self::RateEcho => "echoes/s",
            Self::CpuConnect => "server CPU per connect, without Redis (µs)",
            Self::CpuConnectRedis => "server CPU per connect, with Redis (µs)",
            Self::MemoryIdle => "memory per idle connection, 10,000 of them (KiB)",
            Self::MemoryAfterBurst => {
                "memory grown per connection by 100 broadcasts of 16 KB (KiB)"
            }
            Self::CpuForeign => "CPU of a node for 40,000/s in rooms it has no member of (%)",
        }
    }

    pub(super) fn better(self) -> Better {
        match self {
            Self::RateOne | Self::RateFour | Self::RateHot | Self::RateEcho => Better::Higher,
            _ => Better::Lower,
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
