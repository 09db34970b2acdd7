//! Pure: what a node wants to be subscribed to, and the next command that brings it there.
//!
//! Commands wait in one queue and are carried out in order, so a change of mode loses nothing: the new subscriptions
//! stand before the old ones end. In between a message comes both ways; [`Twins`] recognises the second.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    mem,
};

use tokio::sync::oneshot;

use crate::{
    bus::{Delivery, Topic},
    channel,
    config::Subscribe,
    observer::SubscriptionCounts,
};

/// The state of all subscriptions of one node.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    key: String,
    limit: usize,
    by_pattern: bool,
    /// Its only connection is up; while it is not, nothing is queued, since a new one starts from nothing.
    connected: bool,
    namespaces: BTreeSet<String>,
    /// Members of each room channel on this node.
    rooms: HashMap<String, usize>,
    wanted: HashMap<Topic, Wanted>,
    /// Grows by joins and leaves while one command is under way. A command that does not end takes the connection down
    /// with it, by its own timeout or the missing heartbeat, and that empties the queue.
    queue: VecDeque<Op>,
    generation: u64,
}

#[derive(Debug)]
struct Wanted {
    /// Tells the confirmation of this wish from that of an earlier one for the same topic.
    generation: u64,
    sent: bool,
    confirmed: bool,
    waiting: Vec<oneshot::Sender<()>>,
}

#[derive(Debug)]
enum Op {
    Subscribe(Topic, u64),
    Unsubscribe(Topic),
}

/// One command to carry out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Batch {
    Subscribe(Vec<(Topic, u64)>),
    Unsubscribe(Vec<Topic>),
}

impl Subscriptions {
    pub(crate) fn new(key: String, subscribe: Subscribe, own_channel: String) -> Self {
        let (limit, by_pattern) = match subscribe {
            Subscribe::Pattern => (0, true),
            Subscribe::PerRoom { limit } => (limit, false),
        };
        let mut subscriptions = Self {
            key,
            limit,
            by_pattern,
            connected: false,
            namespaces: BTreeSet::new(),
            rooms: HashMap::new(),
            wanted: HashMap::new(),
            queue: VecDeque::new(),
            generation: 0,
        };
        subscriptions.want(Topic::Channel(own_channel));
        subscriptions
    }

    /// A namespace is served from now on. The receiver resolves once its broadcasts arrive.
    pub(crate) fn add_namespace(&mut self, namespace: &str) -> Option<oneshot::Receiver<()>> {
        self.namespaces.insert(namespace.to_owned());
        let topic = self.general(namespace);
        self.want(topic.clone());
        self.wait(&topic)
    }

    /// A namespace is served no more.
    pub(crate) fn remove_namespace(&mut self, namespace: &str) {
        self.namespaces.remove(namespace);
        let topic = self.general(namespace);
        self.unwant(&topic);
    }

    /// One more local socket is in this room. The receiver resolves once the room's messages arrive; none if they do.
    pub(crate) fn join(&mut self, namespace: &str, room: &str) -> Option<oneshot::Receiver<()>> {
        let channel = channel::room(&self.key, namespace, room);
        let members = self.rooms.entry(channel.clone()).or_insert(0);
        *members += 1;
        if *members == 1 && !self.by_pattern {
            if self.rooms.len() > self.limit {
                self.switch_to_patterns();
            } else {
                self.want(Topic::Channel(channel.clone()));
            }
        }
        let topic = if self.by_pattern {
            self.general(namespace)
        } else {
            Topic::Channel(channel)
        };
        self.wait(&topic)
    }

    /// One local socket less is in this room.
    pub(crate) fn leave(&mut self, namespace: &str, room: &str) {
        let channel = channel::room(&self.key, namespace, room);
        let Some(members) = self.rooms.get_mut(&channel) else {
            return;
        };
        *members -= 1;
        if *members > 0 {
            return;
        }
        self.rooms.remove(&channel);
        if !self.by_pattern {
            self.unwant(&Topic::Channel(channel));
        } else if self.rooms.len() * 5 < self.limit * 4 {
            self.switch_to_rooms();
        }
    }

    /// Whether patterns stand in for the channels of rooms.
    pub(crate) fn by_pattern(&self) -> bool {
        self.by_pattern
    }

    /// How many rooms have members here.
    pub(crate) fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// A new connection is up: it knows nothing, so everything is subscribed again.
    pub(crate) fn connected(&mut self) {
        self.disconnected();
        self.connected = true;
        for (topic, wanted) in &self.wanted {
            self.queue
                .push_back(Op::Subscribe(topic.clone(), wanted.generation));
        }
    }

    /// The connection is gone. Joins stop waiting.
    pub(crate) fn disconnected(&mut self) {
        self.connected = false;
        self.queue.clear();
        for wanted in self.wanted.values_mut() {
            wanted.sent = false;
            wanted.confirmed = false;
            wanted.waiting.clear();
        }
    }

    /// The next command, of at most `most` topics.
    pub(crate) fn next(&mut self, most: usize) -> Option<Batch> {
        let mut subscribe = Vec::new();
        let mut unsubscribe = Vec::new();
        while let Some(op) = self.queue.front() {
            match op {
                Op::Subscribe(topic, generation) => {
                    if !unsubscribe.is_empty() || subscribe.len() == most {
                        break;
                    }
                    // Wishes that were taken back meanwhile are left out.
                    if let Some(wanted) = self.wanted.get_mut(topic)
                        && wanted.generation == *generation
                    {
                        wanted.sent = true;
                        subscribe.push((topic.clone(), *generation));
                    }
                }
                Op::Unsubscribe(topic) => {
                    if !subscribe.is_empty() || unsubscribe.len() == most {
                        break;
                    }
                    unsubscribe.push(topic.clone());
                }
            }
            self.queue.pop_front();
        }
        if !subscribe.is_empty() {
            Some(Batch::Subscribe(subscribe))
        } else if !unsubscribe.is_empty() {
            Some(Batch::Unsubscribe(unsubscribe))
        } else {
            None
        }
    }

    /// A command has been confirmed.
    pub(crate) fn done(&mut self, batch: &Batch) {
        let Batch::Subscribe(topics) = batch else {
            return;
        };
        for (topic, generation) in topics {
            if let Some(wanted) = self.wanted.get_mut(topic)
                && wanted.generation == *generation
            {
                wanted.confirmed = true;
                for waiting in wanted.waiting.drain(..) {
                    // Whoever waited may have given up.
                    let _ = waiting.send(());
                }
            }
        }
    }

    /// A command failed while the connection stays: it is the next one again.
    pub(crate) fn failed(&mut self, batch: Batch) {
        if !self.connected {
            return;
        }
        match batch {
            Batch::Subscribe(topics) => {
                for (topic, generation) in topics.into_iter().rev() {
                    self.queue.push_front(Op::Subscribe(topic, generation));
                }
            }
            Batch::Unsubscribe(topics) => {
                for topic in topics.into_iter().rev() {
                    self.queue.push_front(Op::Unsubscribe(topic));
                }
            }
        }
    }

    pub(crate) fn counts(&self) -> SubscriptionCounts {
        let general = self.namespaces.len();
        if self.by_pattern {
            SubscriptionCounts {
                patterns: general,
                ..SubscriptionCounts::default()
            }
        } else {
            SubscriptionCounts {
                rooms: self.rooms.len(),
                namespaces: general,
                ..SubscriptionCounts::default()
            }
        }
    }

    /// What brings broadcasts to a whole namespace.
    fn general(&self, namespace: &str) -> Topic {
        if self.by_pattern {
            Topic::Pattern(channel::pattern(&self.key, namespace))
        } else {
            Topic::Channel(channel::namespace(&self.key, namespace))
        }
    }

    fn want(&mut self, topic: Topic) {
        if self.wanted.contains_key(&topic) {
            return;
        }
        self.generation += 1;
        if self.connected {
            self.queue
                .push_back(Op::Subscribe(topic.clone(), self.generation));
        }
        let wanted = Wanted {
            generation: self.generation,
            sent: false,
            confirmed: false,
            waiting: Vec::new(),
        };
        self.wanted.insert(topic, wanted);
    }

    fn unwant(&mut self, topic: &Topic) -> Vec<oneshot::Sender<()>> {
        let Some(wanted) = self.wanted.remove(topic) else {
            return Vec::new();
        };
        if self.connected && wanted.sent {
            self.queue.push_back(Op::Unsubscribe(topic.clone()));
        }
        wanted.waiting
    }

    /// Waits for a topic, unless it is confirmed. Without a connection the receiver fails at once.
    fn wait(&mut self, topic: &Topic) -> Option<oneshot::Receiver<()>> {
        let wanted = self.wanted.get_mut(topic)?;
        if wanted.confirmed {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        if self.connected {
            wanted.waiting.push(sender);
        }
        Some(receiver)
    }

    fn switch_to_patterns(&mut self) {
        let generals: Vec<_> = self
            .namespaces
            .iter()
            .map(|name| self.general(name))
            .collect();
        self.by_pattern = true;
        for namespace in self.namespaces.clone() {
            let pattern = self.general(&namespace);
            self.want(pattern);
        }
        let rooms: Vec<_> = self.rooms.keys().cloned().map(Topic::Channel).collect();
        for topic in rooms.into_iter().chain(generals) {
            // Who waited for a room's own channel is served by it no more; the join counts as unconfirmed.
            drop(self.unwant(&topic));
        }
    }

    fn switch_to_rooms(&mut self) {
        let patterns: Vec<_> = self
            .namespaces
            .iter()
            .map(|name| self.general(name))
            .collect();
        self.by_pattern = false;
        let rooms: Vec<_> = self.rooms.keys().cloned().collect();
        let generals: Vec<_> = self
            .namespaces
            .iter()
            .map(|name| self.general(name))
            .collect();
        for topic in generals
            .into_iter()
            .chain(rooms.into_iter().map(Topic::Channel))
        {
            self.want(topic);
        }
        for pattern in patterns {
            drop(self.unwant(&pattern));
        }
    }
}

/// Recognises a message that came by its channel's subscription and at once again by a pattern.
///
/// Redis writes the two one after the other to a connection, so a twin can only be the very next message.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    first: Option<Delivery>,
}

impl Twins {
    /// Whether `delivery` is the second of a pair.
    pub(crate) fn is_second(&mut self, delivery: &Delivery) -> bool {
        let before = mem::take(&mut self.first);
        if !delivery.by_pattern {
            self.first = Some(delivery.clone());
            return false;
        }
        before.is_some_and(|before| {
            before.channel == delivery.channel && before.payload == delivery.payload
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn per_room(limit: usize) -> Subscriptions {
        let mut subscriptions = Subscriptions::new(
            "k".to_owned(),
            Subscribe::PerRoom { limit },
            "own".to_owned(),
        );
        subscriptions.connected();
        subscriptions.add_namespace("/");
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

    fn names(redis: &HashSet<Topic>) -> BTreeSet<&str> {
        redis
            .iter()
            .map(|topic| match topic {
                Topic::Channel(name) | Topic::Pattern(name) => name.as_str(),
            })
            .collect()
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
        let batch = subscriptions.next(1).unwrap();
        let Batch::Subscribe(first) = &batch else {
            panic!("expected a subscription")
        };
        let first = first.clone();

        subscriptions.failed(batch);

        assert_eq!(subscriptions.next(1), Some(Batch::Subscribe(first)));
    }

    #[test]
    fn a_message_that_comes_both_ways_is_a_twin_once() {
        let delivery = |by_pattern| Delivery {
            channel: "c".to_owned(),
            payload: Bytes::from_static(b"same"),
            by_pattern,
        };
        let mut twins = Twins::default();

        let seen: Vec<_> = [false, true, false, true, true, false, false]
            .map(|by_pattern| twins.is_second(&delivery(by_pattern)))
            .into();

        assert_eq!(seen, [false, true, false, true, false, false, false]);
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
}
