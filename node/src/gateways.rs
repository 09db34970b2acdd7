//! What the stock binary serves.

mod events;
mod replies;

pub use events::events;
pub use replies::replies;

use roomcast_gateway::Gateway;

use crate::config::{BuiltIn, Config};

/// The built-in gateways that the configuration asks for.
pub fn built_in(config: &Config) -> Vec<Gateway> {
    config
        .gateways
        .iter()
        .map(|gateway| match gateway {
            BuiltIn::Events => events(),
            BuiltIn::Replies => replies(),
        })
        .collect()
}
