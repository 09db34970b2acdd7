//! A comparison as a table for people, as Markdown for documents, and as a page.

use std::fmt::{self, Write as _};

use super::peer::Peer;
use super::statistics::{Series, Spread};
use super::{Comparison, Measured};
use crate::html::{document, escaped};

impl Comparison {
    /// A table, with what has to be known to read it.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(
            out,
            "| |{}",
            self.heads()
                .map(|head| format!(" {head} |"))
                .collect::<String>()
        );
        let _ = writeln!(out, "| --- |{}", " ---: |".repeat(self.peers.len()));
        for measured in &self.measures {
            let cells: String = (0..self.peers.len())
                .map(|column| format!(" {} |", self.cell(measured, column)))
                .collect();
            let _ = writeln!(out, "| {} |{cells}", measured.measure.title());
        }
        let _ = write!(out, "\n{}\n", self.conditions());
        out
    }

    /// A page with a bar for each median and its spread.
    pub fn page(&self) -> String {
        let mut body = String::from("<h1>Roomcast beside its peers</h1>");
        let _ = write!(
            body,
            "<p>{}</p><div class=\"wide\"><table><tr><th></th>",
            escaped(&self.conditions())
        );
        for head in self.heads() {
            let _ = write!(body, "<th>{}</th>", escaped(&head));
        }
        body.push_str("</tr>");
        for measured in &self.measures {
            let _ = write!(body, "<tr><td>{}</td>", escaped(measured.measure.title()));
            for column in 0..self.peers.len() {
                let cell = self.cell(measured, column).replace("**", "");
                let _ = write!(body, "<td>{}</td>", escaped(&cell));
            }
            body.push_str("</tr>");
        }
        body.push_str("</table></div>");
        for measured in &self.measures {
            let _ = write!(
                body,
                "<h2>{}</h2><figure>{}</figure>",
                escaped(measured.measure.title()),
                self.bars(measured)
            );
        }
        if !self.faults.is_empty() {
            body.push_str("<h2>Runs that do not count</h2><ul class=\"faults\">");
            for fault in &self.faults {
                let _ = write!(body, "<li>{}</li>", escaped(fault));
            }
            body.push_str("</ul>");
        }
        document("Roomcast beside its peers", &body)
    }

    fn heads(&self) -> impl Iterator<Item = String> + '_ {
        self.peers.iter().map(|peer| peer.name().to_owned())
    }

    /// Median, spread, and how many times better than Node.js.
    fn cell(&self, measured: &Measured, column: usize) -> String {
        let series = &measured.series[column];
        let Some(spread) = series.spread() else {
            return "–".to_owned();
        };
        let mut text = format!("{spread}");
        if let Some(ratio) = self.ratio(measured, column) {
            let _ = write!(text, ", **{ratio:.1}×**");
        }
        if let Some((unsound, all)) = series.unsound() {
            let _ = write!(text, ", loses or reorders in {unsound} of {all}");
        }
        text
    }

    fn ratio(&self, measured: &Measured, column: usize) -> Option<f64> {
        let node = self.peers.iter().position(|peer| *peer == Peer::Node)?;
        let other = Some(node).filter(|node| *node != column)?;
        measured.series[column].ratio_to(&measured.series[other], measured.measure.better())
    }

    fn bars(&self, measured: &Measured) -> String {
        const WIDTH: f64 = 860.0;
        const LEFT: f64 = 110.0;
        const ROW: f64 = 30.0;
        let largest = measured.series.iter().filter_map(Series::spread);
        let largest = largest
            .map(|spread| spread.max)
            .fold(0.0, f64::max)
            .max(1e-9);
        let x = |value: f64| LEFT + value.max(0.0) / largest * (WIDTH - LEFT - 230.0);
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\">",
            ROW * self.peers.len() as f64
        );
        for (column, series) in measured.series.iter().enumerate() {
            let Some(Spread { min, median, max }) = series.spread() else {
                continue;
            };
            let y = ROW * column as f64;
            let _ = write!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
                 <rect x=\"{LEFT}\" y=\"{}\" width=\"{:.1}\" height=\"18\" style=\"fill:var(--{column})\"/>\
                 <line class=\"axis\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{}\" y2=\"{}\"/>\
                 <text x=\"{:.1}\" y=\"{}\">{}</text>",
                LEFT - 8.0,
                y + 20.0,
                self.peers[column].name(),
                y + 6.0,
                x(median) - LEFT,
                x(min),
                x(max),
                y + 15.0,
                y + 15.0,
                x(max) + 8.0,
                y + 20.0,
                escaped(&self.cell(measured, column).replace("**", ""))
            );
        }
        svg + "</svg>"
    }

    fn conditions(&self) -> String {
        let machine = &self.machine;
        format!(
            "{}: medians of {} runs of {:.0} s each, least and most in parentheses, ratios to Node.js. {}, {} processors, \
             {:.0} GiB, Linux {}. {}. Generator, servers and Redis share the machine.",
            machine.date,
            self.repetitions,
            self.duration_seconds,
            machine.processor,
            machine.processors,
            machine.memory_gib,
            machine.kernel,
            machine.versions.join("; ")
        )
    }
}

/// The table for a terminal.
impl fmt::Display for Comparison {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for measured in &self.measures {
            writeln!(out, "{}", measured.measure.title())?;
            for (column, peer) in self.peers.iter().enumerate() {
                let cell = self.cell(measured, column).replace("**", "");
                writeln!(out, "  {:<14}{cell}", peer.name())?;
            }
        }
        for fault in &self.faults {
            writeln!(out, "does not count: {fault}")?;
        }
        writeln!(out, "{}", self.conditions())
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} ({}–{})",
            short(self.median),
            short(self.min),
            short(self.max)
        )
    }
}

fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 10_000.0 => format!("{:.0}k", value / 1000.0),
        large if large >= 100.0 => format!("{value:.0}"),
        large if large >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::Machine;
    use super::super::row::Measure;
    use super::*;

    fn comparison() -> Comparison {
        let series = |values: &[f64], is_sound| {
            let mut series = Series::default();
            values
                .iter()
                .for_each(|value| series.push(*value, is_sound));
            series
        };
        Comparison {
            machine: Machine {
                date: "2026-01-02".to_owned(),
                processor: "a <fast> one".to_owned(),
                processors: 2,
                memory_gib: 4.0,
                kernel: "6".to_owned(),
                versions: vec!["Roomcast 1".to_owned()],
            },
            repetitions: 2,
            duration_seconds: 4.0,
            peers: vec![Peer::Node, Peer::Socketioxide, Peer::Roomcast],
            measures: vec![Measured {
                measure: Measure::CpuAt40k,
                series: vec![
                    series(&[20.0, 22.0], true),
                    series(&[10.0, 11.0], false),
                    series(&[7.0, 7.0], true),
                ],
            }],
            faults: vec!["Fan400 of Socketioxide: 3 deliveries lost".to_owned()],
        }
    }

    #[test]
    fn a_table_has_median_spread_and_ratio_and_says_who_loses() {
        let table = comparison().markdown();

        assert!(table.contains("| 21.0 (20.0–22.0) |"), "{table}");
        assert!(
            table.contains("**2.0×**, loses or reorders in 2 of 2"),
            "{table}"
        );
        assert!(table.contains("7.00 (7.00–7.00), **3.0×** |"), "{table}");
    }

    #[test]
    fn a_page_has_bars_and_nothing_in_it_becomes_markup() {
        let page = comparison().page();

        assert!(
            page.contains("<rect") && page.contains("a &lt;fast&gt; one"),
            "{page}"
        );
        assert!(page.contains("3 deliveries lost"));
        assert!(!page.contains("**"), "{page}");
    }
}
