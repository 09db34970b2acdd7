//! Why a file with keys cannot be used.

use std::io;
use std::path::PathBuf;

/// A file with keys that the configuration names, and that no node can start with.
#[derive(Debug, thiserror::Error)]
#[error("{key}: cannot use the file {}", .path.display())]
#[non_exhaustive]
pub struct KeyError {
    /// The key of the configuration that names it.
    pub key: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub source: KeyFileError,
}

/// What is wrong with a file with keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It is not there, or may not be read.
    #[error("expected a readable file: {0}")]
    Read(io::Error),
    /// It is larger than any set of keys.
    #[error("expected a file of at most 1 MiB")]
    TooLarge,
    /// It is not what it should be.
    #[error("{0}")]
    Content(String),
}

impl KeyFileError {
    /// What the content should have been.
    pub(super) fn content(expected: impl Into<String>) -> Self {
        Self::Content(expected.into())
    }
}
