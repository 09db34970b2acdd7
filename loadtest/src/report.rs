//! What a run came to: a table for people, JSON for machines, and whether it passed.

mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::CloseReason;
use crate::measure::{LatencySummary, Tally};
use crate::monitor::{Cost, Observed};
use crate::process::Part;

/// Names and values of options; null where one was not used.
pub type Settings = Vec<(String, Value)>;

/// A generator that is busy for more of the time than this, per thread, may be what sets the pace.
const BUSY: f64 = 0.9;

/// The result of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The scenario's name, as on the command line.
    pub scenario: String,
    /// Whether everything arrived as it should and every threshold was kept.
    pub passed: bool,
    /// What is wrong, in words; empty if the run passed.
    pub faults: Vec<String>,
    /// What has to be known to read the figures.
    pub notes: Vec<String>,
    /// The options of the run, in the order in which they are shown.
    pub settings: Settings,
    /// How connecting went.
    pub connects: Connects,
    /// How sending and receiving went, where the scenario does so.
    pub traffic: Option<Traffic>,
    /// What came of every delivery.
    pub deliveries: Option<Tally>,
    /// Of clients that left and came back, or stopped reading.
    pub returns: Option<Returns>,
    /// Of who is online, where the scenario is a chat.
    pub presence: Option<Presence>,
    /// What it cost, by name.
    pub figures: BTreeMap<String, f64>,
    /// Processes, and each second: while messages were sent, or clients connected.
    pub observed: Observed,
}

/// How connecting went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Connects {
    /// How many connected.
    pub clients: u64,
    /// How long that took in all.
    pub seconds: f64,
    /// How long each took, from the TCP connection to the seat in the namespace; on a schedule, from when it was due.
    pub latency_us: LatencySummary,
}

/// How sending and receiving went.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Traffic {
    /// Messages that were sent.
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
    /// The distribution of the latencies: percent, and microseconds.
    pub percentiles: Vec<(f64, u64)>,
}

/// Of clients that left and came back, or stopped reading.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Returns {
    /// How often one came back.
    pub count: u64,
    /// How long they were away, until they were in their rooms again.
    pub away_us: LatencySummary,
    /// Messages that were sent meanwhile, or were under way when they left: missed, not lost.
    pub missed: u64,
    /// Clients that stopped reading.
    pub stalled: u64,
    /// How many of these the server disconnected.
    pub stalled_disconnected: u64,
}

/// What clients of a chat are told of each other.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Presence {
    /// From asking to join the chat to the welcome.
    pub join_us: LatencySummary,
    /// Lists of who is online: one for each connection.
    pub lists: u64,
    /// How often clients were told that somebody is online, or offline.
    pub announced: u64,
    /// What was announced again.
    pub duplicated: u64,
    /// Who was announced as online after having left.
    pub reordered: u64,
    /// How often clients were told that somebody types, or no longer does.
    pub typing: u64,
    /// Who is online in the end: our clients, and who was there before.
    pub expected_online: u64,
    /// How many most clients see online in the end.
    pub online: u64,
    /// Clients that can know who is online: their list, when they connected, was not full.
    pub views: u64,
    /// How many of these see others online than most do.
    pub differing: u64,
}

impl Report {
    /// A report of which only the beginning is known.
    pub fn new(scenario: &str, settings: Settings, connects: Connects) -> Self {
        Self {
            scenario: scenario.to_owned(),
            passed: true,
            faults: Vec::new(),
            notes: Vec::new(),
            settings,
            connects,
            traffic: None,
            deliveries: None,
            returns: None,
            presence: None,
            figures: BTreeMap::new(),
            observed: Observed::default(),
        }
    }

    /// Takes what happened, and says what is wrong with it.
    pub(crate) fn judge(
        &mut self,
        traffic: Traffic,
        deliveries: Tally,
        observed: Observed,
        threads: u16,
    ) {
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
        self.look_at_own_part(&observed, threads);
        if let Some(lag) = &traffic.schedule_lag_us
            && lag.p99 * 2 > traffic.latency_us.p99
            && lag.p99 > 1000
        {
            self.notes.push(format!(
                "this program was late: the p99 of its own lag is {:.1} ms of the latency's {:.1} ms",
                lag.p99 as f64 / 1000.0,
                traffic.latency_us.p99 as f64 / 1000.0
            ));
        }
        let deliveries_made = deliveries.delivered.max(1) as f64;
        let servers = observed.cpu_seconds(Part::Server);
        let redis = observed.cpu_seconds(Part::Redis);
        if servers > 0.0 {
            self.figure(
                "server_cpu_us_per_delivery",
                1e6 * servers / deliveries_made,
            );
            if redis > 0.0 {
                let all = servers + redis;
                self.figure(
                    "server_and_redis_cpu_us_per_delivery",
                    1e6 * all / deliveries_made,
                );
            }
        }
        self.figure("deliveries_per_second", traffic.deliveries_per_second);
        self.traffic = Some(traffic);
        self.deliveries = Some(deliveries);
        self.observed = observed;
        self.fail(faults);
    }

    /// Takes what clients were told of each other, and says what is wrong with it.
    pub(crate) fn judge_presence(&mut self, presence: Presence) {
        let mut faults: Vec<_> = [
            (presence.duplicated, "announcements of presence duplicated"),
            (presence.reordered, "announcements of presence out of order"),
            (presence.differing, "clients see others online than most do"),
        ]
        .into_iter()
        .filter(|&(count, _)| count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
        if presence.views > 0 && presence.online != presence.expected_online {
            faults.push(format!(
                "clients see {} users online in the end, not {}",
                presence.online, presence.expected_online
            ));
        }
        self.presence = Some(presence);
        self.fail(faults);
    }

    /// Takes what the servers hold once clients idle again, in KiB: what traffic has left behind.
    pub(crate) fn after_hold(&mut self, rss_kib: &[u64], clients: u32) {
        let grown: f64 = of_servers(&self.observed)
            .zip(rss_kib)
            .map(|(cost, after)| *after as f64 - cost.rss_before_kib as f64)
            .sum();
        self.figure(
            "server_kib_grown_per_connection",
            grown / f64::from(clients.max(1)),
        );
    }

    /// Takes what connecting and then idling cost.
    pub(crate) fn hold(
        &mut self,
        connecting: Observed,
        holding: &Observed,
        ends: &[CloseReason],
        threads: u16,
    ) {
        let clients = self.connects.clients.max(1) as f64;
        self.look_at_own_part(&connecting, threads);
        let servers = connecting.cpu_seconds(Part::Server);
        if servers > 0.0 {
            self.figure("server_cpu_us_per_connect", 1e6 * servers / clients);
            let grown: f64 = of_servers(holding)
                .zip(of_servers(&connecting))
                .map(|(after, before)| after.usage.rss_kib as f64 - before.rss_before_kib as f64)
                .sum();
            self.figure("server_kib_per_connection", grown / clients);
            let idle = holding.cpu_seconds(Part::Server) / holding.seconds.max(f64::EPSILON);
            self.figure("server_cpu_percent_idle", 100.0 * idle);
        }
        self.figure("connects_per_second", clients / self.connects.seconds);
        self.observed = connecting;
        if let Some(first) = ends.first() {
            let count = ends.len();
            self.fail(vec![format!(
                "{count} clients lost their connection: {first}"
            )]);
        }
    }

    /// Fails the run where a threshold was missed.
    pub(crate) fn limit(&mut self, max_p99: Option<Duration>, min_rate: Option<f64>) {
        let Some(traffic) = &self.traffic else { return };
        let mut faults = Vec::new();
        faults.extend(above("latency", &traffic.latency_us, max_p99));
        let rate = traffic.deliveries_per_second;
        if let Some(limit) = min_rate.filter(|&limit| rate < limit) {
            faults.push(format!(
                "{rate:.0} deliveries a second are fewer than {limit:.0}"
            ));
        }
        self.fail(faults);
    }

    /// Fails the run where connecting took too long.
    pub(crate) fn limit_connects(&mut self, max_p99: Option<Duration>) {
        let fault = above("time to connect", &self.connects.latency_us, max_p99);
        self.fail(fault.into_iter().collect());
    }

    fn fail(&mut self, faults: Vec<String>) {
        self.faults.extend(faults);
        self.passed = self.faults.is_empty();
    }

    fn figure(&mut self, name: &str, value: f64) {
        self.figures.insert(name.to_owned(), value);
    }

    /// What this program used itself; a note where that may be what set the pace.
    fn look_at_own_part(&mut self, observed: &Observed, threads: u16) {
        let own = observed.cpu_seconds(Part::Generator);
        let all: f64 = observed
            .processes
            .iter()
            .map(|cost| cost.usage.cpu_seconds())
            .sum();
        self.figure(
            "generator_cpu_share_percent",
            100.0 * own / all.max(f64::EPSILON),
        );
        let busy = own / (observed.seconds * f64::from(threads)).max(f64::EPSILON);
        if busy > BUSY {
            self.notes.push(format!(
                "this program was busy for {:.0} % of the time: it may be what set the pace",
                100.0 * busy
            ));
        }
    }
}

fn of_servers(observed: &Observed) -> impl Iterator<Item = &Cost> {
    let costs = observed.processes.iter();
    costs.filter(|cost| cost.part == Part::Server)
}

fn above(what: &str, latency: &LatencySummary, limit: Option<Duration>) -> Option<String> {
    let p99 = Duration::from_micros(latency.p99);
    let limit = limit.filter(|&limit| p99 > limit)?;
    Some(format!("the {what}'s p99 is {p99:?}, above {limit:?}"))
}
