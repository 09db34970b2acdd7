//! What the stock binary serves.

mod events;

pub use events::events;

use roomcast_gateway::Gateway;

use crate::config::{BuiltIn, Config};

/// The built-in gateways that the configuration asks for.
pub fn built_in(config: &Config) -> Vec<Gateway> {
    config
        .gateways
        .iter()
        .map(|gateway| match gateway {
            BuiltIn::Events => events(),
        })
        .collect()
}
