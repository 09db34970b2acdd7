//! Line plots as SVG, in the colours of the page they stand in.
//!
//! Charting crates draw with fixed colours and sizes; these follow the reader's light or dark theme.

use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 28.0;

/// Colours that a page has.
const COLOURS: usize = 5;

/// One line of a plot.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// From left to right.
    pub(crate) points: Vec<(f64, f64)>,
}

/// A plot: lines over a common axis.
#[derive(Debug)]
pub(crate) struct Plot {
    lines: Vec<Line>,
    /// Where the horizontal axis has labels, from 0 to 1, and what they say.
    marks: Vec<(f64, String)>,
}

impl Plot {
    /// Lines over seconds.
    pub(crate) fn timeline(lines: Vec<Line>) -> Self {
        let end = extent(
            lines
                .iter()
                .flat_map(|line| &line.points)
                .map(|point| point.0),
        );
        let marks = (0..=5)
            .map(|fifth| {
                (
                    f64::from(fifth) / 5.0,
                    format!("{:.0} s", end * f64::from(fifth) / 5.0),
                )
            })
            .collect();
        Self {
            lines: scaled(lines, |x| x / end),
            marks,
        }
    }

    /// Lines over a number of anything, such as nodes.
    pub(crate) fn over(lines: Vec<Line>, marks: &[f64]) -> Self {
        let end = extent(
            lines
                .iter()
                .flat_map(|line| &line.points)
                .map(|point| point.0),
        );
        Self {
            marks: marks
                .iter()
                .map(|mark| (mark / end, format!("{mark}")))
                .collect(),
            lines: scaled(lines, |x| x / end),
        }
    }

    /// Lines over percentiles, with more room for those that are near 100: each nine has as much as the one before.
    pub(crate) fn percentiles(lines: Vec<Line>) -> Self {
        let at = |percent: f64| -> f64 {
            let nines = -(1.0 - percent / 100.0).max(1e-4).log10();
            nines / 4.0
        };
        let marks = [0.0, 50.0, 90.0, 99.0, 99.9, 99.99]
            .into_iter()
            .map(|percent| (at(percent), format!("{percent} %")))
            .collect();
        Self {
            lines: scaled(lines, at),
            marks,
        }
    }

    /// The plot as a file of its own, in colours that go with light and dark.
    pub(crate) fn file(&self) -> String {
        let style = "svg{--0:#2f6fde;--1:#d9822b;--2:#2a9d6f;--3:#8a4fd0;--4:#c2417c}\
                     text{fill:#7a8394;font:13px system-ui,sans-serif}.grid{stroke:#7a839455}.axis{stroke:#7a8394}";
        let svg = self.svg();
        svg.replacen("<svg ", "<svg xmlns=\"http://www.w3.org/2000/svg\" ", 1)
            .replacen(
                "role=\"img\">",
                &format!("role=\"img\"><style>{style}</style>"),
                1,
            )
            + "\n"
    }

    /// The plot, to stand in a page.
    pub(crate) fn svg(&self) -> String {
        let top = extent(
            self.lines
                .iter()
                .flat_map(|line| &line.points)
                .map(|point| point.1),
        );
        let step = step(top / 4.0);
        let top = step * (top / step).ceil();
        let x = |share: f64| LEFT + share * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
        let (left, right) = (x(0.0), x(1.0));
        let mut value = 0.0;
        while value <= top * 1.001 {
            let at = y(value);
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                at + 4.0,
                short(value)
            );
            value += step;
        }
        let bottom = y(0.0);
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{left}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>"
        );
        for (share, text) in &self.marks {
            let _ = write!(
                svg,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                x(*share).clamp(left + 8.0, right - 16.0),
                HEIGHT - 8.0
            );
        }
        for (number, line) in self.lines.iter().enumerate() {
            let points: Vec<_> = line
                .points
                .iter()
                .map(|(share, value)| format!("{:.1},{:.1}", x(*share), y(*value)))
                .collect();
            let colour = format!("var(--{})", number % COLOURS);
            let _ = write!(
                svg,
                "<polyline fill=\"none\" style=\"stroke:{colour}\" stroke-width=\"2\" points=\"{}\"/>\
                 <rect x=\"{:.1}\" y=\"6\" width=\"12\" height=\"12\" style=\"fill:{colour}\"/>\
                 <text x=\"{:.1}\" y=\"16\">{}</text>",
                points.join(" "),
                left + 150.0 * number as f64,
                left + 150.0 * number as f64 + 18.0,
                super::escaped(&line.name)
            );
        }
        svg + "</svg>"
    }
}

fn scaled(lines: Vec<Line>, x: impl Fn(f64) -> f64) -> Vec<Line> {
    lines
        .into_iter()
        .map(|line| Line {
            points: line
                .points
                .into_iter()
                .map(|(at, value)| (x(at), value))
                .collect(),
            ..line
        })
        .collect()
}

/// The largest of the values, and never nothing.
fn extent(values: impl Iterator<Item = f64>) -> f64 {
    let largest = values.fold(0.0, f64::max);
    if largest > 0.0 { largest } else { 1.0 }
}

/// The next of 1, 2 and 5 times a power of ten.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= least)
        .unwrap_or(power * 10.0)
}

fn short(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{} M", value / 1e6),
        _ if value >= 1e4 => format!("{} k", value / 1e3),
        _ => format!("{}", (value * 1000.0).round() / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (least, expected) in [(0.3, 0.5), (1.0, 1.0), (1.1, 2.0), (37.0, 50.0), (6e5, 1e6)] {
            assert!((step(least) - expected).abs() < 1e-9 * expected, "{least}");
        }
    }

    #[test]
    fn a_plot_without_a_point_is_still_a_plot() {
        let svg = Plot::timeline(Vec::new()).svg();

        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn each_nine_of_a_percentile_has_as_much_room() {
        let line = Line {
            name: "a".to_owned(),
            points: [0.0, 90.0, 99.0, 99.9, 99.99, 100.0]
                .map(|percent| (percent, 1.0))
                .into(),
        };

        let plot = Plot::percentiles(vec![line]);

        let at: Vec<_> = plot.lines[0]
            .points
            .iter()
            .map(|(x, _)| (x * 4.0).round())
            .collect();
        assert_eq!(at, [0.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
    }
}
