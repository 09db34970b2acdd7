//! Pure: who is in which room of a namespace, and what each is reached by. The one room index of a node.
//!
//! A broadcast walks a list of slots: no hashing, no allocation and no copy of a name per recipient.

#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use indexmap::IndexSet;
use slab::Slab;
use socketioxide_core::{
    Sid,
    adapter::{BroadcastFlags, BroadcastOptions, Room},
};

/// Where a member stands in the index.
type Slot = usize;

/// The members of one namespace on this node; `R` is what a member is reached by.
#[derive(Debug)]
pub(crate) struct Index<R> {
    members: Slab<Member<R>>,
    slots: HashMap<Sid, Slot>,
    rooms: HashMap<Arc<str>, Occupants>,
    /// Numbers the selections, so that a mark of an earlier one counts for nothing.
    selection: u64,
}

#[derive(Debug)]
struct Member<R> {
    id: Sid,
    reach: R,
    rooms: Vec<Arc<str>>,
    /// The last selection that has looked at this member, to take it or to leave it out.
    mark: u64,
}

/// Most rooms are those of one socket's own id.
#[derive(Debug)]
enum Occupants {
    One(Slot),
    Many(IndexSet<Slot>),
}

/// What came of a [`join`](Index::join).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    New,
    Already,
    /// There is no such member.
    Unknown,
}

impl<R> Default for Index<R> {
    fn default() -> Self {
        Self {
            members: Slab::new(),
            slots: HashMap::new(),
            rooms: HashMap::new(),
            selection: 0,
        }
    }
}

impl<R> Index<R> {
    /// Takes a member in, or says by what it is reached from now on.
    pub(crate) fn add(&mut self, id: Sid, reach: R) {
        if let Some(&slot) = self.slots.get(&id) {
            self.members[slot].reach = reach;
            return;
        }
        let slot = self.members.insert(Member {
            id,
            reach,
            rooms: Vec::with_capacity(1),
            mark: 0,
        });
        self.slots.insert(id, slot);
    }

    /// Puts a member into a room.
    pub(crate) fn join(&mut self, id: Sid, room: &str) -> Entry {
        let Some(&slot) = self.slots.get(&id) else {
            return Entry::Unknown;
        };
        let member = &mut self.members[slot];
        let Some((name, occupants)) = self.rooms.get_key_value(room) else {
            let name: Arc<str> = room.into();
            self.rooms.insert(name.clone(), Occupants::One(slot));
            member.rooms.push(name);
            return Entry::New;
        };
        if occupants.contains(slot) {
            return Entry::Already;
        }
        member.rooms.push(name.clone());
        if let Some(occupants) = self.rooms.get_mut(room) {
            occupants.add(slot);
        }
        Entry::New
    }

    /// Takes a member out of a room; false if it was not there.
    pub(crate) fn leave(&mut self, id: Sid, room: &str) -> bool {
        let Some(&slot) = self.slots.get(&id) else {
            return false;
        };
        let rooms = &mut self.members[slot].rooms;
        let Some(at) = rooms.iter().position(|joined| **joined == *room) else {
            return false;
        };
        rooms.swap_remove(at);
        self.vacate(slot, room);
        true
    }

    /// Takes a member out of the index; the rooms that it was in.
    pub(crate) fn remove(&mut self, id: Sid) -> Vec<Arc<str>> {
        let Some(slot) = self.slots.remove(&id) else {
            return Vec::new();
        };
        let rooms = self.members.remove(slot).rooms;
        for room in &rooms {
            self.vacate(slot, room);
        }
        rooms
    }

    /// Forgets everybody; the rooms that there were, and how many members each had.
    pub(crate) fn clear(&mut self) -> Vec<(Arc<str>, usize)> {
        let rooms = std::mem::take(self).rooms.into_iter();
        rooms
            .map(|(room, occupants)| (room, occupants.len()))
            .collect()
    }

    fn vacate(&mut self, slot: Slot, room: &str) {
        if let Some(occupants) = self.rooms.get_mut(room)
            && occupants.remove(slot)
        {
            self.rooms.remove(room);
        }
    }

    /// The rooms of a member, in no order.
    pub(crate) fn rooms_of(&self, id: Sid) -> &[Arc<str>] {
        let slot = self.slots.get(&id);
        slot.map(|&slot| &*self.members[slot].rooms)
            .unwrap_or_default()
    }

    /// The rooms that have members, in no order, and how many each has.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = (&str, usize)> {
        let rooms = self.rooms.iter();
        rooms.map(|(room, occupants)| (&**room, occupants.len()))
    }

    pub(crate) fn is_occupied(&self, room: &str) -> bool {
        self.rooms.contains_key(room)
    }

    /// The members that `options` select, each once.
    pub(crate) fn selected(&mut self, options: &BroadcastOptions) -> Vec<Sid> {
        let mut ids = Vec::new();
        self.select(options, |id, _| ids.push(id));
        ids
    }

    /// Calls `visit` for each member that `options` select, once; how many they are.
    ///
    /// Rooms select their members; without rooms the flag `Broadcast` selects everybody, and else `sid` that one alone.
    /// With that flag `sid` is the sender, who is left out.
    pub(crate) fn select(
        &mut self,
        options: &BroadcastOptions,
        mut visit: impl FnMut(Sid, &R),
    ) -> usize {
        let to_all = options.has_flag(BroadcastFlags::Broadcast);
        let sender = options.sid.filter(|_| to_all);
        if let [room] = &options.rooms[..]
            && options.except.is_empty()
            && sender.is_none()
        {
            return self.select_room(room, visit);
        }

        self.selection += 1;
        let mark = self.selection;
        if let Some(slot) = sender.and_then(|sender| self.slots.get(&sender)) {
            self.members[*slot].mark = mark;
        }
        let Self { members, rooms, .. } = self;
        for slot in slots(rooms, &options.except) {
            members[slot].mark = mark;
        }
        let mut selected = 0;
        let mut take = |member: &mut Member<R>| {
            // Also those that another of the rooms has selected.
            if member.mark != mark {
                member.mark = mark;
                selected += 1;
                visit(member.id, &member.reach);
            }
        };
        if !options.rooms.is_empty() {
            slots(rooms, &options.rooms).for_each(|slot| take(&mut members[slot]));
        } else if to_all {
            members.iter_mut().for_each(|(_, member)| take(member));
        } else if let Some(slot) = options.sid.and_then(|id| self.slots.get(&id)) {
            take(&mut members[*slot]);
        }
        selected
    }

    fn select_room(&self, room: &str, mut visit: impl FnMut(Sid, &R)) -> usize {
        let Some(occupants) = self.rooms.get(room) else {
            return 0;
        };
        for slot in occupants.slots() {
            let member = &self.members[slot];
            visit(member.id, &member.reach);
        }
        occupants.len()
    }
}

/// The slots in all of these rooms; one that is in several comes several times.
fn slots<'a>(
    rooms: &'a HashMap<Arc<str>, Occupants>,
    names: &'a [Room],
) -> impl Iterator<Item = Slot> + 'a {
    let occupied = names.iter().filter_map(|name| rooms.get(&**name));
    occupied.flat_map(Occupants::slots)
}

impl Occupants {
    fn contains(&self, slot: Slot) -> bool {
        match self {
            Self::One(one) => *one == slot,
            Self::Many(many) => many.contains(&slot),
        }
    }

    fn add(&mut self, slot: Slot) {
        match self {
            Self::One(one) => *self = Self::Many(IndexSet::from([*one, slot])),
            Self::Many(many) => {
                many.insert(slot);
            }
        }
    }

    /// True if nobody is left.
    fn remove(&mut self, slot: Slot) -> bool {
        match self {
            Self::One(one) => *one == slot,
            Self::Many(many) => {
                many.swap_remove(&slot);
                many.is_empty()
            }
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(many) => many.len(),
        }
    }

    fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        let (one, many) = match self {
            Self::One(one) => (Some(*one), None),
            Self::Many(many) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flatten().copied())
    }
}
