//! `churn`: as `fanout`, while clients drop their connections abruptly, stay away for a while, and come back.

use std::time::Duration;

use clap::Args;

use super::duration;
use super::flow::{Audience, Conduct, Flow, Load};

/// Options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Churn {
    #[command(flatten)]
    pub(super) load: Load,
    /// How many rooms the clients are spread over
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rooms: u32,
    /// How often some of the clients drop their connections
    #[arg(long, default_value = "2s", value_parser = duration)]
    every: Duration,
    /// How long they stay away
    #[arg(long, default_value = "500ms", value_parser = duration)]
    away: Duration,
    /// One in so many clients drops each time, another one the next time; publishers stay
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    one_in: u32,
}

impl Churn {
    pub(super) fn flow(&self) -> Flow<'_> {
        Flow {
            name: "churn",
            load: &self.load,
            audience: Audience::Rooms(self.rooms),
            conduct: Conduct::Churn {
                every: self.every,
                away: self.away,
                one_in: self.one_in,
            },
        }
    }
}
