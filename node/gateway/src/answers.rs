//! What many clients answered to one event.

use serde::de::DeserializeOwned;

use crate::{Exception, Missing, Raw};

/// The acks of an event that went to several clients.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Answers {
    /// What each client answered, in the order in which the answers came; null where it answered with nothing.
    pub received: Vec<Raw>,
    /// How many of the clients did not answer in time.
    pub silent: usize,
    /// Servers that did not say how many of their clients were asked.
    pub missing: Missing,
}

impl Answers {
    /// Answers for platforms to hand on.
    pub fn new(received: Vec<Raw>, silent: usize, missing: Missing) -> Self {
        Self {
            received,
            silent,
            missing,
        }
    }

    /// The answers as values of one type.
    ///
    /// # Errors
    ///
    /// An exception for the first that does not fit.
    pub fn values<T: DeserializeOwned>(&self) -> Result<Vec<T>, Exception> {
        self.received.iter().map(Raw::parse).collect()
    }
}
