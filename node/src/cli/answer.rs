//! What a verb has to say.

use std::io::Write;
use std::process::ExitCode;

use super::Exit;
use super::table::{count, tame};
use crate::config::ConfigErrors;

/// What a verb has to say, in whole lines.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    /// For standard output: what was asked for.
    pub text: String,
    /// For standard error: what is wrong with it, or missing.
    pub complaint: String,
    /// How the process ends.
    pub exit: Exit,
}

impl Answer {
    pub(super) fn good(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            complaint: String::new(),
            exit: Exit::Clean,
        }
    }

    pub(super) fn bad(exit: Exit, complaint: impl Into<String>) -> Self {
        Self {
            text: String::new(),
            complaint: complaint.into(),
            exit,
        }
    }

    /// Adds a complaint, which does not make it another answer.
    pub(super) fn but(mut self, line: impl AsRef<str>) -> Self {
        self.complaint.push_str(line.as_ref());
        self.complaint.push('\n');
        self
    }

    /// Complains of those servers of the cluster that have not answered, if there are any.
    pub(super) fn lacking(self, servers: &[String]) -> Self {
        if servers.is_empty() {
            return self;
        }
        let number = count(servers.len() as u64, "server");
        let names = tame(&servers.join(", "));
        self.but(format!(
            "incomplete: no answer in time from {number}: {names}"
        ))
    }

    pub(super) fn mistakes(lines: &[String]) -> Self {
        let mistakes = count(lines.len() as u64, "mistake");
        let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
        Self::bad(
            Exit::Misconfigured,
            format!("{mistakes} in the configuration:\n{lines}"),
        )
    }

    /// Prints both texts, and gives what `main` returns.
    pub fn print(self) -> ExitCode {
        // Whoever asked and hung up, as in `roomcast help | head -1`, is not told that nobody listens.
        let _ = std::io::stdout().lock().write_all(self.text.as_bytes());
        let _ = std::io::stderr()
            .lock()
            .write_all(self.complaint.as_bytes());
        self.exit.into()
    }
}

impl From<ConfigErrors> for Answer {
    fn from(errors: ConfigErrors) -> Self {
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        Self::mistakes(&lines)
    }
}
