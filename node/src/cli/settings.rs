//! `roomcast config`: every setting, its value and where that comes from; or a file with all of them.

use serde::Serialize;

use super::{Answer, check};
use crate::config::{InForce, Source, Sources, template};

/// How to show the settings.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roomcast config
  roomcast config --config /etc/roomcast.toml --log-level debug
  roomcast config --json | jq -r '.settings[] | select(.source != \"default\") | .key'
  roomcast config --defaults > roomcast.toml

Secrets are not shown. A configuration with mistakes is not shown either, but they are, all at once.")]
pub(super) struct Show {
    /// Print a TOML file with every key, its default and what it does
    #[arg(long, conflicts_with = "json")]
    defaults: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    settings: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    key: &'a str,
    value: serde_json::Value,
    source: &'static str,
    /// The flag, the variable or the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

impl Show {
    pub(super) fn run(self, sources: &Sources) -> Result<Answer, Answer> {
        if self.defaults {
            return Ok(Answer::good(template()));
        }
        let (_, in_force) = check::report(sources)?;
        if !self.json {
            return Ok(Answer::good(check::lines(&in_force).concat()));
        }
        let settings = in_force.iter().map(Line::of).collect();
        let json = serde_json::to_string(&Shown { settings });
        Ok(Answer::good(
            json.expect("texts, numbers and lists become JSON") + "\n",
        ))
    }
}

impl<'a> Line<'a> {
    fn of(line: &'a InForce) -> Self {
        let (source, name, number) = match &line.from {
            Source::Flag(flag) => ("flag", Some(flag.clone()), None),
            Source::CommandLine => ("flag", None, None),
            Source::Environment(variable) => ("environment", Some(variable.clone()), None),
            Source::SecretFile { path, .. } => {
                ("secret file", Some(path.display().to_string()), None)
            }
            Source::File { path, line } => ("file", Some(path.display().to_string()), *line),
            Source::Default => ("default", None, None),
        };
        Self {
            key: line.path,
            value: line.json.clone(),
            source,
            name,
            line: number,
        }
    }
}
