//! What clients may take of a node, and what happens to those that take more.
//!
//! The decisions are pure, with time as an argument; what asks and what obeys is in the connection and the platforms.

mod bucket;
mod events;
mod gate;
mod in_force;
mod ledger;
mod network;
mod proxies;

pub(crate) use events::{Meter, Verdict};
pub(crate) use gate::{Gate, Permit};
pub(crate) use in_force::InForce;
pub(crate) use ledger::Refused;
pub(crate) use proxies::{Proxies, Start, begins_one, start};
