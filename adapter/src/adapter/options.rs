//! Whom a message is for: socketioxide's options as they stand on the wire, and back.

use socketioxide_core::adapter::{BroadcastFlags, BroadcastOptions, Room};

use crate::wire::{Flags, Targets};

/// Whether the options select a socket at all: those that name nobody mean nobody here, but everybody on the wire.
pub(super) fn selects_somebody(options: &BroadcastOptions) -> bool {
    options.has_flag(BroadcastFlags::Broadcast)
        || !options.rooms.is_empty()
        || options.sid.is_some()
}

pub(super) fn targets(options: &BroadcastOptions) -> Targets {
    let all_but = options.has_flag(BroadcastFlags::Broadcast);
    let sender = options.sid.map(|sid| sid.to_string());
    let mut rooms: Vec<String> = options
        .rooms
        .iter()
        .cloned()
        .map(Room::into_owned)
        .collect();
    let mut except = Vec::new();
    match sender {
        Some(sender) if all_but => except.push(sender),
        Some(sender) if rooms.is_empty() => rooms.push(sender),
        _ => {}
    }
    except.extend(options.except.iter().cloned().map(Room::into_owned));
    Targets {
        rooms,
        except,
        flags: Flags {
            volatile: options.has_flag(BroadcastFlags::Volatile),
            ..Flags::default()
        },
    }
}

pub(super) fn options(targets: Targets) -> BroadcastOptions {
    let mut options = BroadcastOptions::default();
    options.rooms = targets.rooms.into_iter().map(Room::Owned).collect();
    options.except = targets.except.into_iter().map(Room::Owned).collect();
    if options.rooms.is_empty() {
        options.add_flag(BroadcastFlags::Broadcast);
    }
    options
}
