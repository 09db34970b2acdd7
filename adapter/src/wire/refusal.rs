//! Why an event is refused, on its way out as well as in.

use super::{DecodeError, EncodeError};

/// What both directions may find wrong with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is not what the wire wants; the text says what is wrong.
    Malformed(&'static str),
    /// Clients keep this event's name for themselves.
    Reserved(&'static str),
}

impl From<Refusal> for DecodeError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(what) => Self::Malformed(what),
            Refusal::Reserved(name) => Self::ReservedEvent(name),
        }
    }
}

impl From<Refusal> for EncodeError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(what) => Self::Malformed(what),
            Refusal::Reserved(name) => Self::ReservedEvent(name),
        }
    }
}
