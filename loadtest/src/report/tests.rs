use serde_json::json;

use super::*;
use crate::process::Usage;

fn report(deliveries: Tally, lag_p99: u64) -> Report {
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
        deliveries_per_second: 10.0,
        disconnected: 0,
        first_disconnect: None,
        first_stray_event: None,
        latency_us,
        schedule_lag_us: Some(LatencySummary {
            p99: lag_p99,
            ..LatencySummary::default()
        }),
        percentiles: vec![(50.0, 1000), (99.0, 2500)],
    };
    let settings = vec![
        ("urls".to_owned(), json!(["http://127.0.0.1:3000"])),
        ("rate".to_owned(), json!(100)),
        ("in_flight".to_owned(), json!(null)),
    ];
    let mut report = Report::new("fanout", settings, connects);
    report.judge(traffic, deliveries, observed(0.5), 1);
    report
}

/// A second in which a server used a quarter of it and this program so much.
fn observed(own: f64) -> Observed {
    let cost = |name: &str, part, seconds| Cost {
        name: name.to_owned(),
        part,
        usage: Usage {
            user_seconds: seconds,
            rss_kib: 3000,
            ..Usage::default()
        },
        cpu_percent: 100.0 * seconds,
        rss_before_kib: 1000,
    };
    Observed {
        seconds: 1.0,
        processes: vec![
            cost("node", Part::Server, 0.25),
            cost("redis", Part::Redis, 0.05),
            cost("generator", Part::Generator, own),
        ],
        timeline: Vec::new(),
    }
}

fn delivered() -> Tally {
    Tally {
        expected: 1000,
        delivered: 1000,
        ..Tally::default()
    }
}

#[test]
fn a_run_without_faults_passes() {
    let mut report = report(delivered(), 10);
    report.limit(Some(Duration::from_millis(3)), Some(10.0));

    assert!(report.passed);
    let text = report.to_string();
    assert!(text.ends_with("passed\n"), "{text}");
    assert!(text.contains("p99 2.500"), "{text}");
    assert!(!text.contains("in flight"), "{text}");
}

#[test]
fn machines_read_the_same_in_json_and_so_do_we() {
    let report = report(delivered(), 10);

    let json = serde_json::to_string(&report).unwrap();
    let read: Report = serde_json::from_str(&json).unwrap();

    assert!(json.contains(r#""lost":0"#));
    assert_eq!(read.to_string(), report.to_string());
}

#[test]
fn the_cost_of_a_delivery_is_that_of_the_servers() {
    let figures = report(delivered(), 10).figures;

    assert!((figures["server_cpu_us_per_delivery"] - 250.0).abs() < 1e-6);
    assert!((figures["server_and_redis_cpu_us_per_delivery"] - 300.0).abs() < 1e-6);
    assert!((figures["generator_cpu_share_percent"] - 62.5).abs() < 1e-6);
}

#[test]
fn a_generator_that_sets_the_pace_or_comes_late_is_said_to() {
    assert!(report(delivered(), 10).notes.is_empty());
    assert!(report(delivered(), 2000).notes[0].contains("was late"));

    let mut report = Report::new("connect", Vec::new(), report(delivered(), 10).connects);
    report.hold(observed(0.95), &observed(0.0), &[], 1);
    assert!(report.notes[0].contains("95 %"), "{:?}", report.notes);
    assert!((report.figures["server_kib_per_connection"] - 2000.0).abs() < 1e-6);
    assert!((report.figures["server_cpu_us_per_connect"] - 250_000.0).abs() < 1e-6);
}

#[test]
fn one_lost_delivery_fails_the_run() {
    let tally = Tally {
        lost: 1,
        ..delivered()
    };
    let report = report(tally, 10);

    assert_eq!(report.faults, ["1 deliveries lost"]);
    assert!(report.to_string().contains("FAILED"));
}

#[test]
fn a_missed_threshold_fails_the_run() {
    let mut report = report(delivered(), 10);
    report.limit(Some(Duration::from_millis(2)), Some(11.0));
    report.limit_connects(Some(Duration::from_millis(2)));

    assert_eq!(
        report.faults,
        [
            "the latency's p99 is 2.5ms, above 2ms",
            "10 deliveries a second are fewer than 11",
            "the time to connect's p99 is 2.5ms, above 2ms",
        ]
    );
}

#[test]
fn a_run_that_delivers_nothing_proves_nothing() {
    assert!(!report(Tally::default(), 10).passed);
}

#[test]
fn clients_who_do_not_agree_on_who_is_online_fail_the_run() {
    let mut report = report(delivered(), 10);
    report.judge_presence(Presence {
        expected_online: 3,
        online: 4,
        views: 3,
        differing: 1,
        ..Presence::default()
    });

    assert_eq!(
        report.faults,
        [
            "1 clients see others online than most do",
            "clients see 4 users online in the end, not 3",
        ]
    );
    assert!(report.to_string().contains("who see others"));
}
