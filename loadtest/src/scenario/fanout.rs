//! `fanout`: clients in rooms, publishers who send to them, and a check of every delivery.

use clap::Args;

use super::flow::{Audience, Conduct, Flow, Load};

/// Options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Fanout {
    #[command(flatten)]
    pub(super) load: Load,
    /// How many rooms the clients are spread over
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rooms: u32,
}

impl Fanout {
    pub(super) fn flow(&self) -> Flow<'_> {
        Flow {
            name: "fanout",
            load: &self.load,
            audience: Audience::Rooms(self.rooms),
            conduct: Conduct::Steady,
        }
    }
}
