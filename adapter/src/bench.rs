//! What benchmarks see of the room index. No part of the interface.

use socketioxide_core::{
    Sid,
    adapter::{BroadcastFlags, BroadcastOptions},
};

use crate::index::Index;

/// One room of so many members, and one member more.
#[derive(Debug)]
pub struct Rooms {
    index: Index<u64>,
    guest: Sid,
}

impl Rooms {
    /// A room of this many members.
    pub fn filled(members: usize) -> Self {
        let mut index = Index::default();
        for number in 0..members {
            let id = Sid::new();
            index.add(id, number as u64);
            index.join(id, id.as_str());
            index.join(id, "room");
        }
        let guest = Sid::new();
        index.add(guest, 0);
        Self { index, guest }
    }

    /// Visits the members of the room.
    pub fn select_room(&mut self) -> u64 {
        let mut options = BroadcastOptions::default();
        options.rooms.push("room".into());
        self.select(&options)
    }

    /// Visits everybody but one, the sender.
    pub fn select_all_but_sender(&mut self) -> u64 {
        let mut options = BroadcastOptions::new(self.guest);
        options.add_flag(BroadcastFlags::Broadcast);
        self.select(&options)
    }

    /// One more member joins the room, and leaves it.
    pub fn join_and_leave(&mut self) {
        self.index.join(self.guest, "room");
        self.index.leave(self.guest, "room");
    }

    fn select(&mut self, options: &BroadcastOptions) -> u64 {
        let mut sum = 0;
        self.index.select(options, |_, number| sum += number);
        sum
    }
}
