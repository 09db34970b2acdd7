//! What the sources said at one time, to be compared with what they say at another.

use std::fmt;

use super::Config;
use super::key::{Key, keys};
use super::setting::Held;

/// A configuration, and what was written of each key.
#[derive(Clone)]
pub struct Reading {
    config: Config,
    held: Held,
}

impl Reading {
    pub(super) fn new(config: Config, held: Held) -> Self {
        Self { config, held }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The keys that hold something else in `newer`, in the order of the table.
    pub fn changes(&self, newer: &Self) -> Vec<&'static Key> {
        keys()
            .filter(|key| self.held.0.get(key.path) != newer.held.0.get(key.path))
            .collect()
    }

    /// Notes that `newer` is in force, as far as a node that runs can take it: what it cannot stays a change.
    pub fn take(&mut self, newer: &Self) {
        for key in keys().filter(|key| key.live) {
            match newer.held.0.get(key.path) {
                Some(raw) => drop(self.held.0.insert(key.path, raw.clone())),
                None => drop(self.held.0.remove(key.path)),
            }
        }
        self.config = newer.config.clone();
    }
}

/// Without the values, which may be secrets.
impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sources;
    use super::*;

    fn reading(variables: &[(&str, &str)]) -> Reading {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        Sources::new([], variables).read().unwrap()
    }

    fn paths(changes: &[&Key]) -> Vec<&'static str> {
        changes.iter().map(|key| key.path).collect()
    }

    #[test]
    fn what_a_running_node_cannot_take_stays_a_change() {
        let mut before = reading(&[("ROOMCAST_JWT__SECRET", "one")]);
        let after = reading(&[
            ("ROOMCAST_JWT__SECRET", "two"),
            ("ROOMCAST_LOG__LEVEL", "debug"),
            ("ROOMCAST_DRAIN__RATE", "7"),
        ]);
        assert_eq!(
            paths(&before.changes(&after)),
            ["jwt.secret", "drain.rate", "log.level"]
        );

        before.take(&after);

        assert_eq!(paths(&before.changes(&after)), ["drain.rate"]);
        assert!(!format!("{before:?}").contains("two"));
    }

    #[test]
    fn a_default_that_is_written_down_is_no_change() {
        let written = reading(&[("ROOMCAST_LOG__LEVEL", "info")]);

        assert!(reading(&[]).changes(&written).is_empty());
    }
}
