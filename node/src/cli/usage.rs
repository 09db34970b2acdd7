//! The command line as a whole: from words to a verb, and the help.

use std::ffi::OsString;

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, FromArgMatches, Subcommand, ValueHint};

use super::{Answer, Exit, Verb, nearest_word};
use crate::config::key::{GROUPS, Key, Kind};

const ABOUT: &str = "A Socket.IO broker: any number of nodes, one cluster, Redis between them.";

const EXAMPLES: &str = "\
Examples:
  roomcast                                        one node, nothing else needed
  roomcast --redis-url redis://127.0.0.1:6379     a node of a cluster
  ROOMCAST_REDIS__URL=redis://redis roomcast      the same, from the environment
  roomcast check --config /etc/roomcast.toml      is it valid, and what is set?
  roomcast emit /chat newMessage '{\"message\":\"hi\"}' --room r1
  roomcast drain --rate 200                       move all clients to other nodes

`roomcast VERB --help` has more on each verb, `roomcast help` all settings.";

const SOURCES: &str = "\
A key `drain.grace` is the flag --drain-grace, the environment variable ROOMCAST_DRAIN__GRACE,
or in the TOML file:

  [drain]
  grace = \"10s\"

A flag wins over the environment, the environment over the file. Lists have commas, and are arrays
in the file. ROOMCAST_REDIS__URL_FILE names a file with the URL, to keep a password out of the
environment. PORT, REDIS_URL and JWT_SECRET count where listen, redis.url and jwt.secret are unset.
`roomcast config --defaults` prints a file with all keys.

Exit codes: 0 done, or a clean stop; 1 the answer is no, or the node refused; 64 a bad configuration or
command line; 69 Redis is not there at the start, or no node at admin.url; 70 a bug.";

const FOOTER: &str = "All flags that `roomcast help` lists can follow.";

/// The flags that are no settings, of all verbs.
pub(super) fn own_flags() -> Vec<String> {
    let mut flags = ["-h", "--help", "-V", "--version"]
        .map(str::to_owned)
        .to_vec();
    let command = command();
    for arg in command.get_subcommands().flat_map(Command::get_arguments) {
        let names = arg.get_long_and_visible_aliases().unwrap_or_default();
        flags.extend(names.iter().map(|name| format!("--{name}")));
    }
    flags
}

/// The verb that `words` ask for.
pub(super) fn verb(words: &[OsString]) -> Result<Verb, Answer> {
    let command = command();
    let mut texts = words.iter().map(|word| word.to_string_lossy());
    let first = texts.find(|word| word != "help" && !word.starts_with('-'));
    if let Some(word) = first
        && command.find_subcommand(word.as_ref()).is_none()
    {
        return Err(unknown(&word, &command));
    }
    let line = [OsString::from("roomcast")]
        .into_iter()
        .chain(words.iter().cloned());
    let outcome =
        command
            .try_get_matches_from(line)
            .and_then(|matches| match matches.subcommand_name() {
                Some(_) => Verb::from_arg_matches(&matches),
                None => Ok(Verb::Serve),
            });
    outcome.or_else(|error| match error.kind() {
        ErrorKind::DisplayHelp => Ok(Verb::Help(lines(&error))),
        ErrorKind::DisplayVersion => Ok(Verb::Version),
        _ => Err(Answer::bad(Exit::Misconfigured, lines(&error))),
    })
}

/// The command line with every flag where it can stand, for shells to complete.
pub(super) fn complete() -> Command {
    let settings: Vec<_> = settings().collect();
    command().mut_subcommands(|verb| verb.args(settings.clone()))
}

/// What the parser has to say, which may lack its last newline.
fn lines(error: &clap::Error) -> String {
    format!("{}\n", error.to_string().trim_end())
}

fn command() -> Command {
    // The verbs come first: they would bring the words about their list as those about the program.
    let command = Verb::augment_subcommands(Command::new("roomcast"))
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .override_usage("roomcast [VERB] [FLAGS]")
        .subcommand_value_name("VERB")
        .subcommand_help_heading("Verbs")
        .args(settings())
        .after_help(EXAMPLES)
        .after_long_help(format!("{EXAMPLES}\n\n{SOURCES}"));
    command.mut_subcommands(|verb| {
        let help = match verb.get_after_help() {
            Some(examples) => format!("{examples}\n\n{FOOTER}"),
            None => FOOTER.to_owned(),
        };
        verb.after_help(help)
    })
}

/// The flags of all settings, for the help; they are read elsewhere, where one mistake does not hide the next.
fn settings() -> impl Iterator<Item = Arg> {
    let file = Arg::new("config")
        .long("config")
        .value_name("PATH")
        .value_hint(ValueHint::FilePath)
        .help("A TOML file with settings [env: ROOMCAST_CONFIG]")
        .help_heading("Settings");
    let settings = GROUPS.iter().flat_map(|group| {
        let keys = group.keys.iter();
        keys.map(|key| setting(key).help_heading(group.title))
    });
    [file].into_iter().chain(settings)
}

fn setting(key: &'static Key) -> Arg {
    let help = match key.default {
        Some("") | None => key.help.to_owned(),
        Some(default) => format!("{} [default: {default}]", key.help),
    };
    let arg = Arg::new(key.path)
        .long(key.flag().trim_start_matches('-').to_owned())
        .value_name(key.kind.placeholder())
        .help(help)
        .hide_possible_values(true)
        .hide_short_help(true);
    match key.kind {
        Kind::Choice(words) => arg.value_parser(PossibleValuesParser::new(words)),
        Kind::Switch => arg.value_parser(PossibleValuesParser::new(["true", "false"])),
        Kind::Path => arg.value_hint(ValueHint::AnyPath),
        _ => arg,
    }
}

/// What to say about a word that is no verb.
fn unknown(word: &str, command: &Command) -> Answer {
    let verbs: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
    let meant = nearest_word(word, &verbs)
        .map_or_else(String::new, |verb| format!("did you mean {verb}? "));
    Answer::bad(
        Exit::Misconfigured,
        format!(
            "{word:?} is no verb: {meant}expected {} or help\n",
            verbs.join(", ")
        ),
    )
}
