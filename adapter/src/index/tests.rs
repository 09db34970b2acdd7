use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn to(rooms: &[&str]) -> BroadcastOptions {
    let mut options = BroadcastOptions::default();
    options.rooms = rooms.iter().map(|room| room.to_string().into()).collect();
    options
}

fn everyone() -> BroadcastOptions {
    let mut options = BroadcastOptions::default();
    options.add_flag(BroadcastFlags::Broadcast);
    options
}

fn except(mut options: BroadcastOptions, rooms: &[&str]) -> BroadcastOptions {
    options.except = rooms.iter().map(|room| room.to_string().into()).collect();
    options
}

#[test]
fn a_member_is_known_by_what_it_was_last_said_to_be_reached_by() {
    let mut index = Index::default();
    let id = Sid::new();

    index.add(id, "channel");
    assert_eq!(index.join(id, "room"), Entry::New);
    index.add(id, "queue");

    let mut reached = Vec::new();
    index.select(&to(&["room"]), |_, reach| reached.push(*reach));
    assert_eq!(reached, ["queue"]);
}

#[test]
fn a_room_is_occupied_from_its_first_member_to_its_last() {
    let mut index = Index::default();
    let (a, b) = (Sid::new(), Sid::new());
    index.add(a, ());
    index.add(b, ());

    assert_eq!(index.join(a, "room"), Entry::New);
    assert_eq!(index.join(a, "room"), Entry::Already);
    assert_eq!(index.join(b, "room"), Entry::New);
    assert!(index.leave(a, "room"));
    assert!(!index.leave(a, "room"));
    assert!(index.is_occupied("room"));
    assert_eq!(index.remove(b), ["room".into()]);

    assert!(!index.is_occupied("room"));
    assert!(index.rooms.is_empty());
    assert_eq!(index.join(b, "room"), Entry::Unknown);
}

/// What a member may do.
#[derive(Debug, Clone)]
enum Step {
    Add(usize),
    Join(usize, usize),
    Leave(usize, usize),
    Remove(usize),
}

const ROOMS: [&str; 4] = ["a", "b", "c", ""];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (member, room) = (0..6_usize, 0..ROOMS.len());
    let step = prop_oneof![
        member.clone().prop_map(Step::Add),
        (member.clone(), room.clone()).prop_map(|(member, room)| Step::Join(member, room)),
        (member.clone(), room).prop_map(|(member, room)| Step::Leave(member, room)),
        member.prop_map(Step::Remove),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn it_selects_what_a_plain_list_of_members_selects(
        steps in steps(),
        rooms in proptest::sample::subsequence(ROOMS.to_vec(), 0..=4),
        left_out in proptest::sample::subsequence(ROOMS.to_vec(), 0..=2),
        to_all: bool,
        sender in proptest::option::of(0..6_usize),
    ) {
        let ids: Vec<Sid> = (0..6).map(|_| Sid::new()).collect();
        let mut index = Index::default();
        let mut plain = BTreeMap::<usize, BTreeSet<&str>>::new();
        for step in steps {
            match step {
                Step::Add(member) => {
                    index.add(ids[member], member);
                    plain.entry(member).or_default();
                }
                Step::Join(member, room) => {
                    index.join(ids[member], ROOMS[room]);
                    if let Some(joined) = plain.get_mut(&member) {
                        joined.insert(ROOMS[room]);
                    }
                }
                Step::Leave(member, room) => {
                    index.leave(ids[member], ROOMS[room]);
                    if let Some(joined) = plain.get_mut(&member) {
                        joined.remove(ROOMS[room]);
                    }
                }
                Step::Remove(member) => {
                    index.remove(ids[member]);
                    plain.remove(&member);
                }
            }
        }

        let mut options = except(if to_all { everyone() } else { to(&[]) }, &left_out);
        options.rooms = to(&rooms).rooms;
        options.sid = sender.map(|sender| ids[sender]);
        let expected: Vec<usize> = plain
            .iter()
            .filter(|(member, joined)| {
                let is_sender = Some(**member) == sender;
                let taken = if rooms.is_empty() {
                    to_all || is_sender
                } else {
                    rooms.iter().any(|room| joined.contains(room))
                };
                taken
                    && !(to_all && is_sender)
                    && !left_out.iter().any(|room| joined.contains(room))
            })
            .map(|(member, _)| *member)
            .collect();

        let mut selected = Vec::new();
        let count = index.select(&options, |_, member| selected.push(*member));
        selected.sort_unstable();

        prop_assert_eq!(count, selected.len());
        prop_assert_eq!(selected, expected);
        for (member, joined) in plain {
            let mut known: Vec<&str> = index.rooms_of(ids[member]).iter().map(|room| &**room).collect();
            known.sort_unstable();
            prop_assert_eq!(known, joined.into_iter().collect::<Vec<_>>());
        }
    }
}
