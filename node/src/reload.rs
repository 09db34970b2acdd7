//! Reading the configuration again, in a process that runs.

use crate::{
    config::{Reading, Sources},
    node::Handle,
    telemetry::Level,
};

/// Reads the sources of the configuration again when it is asked to, and hands what can change to the node and the log.
#[derive(Debug)]
pub struct Reload {
    sources: Sources,
    in_force: Reading,
    node: Handle,
    level: Level,
}

impl Reload {
    /// `in_force` is what `sources` said when the node was made.
    pub fn new(sources: Sources, in_force: Reading, node: Handle, level: Level) -> Self {
        Self {
            sources,
            in_force,
            node,
            level,
        }
    }

    /// Reads everything again, and says in the log what became of it. A mistake refuses all of it.
    pub fn reload(&mut self) {
        let new = match self.sources.read() {
            Ok(new) => new,
            Err(errors) => {
                for mistake in errors.iter() {
                    tracing::error!(%mistake, "the new configuration is not valid");
                }
                return tracing::error!("nothing of the new configuration is taken");
            }
        };
        if let Err(error) = self.node.reload(new.config()) {
            tracing::error!(%error, "the new configuration cannot be used");
            return tracing::error!("nothing of the new configuration is taken");
        }
        self.level.set(new.config().log.level);
        let mut taken = Vec::new();
        for key in self.in_force.changes(&new) {
            if key.live {
                taken.push(key.path);
            } else {
                tracing::warn!(key = key.path, "this has changed, and takes a restart");
            }
        }
        tracing::info!(
            changed = taken.join(", "),
            "the configuration was read again, and files of keys with it"
        );
        self.in_force.take(&new);
    }
}
