//! The verbs and the help: the only file that knows the argument parser.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;

use super::token::Request;
use super::{Answer, Exit, Verb, nearest_word};
use crate::config::duration;
use crate::config::key::{GROUPS, Key};

/// The flags that are no settings.
pub(super) const OWN_FLAGS: &[&str] = &[
    "-h",
    "--help",
    "-V",
    "--version",
    "--sub",
    "--name",
    "--expires-in",
    "--claim",
];

const ABOUT: &str = "A Socket.IO broker: any number of nodes, one cluster, Redis between them.";

const VERBS: [(&str, &str); 5] = [
    ("serve", "Run a node; so does no verb at all"),
    (
        "check",
        "Say whether the settings are valid, and what is in force",
    ),
    (
        "healthcheck",
        "Ask the node at admin.url whether it is live",
    ),
    ("token", "Make a token with jwt.secret, for trying out"),
    ("version", "Print the version"),
];

const EXAMPLES: &str = "\
Examples:
  roomcast                                        one node, nothing else needed
  roomcast --redis-url redis://127.0.0.1:6379     a node of a cluster
  ROOMCAST_REDIS__URL=redis://redis roomcast      the same, from the environment
  roomcast check --config /etc/roomcast.toml      is it valid, and what is in force?
  roomcast healthcheck                            is the node on this machine live?
  JWT_SECRET=… roomcast token --sub alice         a token that a node with this secret takes";

const TOKEN_EXAMPLES: &str = "\
Examples:
  roomcast token --sub alice --jwt-secret a-long-and-random-secret
  ROOMCAST_JWT__SECRET_FILE=secret roomcast token --sub alice --name Alice --expires-in 15m
  roomcast token --sub alice --claim admin=true --claim 'teams=[\"red\"]' --config roomcast.toml

The token is signed in HS256 and names jwt.issuer and jwt.audience where they are set. A claim of
your own wins over those that are made: --claim exp=1 makes a token that has expired.
All flags that `roomcast help` lists can follow.";

const SOURCES: &str = "\
A key `drain.grace` is the flag --drain-grace, the environment variable ROOMCAST_DRAIN__GRACE,
or in the TOML file:

  [drain]
  grace = \"10s\"

A flag wins over the environment, the environment over the file. Lists have commas, and are arrays
in the file. ROOMCAST_REDIS__URL_FILE names a file with the URL, to keep a password out of the
environment. PORT, REDIS_URL and JWT_SECRET count where listen, redis.url and jwt.secret are unset.

Exit codes: 0 a clean stop, 1 not live, 64 bad configuration, 69 Redis not there, 70 a bug.";

/// The verb that `words` ask for.
pub(super) fn verb(words: &[OsString]) -> Result<Verb, Answer> {
    let mut texts = words.iter().map(|word| word.to_string_lossy());
    let first = texts.find(|word| word != "help" && !word.starts_with('-'));
    if let Some(word) = first
        && VERBS.iter().all(|(name, _)| *name != word)
    {
        return Err(unknown(&word));
    }
    let line = [OsString::from("roomcast")]
        .into_iter()
        .chain(words.iter().cloned());
    let verb = match command().try_get_matches_from(line) {
        Ok(matches) => match matches.subcommand() {
            Some(("check", _)) => Verb::Check,
            Some(("healthcheck", _)) => Verb::Healthcheck,
            Some(("token", words)) => Verb::Token(token(words)),
            Some(("version", _)) => Verb::Version,
            _ => Verb::Serve,
        },
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp => Verb::Help(lines(&error)),
            ErrorKind::DisplayVersion => Verb::Version,
            _ => {
                return Err(Answer {
                    text: lines(&error),
                    exit: Exit::Misconfigured,
                });
            }
        },
    };
    Ok(verb)
}

/// What the parser has to say, which may lack its last newline.
fn lines(error: &clap::Error) -> String {
    format!("{}\n", error.to_string().trim_end())
}

fn command() -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("PATH")
        .help("A TOML file with settings [env: ROOMCAST_CONFIG]")
        .help_heading("Settings");
    let settings = GROUPS.iter().flat_map(|group| {
        let keys = group.keys.iter().filter(|key| key.available);
        keys.map(|key| setting(key).help_heading(group.title))
    });
    Command::new("roomcast")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .override_usage("roomcast [VERB] [FLAGS]")
        .subcommand_value_name("VERB")
        .subcommand_help_heading("Verbs")
        .subcommands(VERBS.map(|(name, about)| {
            let command = Command::new(name).about(about);
            if name == "token" {
                return command
                    .override_usage("roomcast token --sub SUB [FLAGS]")
                    .args(token_args())
                    .after_help(TOKEN_EXAMPLES);
            }
            command
                .override_usage(format!("roomcast {name} [FLAGS]"))
                .after_help("All flags that `roomcast help` lists can follow.")
        }))
        .arg(file)
        .args(settings)
        .after_help(EXAMPLES)
        .after_long_help(format!("{EXAMPLES}\n\n{SOURCES}"))
}

fn token_args() -> [Arg; 4] {
    [
        Arg::new("sub")
            .long("sub")
            .value_name("SUB")
            .required(true)
            .help("Whose token it is"),
        Arg::new("name")
            .long("name")
            .value_name("NAME")
            .help("The name that others see"),
        Arg::new("expires-in")
            .long("expires-in")
            .value_name("DURATION")
            .default_value("1h")
            .value_parser(duration)
            .help("How long it holds"),
        Arg::new("claim")
            .long("claim")
            .value_name("KEY=JSON")
            .action(ArgAction::Append)
            .value_parser(claim)
            .help("A further claim; can be given again"),
    ]
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, json) = text
        .split_once('=')
        .ok_or("expected a name and JSON, such as admin=true")?;
    let value = serde_json::from_str(json).map_err(|_| {
        format!("expected JSON after =; a text has quotes of its own: --claim '{name}=\"{json}\"'")
    })?;
    Ok((name.to_owned(), value))
}

/// What `words` ask the token to hold.
fn token(words: &ArgMatches) -> Request {
    let text = |name| words.get_one::<String>(name).cloned();
    Request {
        sub: text("sub").unwrap_or_default(),
        name: text("name"),
        expires_in: words.get_one("expires-in").copied().unwrap_or_default(),
        claims: words
            .get_many("claim")
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
    }
}

/// The flag of `key`, for the help; flags are read elsewhere, where one mistake does not hide the next.
fn setting(key: &'static Key) -> Arg {
    let help = match key.default {
        Some("") | None => key.help.to_owned(),
        Some(default) => format!("{} [default: {default}]", key.help),
    };
    Arg::new(key.path)
        .long(key.flag().trim_start_matches('-').to_owned())
        .value_name(key.kind.placeholder())
        .help(help)
        .hide_short_help(true)
}

/// What to say about a word that is no verb.
fn unknown(word: &str) -> Answer {
    let verbs = VERBS.map(|(name, _)| name);
    let meant =
        nearest_word(word, verbs).map_or_else(String::new, |verb| format!("did you mean {verb}? "));
    Answer {
        text: format!(
            "{word:?} is no verb: {meant}expected {} or help\n",
            verbs.join(", ")
        ),
        exit: Exit::Misconfigured,
    }
}
