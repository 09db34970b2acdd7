//! Reads settings from flags.
//!
//! By hand, because a parser that stops at the first unknown flag could not report all mistakes at once.

use std::ffi::{OsStr, OsString};

use super::error::{ConfigError, Source};
use super::key::{Key, keys};
use super::nearest::{is_like_config, nearest_key, nearest_word};
use super::setting::{Raw, Setting, Settings};

/// The flag that names the configuration file.
pub(super) const FILE_FLAG: &str = "--config";

/// A command line, taken apart.
#[derive(Debug, Default)]
pub(super) struct Args {
    /// The configuration file.
    file: Option<OsString>,
    /// The settings, in the order written.
    settings: Vec<(&'static Key, Setting)>,
    /// Everything that is no setting: a verb and what belongs to it.
    words: Vec<OsString>,
    mistakes: Vec<ConfigError>,
}

impl Args {
    /// Takes apart `args`, which do not start with the name of the program.
    ///
    /// Flags among `others` go to `words`, as does all that does not look like a flag, and what follows `--`.
    pub(super) fn new(args: impl IntoIterator<Item = OsString>, others: &[String]) -> Self {
        let mut this = Self::default();
        let mut args = args.into_iter().peekable();
        while let Some(arg) = args.next() {
            let (name, attached) = split(&arg);
            if !is_flag(&arg) || others.contains(&name) {
                this.words.push(arg);
                continue;
            }
            if arg == "--" {
                this.words.push(arg);
                this.words.extend(args);
                break;
            }
            let key = keys().find(|key| key.flag() == name);
            let value = attached
                .or_else(|| args.next_if(|next| !next.as_encoded_bytes().starts_with(b"--")));
            match (key, value) {
                (Some(key), Some(value)) => this.set(key, name, &value),
                (None, Some(value)) if name == FILE_FLAG => this.set_file(value),
                (None, None) if name == FILE_FLAG => this.no_value("config", name),
                (Some(key), None) => this.no_value(key.path, name),
                // The word after an unknown flag went with it: it is more likely its value than a verb.
                (None, value) => this.mistakes.push(unknown(name, value, others)),
            }
        }
        this
    }

    /// The configuration file that a flag names.
    pub(super) fn file(&self) -> Option<&OsStr> {
        self.file.as_deref()
    }

    /// True if a flag is wrong.
    pub(super) fn has_mistakes(&self) -> bool {
        !self.mistakes.is_empty()
    }

    /// What is no setting.
    pub(super) fn words(&self) -> &[OsString] {
        &self.words
    }

    /// Makes a mistake of every word, for where no verb can stand.
    pub(super) fn refuse_words(&mut self) {
        let refused = self.words.drain(..).map(|word| ConfigError::Unreadable {
            subject: format!("{word:?}"),
            from: Source::CommandLine,
            expected: "expected a flag, such as --listen".to_owned(),
        });
        self.mistakes.extend(refused);
    }

    /// Adds what the flags set, and the mistakes made in them.
    pub(super) fn read(&self, settings: &mut Settings) {
        for mistake in &self.mistakes {
            settings.mistake(mistake.clone());
        }
        for (key, setting) in &self.settings {
            settings.add(key, setting.clone());
        }
    }

    fn set(&mut self, key: &'static Key, flag: String, value: &OsStr) {
        let raw = Raw::from_os(key, value);
        let from = Source::Flag(flag);
        if self.settings.iter().any(|(other, _)| other == &key) {
            self.mistakes.push(ConfigError::Twice {
                key: key.path,
                value: raw.shown(key),
                also: from.clone(),
                from,
            });
            return;
        }
        self.settings.push((key, Setting { raw, from }));
    }

    fn set_file(&mut self, path: OsString) {
        if self.file.is_some() {
            let flag = Source::Flag(FILE_FLAG.to_owned());
            self.mistakes.push(ConfigError::Twice {
                key: "config",
                value: format!("{path:?}"),
                also: flag.clone(),
                from: flag,
            });
            return;
        }
        self.file = Some(path);
    }

    fn no_value(&mut self, key: &'static str, flag: String) {
        self.mistakes.push(ConfigError::Value {
            key,
            value: "no value".to_owned(),
            from: Source::Flag(flag),
            expected: "expected a value after the flag or after =".to_owned(),
        });
    }
}

/// True for what starts with a dash, unless it is a negative number.
fn is_flag(arg: &OsStr) -> bool {
    match arg.as_encoded_bytes() {
        [b'-', next, ..] => !next.is_ascii_digit(),
        _ => false,
    }
}

/// The name of a flag, and the value that `=` attaches to it.
fn split(arg: &OsStr) -> (String, Option<OsString>) {
    match arg.to_string_lossy().split_once('=') {
        // What is not UTF-8 cannot be cut; it stays whole and is refused as a value.
        Some((name, _)) if arg.to_str().is_none() => (name.to_owned(), Some(arg.to_owned())),
        Some((name, value)) => (name.to_owned(), Some(OsString::from(value))),
        None => (arg.to_string_lossy().into_owned(), None),
    }
}

fn unknown(name: String, value: Option<OsString>, others: &[String]) -> ConfigError {
    let flags = keys().map(Key::flag).chain(others.iter().cloned());
    // A single letter is near to every other one.
    let is_word = |flag: &String| flag.starts_with("--") && others.contains(flag);
    let other = nearest_word(&name, flags).filter(is_word);
    let meant = nearest_key(&name).filter(|_| other.is_none());
    let advice = match other.clone().or(meant.map(Key::flag)) {
        Some(flag) => format!("did you mean {flag}?"),
        None if is_like_config(&name) => format!("did you mean {FILE_FLAG}?"),
        // A program that embeds the node may have no help of its own; this is what was asked for.
        None if name == "--help" || name == "-h" => {
            let flags: Vec<_> = keys().map(Key::flag).collect();
            format!("there are {FILE_FLAG}, {}", flags.join(", "))
        }
        None if others.is_empty() => "no flag has a name like it".to_owned(),
        None => "no flag has a name like it; what is no flag follows --".to_owned(),
    };
    let value = value.map(|value| Raw::One(value.to_string_lossy().into_owned()));
    ConfigError::Unknown {
        from: Source::Flag(name.clone()),
        name,
        value: match value {
            None => "no value".to_owned(),
            // What belongs to a verb is no secret.
            Some(Raw::One(text)) if other.is_some() => format!("{text:?}"),
            Some(value) => value.shown_as(meant),
        },
        advice,
    }
}
