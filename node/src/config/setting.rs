//! What the sources said, before it becomes typed: for every key at most one value, and where it came from.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use super::error::{ConfigError, ConfigErrors, Source};
use super::key::{Key, Kind, keys};
use super::parse::Value;
use super::redis_url::redacted;

/// Stands for a value that may not be shown.
const HIDDEN: &str = "(hidden)";

/// A value as its source wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    /// A text, or what a file writes without quotes.
    One(String),
    /// A list, which only a file can write.
    Many(Vec<String>),
    /// Something that no key takes.
    Wrong {
        /// How to show it.
        shown: String,
        /// What should have been there.
        expected: String,
    },
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) raw: Raw,
    pub(super) from: Source,
}

/// A key with its value and where that comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) path: &'static str,
    /// The value as it may be shown to people, if it has one.
    pub(crate) value: Option<String>,
    /// The value as it may be shown to programs.
    pub(crate) json: serde_json::Value,
    pub(crate) from: Source,
}

/// What every key holds that has a value. Secrets are among it, so it is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Held(pub(super) BTreeMap<&'static str, Raw>);

/// All values, and the mistakes found so far.
///
/// Sources are added in the order of their rank: what is there stays.
#[derive(Debug, Default)]
pub(super) struct Settings {
    values: BTreeMap<&'static str, Setting>,
    mistakes: Vec<ConfigError>,
}

impl Raw {
    /// What a flag or a variable holds for `key`.
    pub(super) fn from_os(key: &Key, value: &OsStr) -> Self {
        match value.to_str() {
            Some(text) => Self::One(text.to_owned()),
            None => Self::Wrong {
                shown: Self::One(value.to_string_lossy().into_owned()).shown(key),
                expected: "expected text in UTF-8".to_owned(),
            },
        }
    }

    /// The value as it may be shown in messages about `key`.
    pub(super) fn shown(&self, key: &Key) -> String {
        match self {
            Self::Wrong { shown, .. } => shown.clone(),
            Self::One(text) if key.kind == Kind::RedisUrl => format!("{:?}", redacted(text)),
            _ if key.secret => HIDDEN.to_owned(),
            Self::One(text) => format!("{text:?}"),
            Self::Many(texts) => format!("{texts:?}"),
        }
    }

    /// As [`shown`](Self::shown), for programs.
    fn json(&self, key: &Key) -> serde_json::Value {
        match self {
            Self::Wrong { .. } => serde_json::Value::Null,
            Self::One(text) if key.kind == Kind::RedisUrl => redacted(text).into(),
            _ if key.secret => HIDDEN.into(),
            Self::One(text) => typed(key, text),
            Self::Many(texts) => texts.clone().into(),
        }
    }

    /// The value of an unknown name that `meant` is near to. If none is, what it holds is anyone's guess.
    pub(super) fn shown_as(&self, meant: Option<&Key>) -> String {
        meant.map_or_else(|| HIDDEN.to_owned(), |key| self.shown(key))
    }
}

impl Settings {
    /// Takes `setting` for `key`, unless a source of higher rank has set it.
    pub(super) fn add(&mut self, key: &'static Key, setting: Setting) {
        self.values.entry(key.path).or_insert(setting);
    }

    /// True if any source has set the key at `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        self.values.contains_key(path)
    }

    /// Notes a mistake; the result will be all of them.
    pub(super) fn mistake(&mut self, mistake: ConfigError) {
        self.mistakes.push(mistake);
    }

    /// What every key holds, as its source wrote it, for whoever compares.
    pub(super) fn held(&self) -> Held {
        let held = keys().filter_map(|key| Some((key.path, self.setting(key)?.raw)));
        Held(held.collect())
    }

    /// Every key of this version.
    pub(super) fn in_force(&self) -> Vec<InForce> {
        keys()
            .map(|key| match self.setting(key) {
                Some(Setting { raw, from }) => InForce {
                    path: key.path,
                    value: Some(raw.shown(key)),
                    json: raw.json(key),
                    from,
                },
                None => InForce {
                    path: key.path,
                    value: None,
                    json: serde_json::Value::Null,
                    from: Source::Default,
                },
            })
            .collect()
    }

    /// The value of the key at `path`, which has a default. A wrong one is noted, and the default stands in.
    pub(super) fn value<T: Value>(&mut self, path: &'static str) -> T {
        self.read(path, one)
            .unwrap_or_else(|| by_default(path, one))
    }

    /// The value of the key at `path`, if it is set. A wrong one is noted.
    pub(super) fn optional<T: Value>(&mut self, path: &'static str) -> Option<T> {
        self.read(path, one)
    }

    /// The values of the list at `path`, which has a default. A wrong one is noted, and the default stands in.
    pub(super) fn list<T: Value + PartialEq>(&mut self, path: &'static str) -> Vec<T> {
        self.read(path, many)
            .unwrap_or_else(|| by_default(path, many))
    }

    /// Notes that the value at `path`, though well written, cannot be used.
    pub(super) fn refuse(&mut self, path: &'static str, expected: impl Into<String>) {
        let key = known(path);
        let (value, from) = match self.setting(key) {
            Some(Setting { raw, from }) => (raw.shown(key), from),
            None => ("not set".to_owned(), Source::Default),
        };
        self.mistakes.push(ConfigError::Value {
            key: path,
            value,
            from,
            expected: expected.into(),
        });
    }

    /// Notes that the value at `path` does not go with that of `other`, unless one of them is wrong anyway.
    pub(super) fn refuse_beside(
        &mut self,
        path: &'static str,
        other: &'static str,
        expected: &str,
    ) {
        let is_wrong = |mistake: &ConfigError| match mistake {
            ConfigError::Value { key, .. } => *key == path || *key == other,
            _ => false,
        };
        if self.mistakes.iter().any(is_wrong) {
            return;
        }
        let key = known(other);
        let beside = match self.setting(key) {
            Some(Setting { raw, from }) => format!("{} {from}", raw.shown(key)),
            None => "not set".to_owned(),
        };
        self.refuse(path, format!("{expected} {other}, which is {beside}"));
    }

    /// `value`, unless a mistake was found.
    pub(super) fn finish<T>(self, value: T) -> Result<T, ConfigErrors> {
        ConfigErrors::unless_empty(self.mistakes, value)
    }

    fn read<T>(
        &mut self,
        path: &'static str,
        parse: impl FnOnce(&Raw) -> Result<T, String>,
    ) -> Option<T> {
        let key = known(path);
        let setting = self.setting(key)?;
        match parse(&setting.raw) {
            Ok(value) => Some(value),
            Err(expected) => {
                self.refuse(path, expected);
                None
            }
        }
    }

    fn setting(&self, key: &Key) -> Option<Setting> {
        if let Some(setting) = self.values.get(key.path) {
            return Some(setting.clone());
        }
        let raw = Raw::One(key.default?.to_owned());
        let from = Source::Default;
        Some(Setting { raw, from })
    }
}

/// The value of `key` that `text` stands for, in the form that JSON and TOML share.
pub(super) fn typed(key: &Key, text: &str) -> serde_json::Value {
    match key.kind {
        Kind::Count => text.parse::<u32>().map_or_else(|_| text.into(), Into::into),
        Kind::Switch => text
            .parse::<bool>()
            .map_or_else(|_| text.into(), Into::into),
        Kind::List => entries(text).into(),
        _ => text.into(),
    }
}

/// The entries of a list that stands in one text.
fn entries(text: &str) -> Vec<&str> {
    match text.trim() {
        "" => Vec::new(),
        text => text.split(',').map(str::trim).collect(),
    }
}

fn known(path: &str) -> &'static Key {
    Key::at(path).expect("the paths in this module's callers are those of the table")
}

/// What the default of the table says, which stands in for a value that is wrong.
fn by_default<T>(path: &str, parse: impl FnOnce(&Raw) -> Result<T, String>) -> T {
    let default = known(path)
        .default
        .expect("only keys with a default are read this way");
    parse(&Raw::One(default.to_owned()))
        .expect("the defaults of the table are valid, as a test shows")
}

fn one<T: Value>(raw: &Raw) -> Result<T, String> {
    match raw {
        Raw::One(text) => T::from_text(text),
        Raw::Many(_) => Err("expected one value, not a list".to_owned()),
        Raw::Wrong { expected, .. } => Err(expected.clone()),
    }
}

fn many<T: Value + PartialEq>(raw: &Raw) -> Result<Vec<T>, String> {
    let texts: Vec<&str> = match raw {
        Raw::One(text) => entries(text),
        Raw::Many(texts) => texts.iter().map(String::as_str).collect(),
        Raw::Wrong { expected, .. } => return Err(expected.clone()),
    };
    let mut values = Vec::with_capacity(texts.len());
    for text in texts {
        let value =
            T::from_text(text).map_err(|expected| format!("{text:?} in the list: {expected}"))?;
        if values.contains(&value) {
            return Err(format!("expected each only once, {text:?} comes again"));
        }
        values.push(value);
    }
    Ok(values)
}
