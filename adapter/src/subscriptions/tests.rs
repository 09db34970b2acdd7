//! The state of subscriptions against a Redis that is a set of topics.

use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;

use super::*;

fn per_room(limit: usize) -> Subscriptions {
    let mut subscriptions = Subscriptions::new(
        "k".to_owned(),
        Dialect::Classic,
        Subscribe::PerRoom { limit },
        "own".to_owned(),
        true,
    );
    subscriptions.connected();
    subscriptions.add_namespace("/", "uid");
    subscriptions
}

/// Carries all commands out, and says what Redis would now know.
fn settle(subscriptions: &mut Subscriptions, redis: &mut HashSet<Topic>) {
    while let Some(batch) = subscriptions.next(2) {
        apply(&batch, redis);
        subscriptions.done(&batch);
    }
}

fn apply(batch: &Batch, redis: &mut HashSet<Topic>) {
    match batch {
        Batch::Subscribe(topics) => redis.extend(topics.iter().map(|(topic, _)| topic.clone())),
        Batch::Unsubscribe(topics) => redis.retain(|topic| !topics.contains(topic)),
    }
}

/// What is subscribed beside the channels of questions, which come and go with the namespace.
fn names(redis: &HashSet<Topic>) -> BTreeSet<&str> {
    let is_question = |topic: &&Topic| questions().contains(topic);
    redis
        .iter()
        .filter(|topic| !is_question(topic))
        .map(|topic| match topic {
            Topic::Channel(name) | Topic::Pattern(name) => name.as_str(),
        })
        .collect()
}

fn questions() -> [Topic; 3] {
    ["k-request#/#", "k-response#/#", "k-response#/#uid#"]
        .map(|name| Topic::Channel(name.to_owned()))
}

#[test]
fn a_namespace_can_be_asked_for_as_long_as_it_is_served() {
    let mut subscriptions = per_room(0);
    let mut redis = HashSet::new();
    settle(&mut subscriptions, &mut redis);
    assert!(questions().iter().all(|topic| redis.contains(topic)));
    subscriptions.join("/", "a");
    settle(&mut subscriptions, &mut redis);
    assert!(questions().iter().all(|topic| redis.contains(topic)));

    subscriptions.remove_namespace("/");
    settle(&mut subscriptions, &mut redis);

    assert!(!questions().iter().any(|topic| redis.contains(topic)));
}

#[test]
fn the_first_member_subscribes_and_the_last_unsubscribes() {
    let mut subscriptions = per_room(10);
    let mut redis = HashSet::new();

    subscriptions.join("/", "a");
    subscriptions.join("/", "a");
    settle(&mut subscriptions, &mut redis);
    assert_eq!(names(&redis), BTreeSet::from(["k#/#", "k#/#a#", "own"]));

    subscriptions.leave("/", "a");
    assert_eq!(subscriptions.next(9), None);
    subscriptions.leave("/", "a");
    settle(&mut subscriptions, &mut redis);
    assert_eq!(names(&redis), BTreeSet::from(["k#/#", "own"]));
}

#[test]
fn a_join_waits_until_its_own_subscription_is_confirmed() {
    let mut subscriptions = per_room(10);
    let mut redis = HashSet::new();
    settle(&mut subscriptions, &mut redis);

    drop(subscriptions.join("/", "a"));
    let first = subscriptions.next(9).unwrap();
    subscriptions.leave("/", "a");
    let mut again = subscriptions.join("/", "a").unwrap();
    subscriptions.done(&first);
    assert!(
        again.try_recv().is_err(),
        "the first subscription is about to end"
    );

    settle(&mut subscriptions, &mut redis);
    assert_eq!(again.try_recv(), Ok(()));
    assert!(
        subscriptions.join("/", "a").is_none(),
        "it is confirmed already"
    );
}

#[test]
fn nobody_waits_while_there_is_no_connection() {
    let mut subscriptions = per_room(10);
    let mut waiting = subscriptions.join("/", "a").unwrap();

    subscriptions.disconnected();
    assert_eq!(
        waiting.try_recv(),
        Err(oneshot::error::TryRecvError::Closed)
    );
    let mut later = subscriptions.join("/", "b").unwrap();
    assert_eq!(later.try_recv(), Err(oneshot::error::TryRecvError::Closed));

    let mut redis = HashSet::new();
    subscriptions.connected();
    settle(&mut subscriptions, &mut redis);
    assert_eq!(
        names(&redis),
        BTreeSet::from(["k#/#", "k#/#a#", "k#/#b#", "own"])
    );
}

#[test]
fn above_the_limit_the_pattern_takes_over_and_below_it_the_rooms() {
    let mut subscriptions = per_room(5);
    let mut redis = HashSet::new();
    for room in ["1", "2", "3", "4", "5"] {
        subscriptions.join("/", room);
    }
    settle(&mut subscriptions, &mut redis);
    assert!(!subscriptions.by_pattern());

    subscriptions.join("/", "6");
    assert!(subscriptions.by_pattern());
    settle(&mut subscriptions, &mut redis);
    assert_eq!(names(&redis), BTreeSet::from(["k#/#*", "own"]));
    assert_eq!(subscriptions.counts().patterns, 1);

    subscriptions.leave("/", "6");
    subscriptions.leave("/", "5");
    assert!(
        subscriptions.by_pattern(),
        "4 of 5 rooms are not below 80 %"
    );
    subscriptions.leave("/", "4");
    settle(&mut subscriptions, &mut redis);
    assert_eq!(
        names(&redis),
        BTreeSet::from(["k#/#", "k#/#1#", "k#/#2#", "k#/#3#", "own"])
    );
}

#[test]
fn a_failed_command_is_tried_again_before_any_other() {
    let mut subscriptions = per_room(10);
    subscriptions.join("/", "a");
    let batch = subscriptions.next(2).unwrap();
    let Batch::Subscribe(first) = &batch else {
        panic!("expected a subscription")
    };
    let first = first.clone();

    subscriptions.failed(batch);

    assert_eq!(subscriptions.next(2), Some(Batch::Subscribe(first)));
}

#[test]
fn a_topic_that_is_refused_by_itself_keeps_no_other_waiting() {
    let mut subscriptions = per_room(10);
    subscriptions.join("/", "a");
    let refused = subscriptions.next(1).unwrap();
    subscriptions.failed(refused.clone());

    let rest = subscriptions.next(9).unwrap();

    let (Batch::Subscribe(refused), Batch::Subscribe(rest)) = (refused, rest) else {
        panic!("expected subscriptions")
    };
    assert!(rest.len() > 1);
    assert_eq!(rest.last(), refused.first());
}

#[test]
fn after_a_reconnect_rooms_come_last() {
    let mut subscriptions = per_room(1000);
    for room in 0..100 {
        subscriptions.join("/", &room.to_string());
    }

    subscriptions.connected();

    let Some(Batch::Subscribe(first)) = subscriptions.next(5) else {
        panic!("expected a subscription")
    };
    let first: HashSet<_> = first.into_iter().map(|(topic, _)| topic).collect();
    assert_eq!(names(&first), BTreeSet::from(["k#/#", "own"]));
}

#[test]
fn a_join_waits_over_a_reconnect() {
    let mut subscriptions = per_room(10);
    let mut redis = HashSet::new();
    let mut waiting = subscriptions.join("/", "a").unwrap();

    subscriptions.connected();
    assert!(waiting.try_recv().is_err());
    settle(&mut subscriptions, &mut redis);

    assert_eq!(waiting.try_recv(), Ok(()));
}

#[derive(Debug, Clone)]
enum Step {
    Join(u8),
    Leave(u8),
    Carry,
    Fail,
    Reconnect,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..9u8).prop_map(Step::Join),
        4 => (0..9u8).prop_map(Step::Leave),
        3 => Just(Step::Carry),
        1 => Just(Step::Fail),
        1 => Just(Step::Reconnect),
    ];
    proptest::collection::vec(step, 0..120)
}

proptest! {
    /// Whatever happens, every room with members is heard from the moment its join was confirmed, also in the middle
    /// of a change of mode, and in the end Redis knows exactly what is wanted.
    #[test]
    fn a_confirmed_room_is_always_heard(steps in steps()) {
        let mut subscriptions = per_room(5);
        let mut redis = HashSet::new();
        let mut members: HashMap<u8, u32> = HashMap::new();
        let mut waiting: Vec<(u8, oneshot::Receiver<()>)> = Vec::new();
        let mut confirmed: HashSet<u8> = HashSet::new();
        for step in steps {
            match step {
                Step::Join(room) => {
                    *members.entry(room).or_default() += 1;
                    match subscriptions.join("/", &room.to_string()) {
                        None => { confirmed.insert(room); }
                        Some(receiver) => waiting.push((room, receiver)),
                    }
                }
                Step::Leave(room) => {
                    if let Some(count) = members.get_mut(&room) {
                        *count -= 1;
                        if *count == 0 {
                            members.remove(&room);
                            confirmed.remove(&room);
                            waiting.retain(|(waiting, _)| *waiting != room);
                        }
                        subscriptions.leave("/", &room.to_string());
                    }
                }
                Step::Carry => {
                    if let Some(batch) = subscriptions.next(2) {
                        apply(&batch, &mut redis);
                        subscriptions.done(&batch);
                    }
                }
                Step::Fail => {
                    if let Some(batch) = subscriptions.next(2) {
                        subscriptions.failed(batch);
                    }
                }
                Step::Reconnect => {
                    redis.clear();
                    confirmed.clear();
                    subscriptions.connected();
                }
            }
            waiting.retain_mut(|(room, receiver)| match receiver.try_recv() {
                Ok(()) => { confirmed.insert(*room); false }
                Err(oneshot::error::TryRecvError::Empty) => true,
                Err(oneshot::error::TryRecvError::Closed) => false,
            });
            for room in &confirmed {
                prop_assert!(
                    redis.contains(&Topic::Channel(format!("k#/#{room}#")))
                        || redis.contains(&Topic::Pattern("k#/#*".to_owned())),
                    "room {} is not heard", room
                );
            }
        }
        settle(&mut subscriptions, &mut redis);
        let wanted: HashSet<_> = subscriptions.wanted.keys().cloned().collect();
        prop_assert_eq!(redis, wanted);
    }
}
