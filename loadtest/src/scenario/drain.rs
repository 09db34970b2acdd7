//! `drain`: as `fanout`, while the first node is taken away and its clients come back on the others.

use std::time::Duration;

use clap::Args;

use super::duration;
use super::flow::{Audience, Conduct, Flow, Load};

/// Options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Drain {
    #[command(flatten)]
    pub(super) load: Load,
    /// How many rooms the clients are spread over
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rooms: u32,
    /// The process of the first URL's node, to which SIGTERM is sent; without it, somebody else takes the node away
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..))]
    drain_pid: Option<u32>,
    /// When it is sent
    #[arg(long, default_value = "2s", value_parser = duration)]
    drain_after: Duration,
}

impl Drain {
    pub(super) fn flow(&self) -> Flow<'_> {
        Flow {
            name: "drain",
            load: &self.load,
            audience: Audience::Rooms(self.rooms),
            conduct: Conduct::Return {
                after: self.drain_after,
                pid: self.drain_pid,
            },
        }
    }
}
