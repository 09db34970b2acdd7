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

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, fs};

    use serde_json::{Value, json};

    use super::*;
    use crate::cli::Exit;

    fn show(json: bool, flags: &[&str], environment: &[(&str, &str)]) -> Result<Answer, Answer> {
        let flags = flags.iter().map(OsString::from);
        let environment = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        let show = Show {
            defaults: false,
            json,
        };
        show.run(&Sources::new(flags, environment))
    }

    fn line(answer: &Answer, key: &str) -> Option<String> {
        let mut lines = answer.text.lines().map(|line| line.split_whitespace());
        let words = lines.find(|words| words.clone().next() == Some(key))?;
        Some(words.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn every_key_is_shown_with_its_source_and_no_secret_is() {
        let environment = [
            ("REDIS_URL", "redis://:hush@redis"),
            ("ROOMCAST_ADMIN__TOKEN", "hush"),
        ];

        let answer = show(false, &["--admin-listen", "127.0.0.1:81"], &environment).unwrap();

        for line_of in [
            "listen \"0.0.0.0:3000\" by default",
            "admin.listen \"127.0.0.1:81\" from flag --admin-listen",
            "admin.url \"http://127.0.0.1:81\" by default",
            "admin.token (hidden) from environment ROOMCAST_ADMIN__TOKEN",
            "redis.url \"redis://redis\" from environment REDIS_URL",
            "redis.ca_file not set",
        ] {
            let (key, _) = line_of.split_once(' ').unwrap();
            assert_eq!(line(&answer, key).as_deref(), Some(line_of));
        }
        assert!(!answer.text.contains("hush"), "{}", answer.text);
        let keys = crate::config::key::keys();
        assert_eq!(answer.text.lines().count(), keys.count());
    }

    #[test]
    fn programs_get_values_of_their_kind_and_sources_in_parts() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.toml");
        fs::write(&file, "drain.rate = 7\ngateways = ['chat', 'events']").unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "hush").unwrap();
        let [file, secret] = [&file, &secret].map(|path| path.to_str().unwrap());
        let environment = [
            ("ROOMCAST_CONFIG", file),
            ("ROOMCAST_ADMIN__TOKEN_FILE", secret),
            ("ROOMCAST_CORS__ORIGINS", "https://a, https://b"),
        ];

        let answer = show(true, &["--ws-enabled=false"], &environment).unwrap();

        let shown: Value = serde_json::from_str(&answer.text).unwrap();
        let settings = shown["settings"].as_array().unwrap();
        for line in [
            json!({"key": "workers", "value": 1, "source": "default"}),
            json!({"key": "jwt.issuer", "value": null, "source": "default"}),
            json!({"key": "drain.rate", "value": 7, "source": "file", "name": file, "line": 1}),
            json!({"key": "gateways", "value": ["chat", "events"], "source": "file", "name": file, "line": 2}),
            json!({"key": "ws.enabled", "value": false, "source": "flag", "name": "--ws-enabled"}),
            json!({"key": "admin.token", "value": "(hidden)", "source": "secret file", "name": secret}),
            json!({"key": "cors.origins", "value": ["https://a", "https://b"], "source": "environment", "name": "ROOMCAST_CORS__ORIGINS"}),
        ] {
            let found = settings.iter().find(|found| found["key"] == line["key"]);
            assert_eq!(found, Some(&line));
        }
    }

    #[test]
    fn a_configuration_with_mistakes_is_not_shown_but_they_are() {
        for json in [false, true] {
            let answer = show(json, &["--workers", "0", "--drain-rate", "0"], &[]).unwrap_err();
            assert_eq!(answer.exit, Exit::Misconfigured);
            assert_eq!(answer.complaint.lines().count(), 3, "{answer:?}");

            let answer = show(json, &["--jwt-jwks-file", "/none"], &[]).unwrap_err();
            assert!(answer.complaint.contains("jwt.jwks_file"), "{answer:?}");
        }
    }
}
