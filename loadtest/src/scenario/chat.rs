//! `chat`: a mix like real use of the chat at `/chat`. Users join it and a room, read, type and write; readers leave and
//! come back.

use std::time::Duration;

use clap::Args;

use super::duration;
use super::flow::{Audience, Conduct, Flow, Load};

/// Options of the scenario.
#[derive(Clone, Debug, Args)]
#[command(
    mut_arg("namespace", |namespace| namespace.default_value("/chat")),
    mut_arg("publishers", |publishers| publishers
        .help("How many of them write; the others read [default: half]")),
    mut_arg("rate", |rate| rate
        .help("Messages a second in total, sent on schedule [default: each who writes does so every 10 s]")),
)]
pub struct Chat {
    #[command(flatten)]
    pub(super) load: Load,
    /// How many rooms the users are spread over
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rooms: u32,
    /// How often some of the readers leave; 0s for never
    #[arg(long, default_value = "2s", value_parser = duration)]
    every: Duration,
    /// How long they stay away
    #[arg(long, default_value = "1s", value_parser = duration)]
    away: Duration,
    /// One in so many readers leaves each time, another one the next time
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    one_in: u32,
}

impl Chat {
    pub(super) fn flow(&self) -> Flow<'_> {
        Flow {
            name: "chat",
            load: &self.load,
            audience: Audience::Chat(self.rooms),
            conduct: if self.every.is_zero() {
                Conduct::Steady
            } else {
                Conduct::Churn {
                    every: self.every,
                    away: self.away,
                    one_in: self.one_in,
                }
            },
        }
    }
}
