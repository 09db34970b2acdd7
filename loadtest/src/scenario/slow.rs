//! `slow`: as `fanout`, while some clients stop reading. The others must not feel it.

use clap::Args;

use super::flow::{Audience, Conduct, Flow, Load};

/// Options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Slow {
    #[command(flatten)]
    pub(super) load: Load,
    /// How many rooms the clients are spread over
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rooms: u32,
    /// How many clients stop reading
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    slow: u32,
}

impl Slow {
    pub(super) fn flow(&self) -> Flow<'_> {
        Flow {
            name: "slow",
            load: &self.load,
            audience: Audience::Rooms(self.rooms),
            conduct: Conduct::Stall { clients: self.slow },
        }
    }
}
