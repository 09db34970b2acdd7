//! What the tests of this crate share.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::observer::{DropCause, Observer};

/// Counts what is dropped.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<HashMap<DropCause, u64>>);

impl Counts {
    pub(crate) fn dropped(&self, cause: DropCause) -> u64 {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(&cause).copied().unwrap_or(0)
    }
}

impl Observer for Counts {
    fn dropped(&self, cause: DropCause, messages: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(cause).or_default() += messages;
    }
}
