//! Scenarios: what is done to a cluster. Each has options, which are checked before anything is sent, and a report.

mod cluster;
mod fanout;

use std::time::Duration;

use clap::Subcommand;

use crate::report::Report;

pub use self::cluster::{Cluster, EventNames};
pub use self::fanout::Fanout;

/// What can be run.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Scenario {
    /// Clients in rooms, and publishers who send to those rooms; every delivery is checked
    Fanout(Fanout),
}

impl Scenario {
    /// Says what is wrong with the options, before anything is sent.
    ///
    /// # Errors
    ///
    /// A sentence for the person who typed them.
    pub async fn check(&self) -> anyhow::Result<()> {
        match self {
            Self::Fanout(fanout) => fanout.check().await,
        }
    }

    /// Runs to the end, and says what happened. Loss and missed thresholds are part of the report.
    ///
    /// # Errors
    ///
    /// Whatever kept the scenario from being run, such as a cluster that refuses its clients.
    pub async fn run(&self) -> anyhow::Result<Report> {
        match self {
            Self::Fanout(fanout) => fanout.run().await,
        }
    }
}

/// No wait of a scenario is longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads `10s`, `500ms` or `2m`, up to a day.
fn duration(text: &str) -> Result<Duration, String> {
    let malformed = || format!("{text:?} is no duration such as 10s, 500ms or 2m");
    let digits = text
        .find(|character: char| !character.is_ascii_digit())
        .ok_or_else(malformed)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| malformed())?;
    let duration = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        _ => return Err(malformed()),
    };
    if duration > LONGEST {
        return Err(format!("{text:?} is longer than a day"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_a_unit() {
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "10", "s", "-1s", "1.5s", "10h"] {
            assert!(duration(wrong).unwrap_err().contains("500ms"), "{wrong}");
        }
    }

    #[test]
    fn a_duration_ends_at_a_day() {
        assert!(duration("1440m").is_ok());
        for wrong in ["1441m", "18446744073709551615m"] {
            assert!(duration(wrong).unwrap_err().contains("a day"), "{wrong}");
        }
    }
}
