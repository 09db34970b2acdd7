//! `broadcast`: publishers who send to everyone in the namespace, on all nodes.

use clap::Args;

use super::flow::{Audience, Conduct, Flow, Load};

/// Options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Broadcast {
    #[command(flatten)]
    pub(super) load: Load,
}

impl Broadcast {
    pub(super) fn flow(&self) -> Flow<'_> {
        Flow {
            name: "broadcast",
            load: &self.load,
            audience: Audience::Everyone,
            conduct: Conduct::Steady,
        }
    }
}
