//! The store in memory.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod suite;

use roomcast_node::store::MemoryStore;

suite::stores!(async { ((), MemoryStore::default()) });
