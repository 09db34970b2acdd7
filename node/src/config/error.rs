//! What can be wrong with a configuration, told so that an operator can put it right without looking anything up.

use std::fmt;
use std::path::PathBuf;

/// Everything that is wrong with a configuration: at least one mistake, a line for each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(Vec<ConfigError>);

/// One mistake.
///
/// Values appear as they may be shown: quoted, and without anything secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A key has a value that cannot be used.
    #[error("{key}: {value} {from}: {expected}")]
    Value {
        /// The path of the key.
        key: &'static str,
        /// What was found.
        value: String,
        /// Where it was found.
        from: Source,
        /// What should have been there.
        expected: String,
    },
    /// A name that no key has.
    #[error("{name}: {value} {}: unknown key, {advice}", .from.place())]
    Unknown {
        /// The name, as its source spells names.
        name: String,
        /// What was found. Hidden unless it is clear which key is meant, and that it is no secret.
        value: String,
        /// Where it was found.
        from: Source,
        /// Which name may have been meant.
        advice: String,
    },
    /// One source sets a key twice, so it is not clear which value is meant.
    #[error("{key}: {value} {from}: also set {also}, expected one of the two")]
    Twice {
        /// The path of the key.
        key: &'static str,
        /// The first value.
        value: String,
        /// Where it was found.
        from: Source,
        /// Where another was found.
        also: Source,
    },
    /// A source could not be read as what it should be.
    #[error("{subject} {from}: {expected}")]
    Unreadable {
        /// What could not be read.
        subject: String,
        /// Where it was found.
        from: Source,
        /// What should have been there.
        expected: String,
    },
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A flag, with its dashes.
    Flag(String),
    /// The command line, but no flag.
    CommandLine,
    /// An environment variable.
    Environment(String),
    /// A file that an environment variable names, because the value is secret.
    SecretFile {
        /// The variable.
        variable: String,
        /// The file.
        path: PathBuf,
    },
    /// The configuration file.
    File {
        /// Its path, as it was given.
        path: PathBuf,
        /// The line, counted from 1, where it is known.
        line: Option<usize>,
    },
    /// Nobody set it.
    Default,
}

impl ConfigErrors {
    /// The mistakes as a result: `value` if there are none.
    pub(super) fn unless_empty<T>(errors: Vec<ConfigError>, value: T) -> Result<T, Self> {
        if errors.is_empty() {
            Ok(value)
        } else {
            Err(Self(errors))
        }
    }

    /// The mistakes, those of the command line first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ConfigError> {
        self.0.iter()
    }
}

impl Source {
    /// As `Display`, but without the name that a message about an unknown name starts with.
    fn place(&self) -> String {
        match self {
            Self::Flag(_) => "on the command line".to_owned(),
            Self::Environment(_) => "from environment".to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(out, "from flag {flag}"),
            Self::CommandLine => write!(out, "on the command line"),
            Self::Environment(variable) => write!(out, "from environment {variable}"),
            Self::SecretFile { variable, path } => {
                write!(
                    out,
                    "from file {}, named by environment {variable}",
                    path.display()
                )
            }
            Self::File {
                path,
                line: Some(line),
            } => write!(out, "from file {} line {line}", path.display()),
            Self::File { path, line: None } => write!(out, "from file {}", path.display()),
            Self::Default => write!(out, "by default"),
        }
    }
}
