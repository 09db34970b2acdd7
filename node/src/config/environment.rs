//! Reads settings from environment variables.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, Source};
use super::key::{Key, Kind, keys};
use super::nearest::{is_like_config, nearest_key, same_key};
use super::setting::{Raw, Setting, Settings};

const PREFIX: &str = "ROOMCAST_";

/// The variable that names the configuration file.
pub(super) const FILE_VARIABLE: &str = "ROOMCAST_CONFIG";

/// The variables of a process. Only those that concern the node are ever looked at.
#[derive(Debug)]
pub(super) struct Environment {
    variables: Vec<(OsString, OsString)>,
}

impl Environment {
    pub(super) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let fallbacks: Vec<_> = keys().filter_map(|key| key.fallback).collect();
        let concerns = |name: &OsStr| {
            name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
                || fallbacks.iter().any(|fallback| name == *fallback)
        };
        let mut variables: Vec<_> = variables
            .into_iter()
            .filter(|(name, _)| concerns(name))
            .collect();
        // The order of an environment means nothing; sorted, the same mistakes are reported in the same order.
        variables.sort();
        Self { variables }
    }

    /// The configuration file that a variable names.
    pub(super) fn file(&self) -> Option<&OsStr> {
        self.variable(FILE_VARIABLE)
    }

    /// Adds what our own variables set.
    pub(super) fn read(&self, settings: &mut Settings) {
        for (name, value) in &self.variables {
            let Some(name) = name.to_str() else {
                settings.mistake(unknown(&name.to_string_lossy(), value));
                continue;
            };
            if !name.starts_with(PREFIX) || name == FILE_VARIABLE || is_injected(name) {
                continue;
            }
            if let Some(key) = keys().find(|key| key.variable() == name) {
                settings.add(key, setting(key, name, value));
            } else if let Some(key) =
                keys().find(|key| key.file_variable().as_deref() == Some(name))
            {
                self.read_secret_file(key, name, value, settings);
            } else {
                settings.mistake(unknown(name, value));
            }
        }
    }

    /// Adds what the variables of other conventions set. They come after all other sources.
    pub(super) fn read_fallbacks(&self, settings: &mut Settings) {
        for key in keys() {
            let Some(name) = key.fallback else { continue };
            let Some(value) = self.variable(name) else {
                continue;
            };
            let setting = setting(key, name, value);
            let setting = match key.kind {
                Kind::Address => address_of_port(setting),
                _ => setting,
            };
            settings.add(key, setting);
        }
    }

    fn read_secret_file(
        &self,
        key: &'static Key,
        name: &str,
        path: &OsStr,
        settings: &mut Settings,
    ) {
        let path = PathBuf::from(path);
        let raw = read_line(&path);
        let from = Source::SecretFile {
            variable: name.to_owned(),
            path,
        };
        match self.variable(&key.variable()) {
            None => settings.add(key, Setting { raw, from }),
            Some(value) => {
                let plain = setting(key, &key.variable(), value);
                settings.mistake(ConfigError::Twice {
                    key: key.path,
                    value: plain.raw.shown(key),
                    from: plain.from,
                    also: from,
                });
            }
        }
    }

    fn variable(&self, name: &str) -> Option<&OsStr> {
        let (_, value) = self
            .variables
            .iter()
            .find(|(candidate, _)| candidate == name)?;
        Some(value)
    }
}

/// True for what Kubernetes gives every container when a Service is called `roomcast`.
pub(super) fn is_injected(name: &str) -> bool {
    name == "ROOMCAST_PORT"
        || name.starts_with("ROOMCAST_PORT_")
        || name.starts_with("ROOMCAST_SERVICE_")
}

fn setting(key: &Key, name: &str, value: &OsStr) -> Setting {
    let raw = Raw::from_os(key, value);
    let from = Source::Environment(name.to_owned());
    Setting { raw, from }
}

/// The text of a file, without the newline that editors and `echo` put at its end.
fn read_line(path: &Path) -> Raw {
    match fs::read_to_string(path) {
        Ok(text) => {
            let line = text.strip_suffix('\n').unwrap_or(&text);
            Raw::One(line.strip_suffix('\r').unwrap_or(line).to_owned())
        }
        Err(error) => Raw::Wrong {
            shown: "no value".to_owned(),
            expected: format!("expected a readable file: {error}"),
        },
    }
}

/// A port alone means that port on all addresses.
fn address_of_port(setting: Setting) -> Setting {
    let raw = match setting.raw {
        Raw::One(port) if port.parse::<u16>().is_ok() => Raw::One(format!("0.0.0.0:{port}")),
        Raw::One(port) => Raw::Wrong {
            shown: format!("{port:?}"),
            expected: "expected a port, 0 to 65535".to_owned(),
        },
        other => other,
    };
    Setting { raw, ..setting }
}

fn unknown(name: &str, value: &OsStr) -> ConfigError {
    let (stem, is_file) = match name.strip_suffix("_FILE") {
        Some(stem) => (stem, true),
        None => (name, false),
    };
    // `REDIS_URL_FILE` is nearer to the file of `redis.url` than to `redis.ca_file`, whatever its letters say.
    let file_of = same_key(stem).filter(|key| is_file && key.secret);
    let meant = file_of
        .or_else(|| nearest_key(name))
        .or_else(|| nearest_key(stem));
    let advice = match meant {
        Some(key) => {
            let file = key.file_variable().filter(|_| is_file);
            format!("did you mean {}?", file.unwrap_or_else(|| key.variable()))
        }
        None if is_like_config(name) => format!("did you mean {FILE_VARIABLE}?"),
        // `roomcast-redis` and its like are usual names of Services, whose variables then look like ours.
        None if name.contains("_SERVICE_") || name.contains("_PORT") => {
            "if Kubernetes set it for a Service, set enableServiceLinks to false".to_owned()
        }
        None => "no key has a name like it".to_owned(),
    };
    ConfigError::Unknown {
        name: name.to_owned(),
        value: Raw::One(value.to_string_lossy().into_owned()).shown_as(meant),
        from: Source::Environment(name.to_owned()),
        advice,
    }
}
