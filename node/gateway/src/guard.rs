//! Guards: whether an event may go on to its handler.

use crate::{Exception, reply::sealed};

/// What an event is refused with where a guard says no more than `false`, in Nest's words.
const FORBIDDEN: &str = "Forbidden resource";

/// What a guard can return: `bool`, `Result<(), Exception>` or `Result<bool, Exception>`.
///
/// `true` and `Ok(())` let the event go on; `false` is the exception `Forbidden resource`.
#[diagnostic::on_unimplemented(
    message = "a guard cannot return `{Self}`",
    label = "its return type is `{Self}`",
    note = "return whether the event may go on, as `bool`, or `Result<(), Exception>` to say why not"
)]
pub trait GuardReply: sealed::Sealed {
    /// What came of it.
    #[doc(hidden)]
    fn into_verdict(self) -> Result<(), Exception>;
}

impl GuardReply for bool {
    fn into_verdict(self) -> Result<(), Exception> {
        if self {
            return Ok(());
        }
        Err(Exception::new(FORBIDDEN))
    }
}

impl GuardReply for Result<(), Exception> {
    fn into_verdict(self) -> Self {
        self
    }
}

impl GuardReply for Result<bool, Exception> {
    fn into_verdict(self) -> Result<(), Exception> {
        self?.into_verdict()
    }
}

impl sealed::Sealed for bool {}
