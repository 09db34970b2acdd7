//! Reports as pages: one file each, with plots, that needs nothing else.

pub(crate) mod plot;

use std::fmt::Write as _;

use crate::report::Report;

use plot::{Line, Plot};

/// The look of every page, light or dark as the reader's system is.
const STYLE: &str = include_str!("html/style.css");

/// The page of one run.
pub fn page(report: &Report) -> String {
    let mut body = String::new();
    let verdict = if report.passed { "passed" } else { "failed" };
    let _ = write!(
        body,
        "<h1>{}</h1><p class=\"{verdict}\">{verdict}</p>",
        escaped(&report.scenario)
    );
    list(&mut body, "faults", &report.faults);
    list(&mut body, "notes", &report.notes);
    if let Some(traffic) = &report.traffic {
        let points = traffic.percentiles.iter();
        let latencies = Line {
            name: "latency".to_owned(),
            points: points
                .map(|&(percent, micros)| (percent, micros as f64 / 1000.0))
                .collect(),
        };
        section(
            &mut body,
            "Latency by percentile (milliseconds)",
            &Plot::percentiles(vec![latencies]),
        );
    }
    let timeline = &report.observed.timeline;
    let line = |name: &str, value: &dyn Fn(usize) -> f64| Line {
        name: name.to_owned(),
        points: timeline
            .iter()
            .enumerate()
            .map(|(at, sample)| (sample.seconds, value(at)))
            .collect(),
    };
    if timeline.len() > 1 {
        let rate = line("deliveries/s", &|at| timeline[at].deliveries_per_second);
        let sent = line("messages/s", &|at| timeline[at].messages_per_second);
        section(
            &mut body,
            "Deliveries and messages a second",
            &Plot::timeline(vec![rate, sent]),
        );
        let of_processes = |value: &dyn Fn(usize, usize) -> f64| {
            let processes = report.observed.processes.iter().enumerate();
            processes
                .map(|(process, cost)| line(&cost.name, &|at| value(at, process)))
                .collect()
        };
        let cpu = of_processes(&|at, process| timeline[at].cpu_percent[process]);
        section(
            &mut body,
            "Processor time (percent of one processor)",
            &Plot::timeline(cpu),
        );
        let memory = of_processes(&|at, process| timeline[at].rss_kib[process] as f64 / 1024.0);
        section(&mut body, "Resident memory (MiB)", &Plot::timeline(memory));
    }
    let _ = write!(
        body,
        "<h2>All figures</h2><pre>{}</pre>",
        escaped(&report.to_string())
    );
    document(&format!("Load test: {}", report.scenario), &body)
}

/// A whole document.
pub(crate) fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{}</title><style>{STYLE}</style><main>{body}</main></html>\n",
        escaped(title)
    )
}

pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

pub(crate) fn section(body: &mut String, title: &str, plot: &Plot) {
    let _ = write!(
        body,
        "<h2>{}</h2><figure>{}</figure>",
        escaped(title),
        plot.svg()
    );
}

fn list(body: &mut String, class: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    let _ = write!(body, "<ul class=\"{class}\">");
    for item in items {
        let _ = write!(body, "<li>{}</li>", escaped(item));
    }
    body.push_str("</ul>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::LatencySummary;
    use crate::report::Connects;

    #[test]
    fn a_page_shows_what_is_wrong_and_nothing_in_it_becomes_markup() {
        let connects = Connects {
            clients: 1,
            seconds: 1.0,
            latency_us: LatencySummary::default(),
        };
        let mut report = Report::new("fan<out>", Vec::new(), connects);
        report.passed = false;
        report.faults.push("an event <script>".to_owned());

        let page = page(&report);

        assert!(page.contains("<p class=\"failed\">failed</p>"), "{page}");
        assert!(page.contains("an event &lt;script&gt;"), "{page}");
        assert!(!page.contains("<script"), "{page}");
    }
}
