//! The command line of `roomcast`: which verb, and everything the verbs do that is not serving.

mod check;
mod exit;
mod healthcheck;
pub mod token;
mod usage;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

pub use exit::Exit;

use crate::config::{self, Config, ConfigErrors, Sources, nearest_word};

/// What a command line asks for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Command {
    /// What to do.
    pub verb: Verb,
    /// The flags and the environment to do it with.
    pub sources: Sources,
}

/// What `roomcast` can do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verb {
    /// Be a node. This is what happens without a verb, too.
    Serve,
    /// Say whether the configuration is valid, and what is in force.
    Check,
    /// Ask a running node whether it is live.
    Healthcheck,
    /// Make a token.
    Token(token::Request),
    /// Say which version this is.
    Version,
    /// Show this help.
    Help(String),
}

/// What is left to do once the command line has been dealt with.
#[derive(Debug)]
#[must_use]
pub enum Next {
    /// Run a node; this is for `main`.
    Serve(Box<Config>),
    /// Say this and end.
    Done(Answer),
}

/// What a verb has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    /// Whole lines, for people.
    pub text: String,
    /// How the process ends.
    pub exit: Exit,
}

/// Does what the command line of this process asks for, up to the point where a node would run.
pub async fn begin() -> Next {
    let (args, environment) = config::process();
    match Command::parse(args, environment) {
        Ok(command) => command.run().await,
        Err(answer) => Next::Done(answer),
    }
}

impl Command {
    /// Takes `args`, which do not start with the name of the program, and `environment`.
    ///
    /// # Errors
    ///
    /// What to say about words that are no verb. Wrong settings are found when the verb needs them, by
    /// [`run`](Self::run).
    pub fn parse(
        args: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Answer> {
        let sources = Sources::with_words(args, environment, usage::OWN_FLAGS);
        let verb = usage::verb(sources.words())?;
        Ok(Self { verb, sources })
    }

    /// Does it, or hands a checked configuration to the caller that is to serve.
    pub async fn run(self) -> Next {
        match self.verb {
            Verb::Serve => match self.sources.config() {
                Ok(config) => Next::Serve(Box::new(config)),
                Err(errors) => Next::Done(Answer::misconfigured(&errors)),
            },
            Verb::Check => Next::Done(check::run(&self.sources)),
            Verb::Healthcheck => Next::Done(match self.sources.config() {
                Ok(config) => healthcheck::run(&config.admin.url).await,
                Err(errors) => Answer::misconfigured(&errors),
            }),
            Verb::Token(request) => Next::Done(token::run(&self.sources, &request)),
            Verb::Version => Next::Done(Answer::good(format!(
                "roomcast {}\n",
                env!("CARGO_PKG_VERSION")
            ))),
            Verb::Help(text) => Next::Done(Answer::good(text)),
        }
    }
}

impl Answer {
    fn good(text: String) -> Self {
        Self {
            text,
            exit: Exit::Clean,
        }
    }

    fn misconfigured(errors: &ConfigErrors) -> Self {
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        Self::mistakes(&lines)
    }

    fn mistakes(lines: &[String]) -> Self {
        let count = lines.len();
        let mistakes = if count == 1 { "mistake" } else { "mistakes" };
        let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
        Self {
            text: format!("{count} {mistakes} in the configuration:\n{lines}"),
            exit: Exit::Misconfigured,
        }
    }

    /// Prints the text, to standard error if something went wrong, and gives what `main` returns.
    pub fn print(self) -> ExitCode {
        let written = match self.exit {
            Exit::Clean => std::io::stdout().lock().write_all(self.text.as_bytes()),
            _ => std::io::stderr().lock().write_all(self.text.as_bytes()),
        };
        // Whoever asked and hung up, as in `roomcast help | head -1`, is not told that nobody listens.
        drop(written);
        self.exit.into()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn parse(line: &str) -> Result<Verb, Answer> {
        Command::parse(line.split_whitespace().map(OsString::from), []).map(|command| command.verb)
    }

    async fn answer(line: &str, environment: &[(&str, &str)]) -> Answer {
        let environment = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        let command = Command::parse(line.split_whitespace().map(OsString::from), environment);
        match command.unwrap().run().await {
            Next::Done(answer) => answer,
            Next::Serve(config) => panic!("would serve {config:?}"),
        }
    }

    #[test]
    fn a_verb_stands_anywhere_among_the_flags_or_is_serve() {
        for (line, verb) in [
            ("", Verb::Serve),
            ("--listen 127.0.0.1:1", Verb::Serve),
            ("serve", Verb::Serve),
            ("check", Verb::Check),
            ("--listen 127.0.0.1:1 check --log-level=debug", Verb::Check),
            ("healthcheck", Verb::Healthcheck),
            ("version", Verb::Version),
            ("--version", Verb::Version),
            ("-V", Verb::Version),
        ] {
            assert_eq!(parse(line), Ok(verb), "{line}");
        }
    }

    #[test]
    fn a_word_that_is_no_verb_is_answered_with_the_verbs() {
        for (line, words) in [
            (
                "chekc",
                "\"chekc\" is no verb: did you mean check? expected serve, check, healthcheck, token, version or help",
            ),
            (
                "launch",
                "\"launch\" is no verb: expected serve, check, healthcheck, token, version or help",
            ),
            ("help launch", "\"launch\" is no verb"),
            ("check twice", "unexpected argument 'twice'"),
        ] {
            let answer = parse(line).unwrap_err();
            assert!(answer.text.contains(words), "{line}: {}", answer.text);
            assert_eq!(answer.exit, Exit::Misconfigured);
        }
    }

    #[test]
    fn the_words_after_token_say_what_it_is_to_hold() {
        let line =
            "token --sub=user-1 --name Alice --expires-in 1m30s --claim a=[1] --claim b=\"=\"";

        let Ok(Verb::Token(request)) = parse(line) else {
            panic!("{line} is not understood");
        };

        assert_eq!(request.sub, "user-1");
        assert_eq!(request.name.as_deref(), Some("Alice"));
        assert_eq!(request.expires_in, Duration::from_secs(90));
        let claims = [("a", json!([1])), ("b", json!("="))];
        assert_eq!(
            request.claims,
            claims.map(|(name, value)| (name.to_owned(), value))
        );
    }

    #[test]
    fn what_a_token_cannot_hold_is_refused_with_an_example() {
        for (line, words) in [
            ("token", "--sub <SUB>"),
            ("token --sub", "a value is required for '--sub <SUB>'"),
            (
                "token --sub a --expires-in soon",
                "such as 25s, 500ms or 1m30s",
            ),
            ("token --sub a --claim admin", "such as admin=true"),
            ("token --sub a --claim team=red", "--claim 'team=\"red\"'"),
            ("serve --sub a", "unexpected argument '--sub'"),
        ] {
            let answer = parse(line).unwrap_err();
            assert!(answer.text.contains(words), "{line}: {}", answer.text);
            assert_eq!(answer.exit, Exit::Misconfigured);
        }
    }

    #[tokio::test]
    async fn serve_hands_a_checked_configuration_to_main() {
        let args = ["--listen", "127.0.0.1:0"].map(OsString::from);
        let command = Command::parse(args, []).unwrap();

        let Next::Serve(config) = command.run().await else {
            panic!("did not serve");
        };

        assert_eq!(config.listen, "127.0.0.1:0".parse().unwrap());
    }

    #[tokio::test]
    async fn no_verb_that_needs_settings_runs_with_wrong_ones() {
        for verb in ["serve", "check", "healthcheck", "token --sub alice"] {
            let answer = answer(
                &format!("{verb} --lisen x"),
                &[("ROOMCAST_LOG__LEVEL", "loud")],
            )
            .await;

            assert_eq!(answer.exit, Exit::Misconfigured, "{verb}");
            assert_eq!(
                answer.text,
                "2 mistakes in the configuration:\n  \
                 --lisen: \"x\" on the command line: unknown key, did you mean --listen?\n  \
                 log.level: \"loud\" from environment ROOMCAST_LOG__LEVEL: expected error, warn, info, debug or trace\n"
            );
        }
    }

    #[tokio::test]
    async fn version_and_help_need_no_valid_configuration() {
        for line in [
            "version",
            "help",
            "--help",
            "-h",
            "help check",
            "check --help",
            "token --help",
        ] {
            let answer = answer(line, &[("ROOMCAST_LOG__LEVEL", "loud")]).await;

            assert_eq!(answer.exit, Exit::Clean, "{line}");
            assert!(answer.text.contains("roomcast"), "{line}: {}", answer.text);
        }
    }
}
