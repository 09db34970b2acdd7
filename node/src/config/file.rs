//! Reads settings from a TOML file.

use std::ffi::OsStr;
use std::fs;
use std::ops::Range;
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Source};
use super::key::{Key, keys};
use super::nearest::{nearest_key, nearest_word};
use super::setting::{Raw, Setting, Settings};

/// Adds what the file at `path` sets. `from` says who named that file.
pub(super) fn read(path: &OsStr, from: Source, settings: &mut Settings) {
    let text = match path.to_str() {
        Some(path) => {
            fs::read_to_string(path).map_err(|error| format!("expected a readable file: {error}"))
        }
        None => Err("expected a path in UTF-8".to_owned()),
    };
    match text {
        Ok(text) => {
            let (path, text) = (PathBuf::from(path), text.as_str());
            File { path, text }.read(settings);
        }
        Err(expected) => settings.mistake(ConfigError::Unreadable {
            subject: format!("config: {path:?}"),
            from,
            expected,
        }),
    }
}

struct File<'t> {
    path: PathBuf,
    text: &'t str,
}

impl File<'_> {
    fn read(&self, settings: &mut Settings) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            settings.mistake(ConfigError::Unreadable {
                subject: "the text".to_owned(),
                from: Source::File {
                    path: self.path.clone(),
                    line: error.span().map(|span| self.line(&span)),
                },
                expected: format!("expected TOML: {}", error.message().replace('\n', ", ")),
            });
        }
        // What could be made out of a file with such mistakes would only add misleading ones.
        if errors.is_empty() {
            self.table("", table.get_ref(), settings);
        }
    }

    fn table(&self, prefix: &str, table: &DeTable<'_>, settings: &mut Settings) {
        for (name, value) in table {
            let path = format!("{prefix}{}", name.get_ref());
            let from = self.at(&name.span());
            let group = format!("{path}.");
            let is_group = keys().any(|key| key.path.starts_with(&group));
            match (Key::at(&path), value.get_ref()) {
                (None, DeValue::Table(table)) if is_group => self.table(&group, table, settings),
                (None, value) => settings.mistake(unknown(&path, &raw(value), from)),
                (Some(key), value) => {
                    let raw = raw(value);
                    settings.add(key, Setting { raw, from });
                }
            }
        }
    }

    fn at(&self, span: &Range<usize>) -> Source {
        Source::File {
            path: self.path.clone(),
            line: Some(self.line(span)),
        }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.bytes().take(span.start);
        before.filter(|byte| *byte == b'\n').count() + 1
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::Array(values) => {
            let texts: Option<Vec<_>> =
                values.iter().map(|value| scalar(value.get_ref())).collect();
            texts.map_or_else(|| wrong("a list"), Raw::Many)
        }
        DeValue::Table(_) => wrong("a table"),
        scalar_value => scalar(scalar_value).map_or_else(|| wrong("a date"), Raw::One),
    }
}

fn wrong(what: &str) -> Raw {
    Raw::Wrong {
        shown: what.to_owned(),
        expected: "expected a text, a number, true, false or a list of them".to_owned(),
    }
}

/// The text of a value that is one thing, as it would be written in an environment variable.
fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(integer) => {
            let number = i128::from_str_radix(integer.as_str(), integer.radix());
            Some(number.map_or_else(|_| integer.to_string(), |number| number.to_string()))
        }
        DeValue::Float(float) => Some(float.as_str().to_owned()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

fn unknown(path: &str, value: &Raw, from: Source) -> ConfigError {
    let group = format!("{path}.");
    let members: Vec<_> = keys()
        .filter(|key| key.path.starts_with(&group))
        .map(|key| key.path)
        .collect();
    let groups = keys().filter_map(|key| Some(key.path.split_once('.')?.0));
    let (meant, advice) = if !members.is_empty() {
        (None, format!("did you mean one of {}?", members.join(", ")))
    } else if let Some(key) = nearest_key(path) {
        (Some(key), format!("did you mean {}?", key.path))
    } else if let Some(group) = nearest_word(path, groups) {
        (None, format!("did you mean [{group}]?"))
    } else {
        (None, "no key has a name like it".to_owned())
    };
    ConfigError::Unknown {
        name: path.to_owned(),
        value: value.shown_as(meant),
        from,
        advice,
    }
}
