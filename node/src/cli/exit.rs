//! How the process ends.

use std::process::ExitCode;

/// The exit codes of `roomcast`. Those above 1 are the ones of `sysexits.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Exit {
    /// 0: done, or cleanly stopped.
    Clean = 0,
    /// 1: the answer is no, as of a health check, or the node refused.
    No = 1,
    /// 64: the configuration or the command line is wrong. Nothing was started.
    Misconfigured = 64,
    /// 69: Redis is configured, but was not there in time for the start; or no node answers at `admin.url`.
    Unavailable = 69,
    /// 70: what should not happen has happened.
    Bug = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
