//! Pure: what a node wants to be subscribed to, and the next command that brings it there.
//!
//! Commands wait in one queue and are carried out in order, so a change of mode loses nothing: the new subscriptions
//! stand before the old ones end. In between a message comes both ways; [`Copies`](crate::copies::Copies) recognises the
//! second.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    mem,
    sync::Arc,
};

use tokio::sync::oneshot;

use crate::{
    bus::Topic, channel, config::Subscribe, dialect::Dialect, observer::SubscriptionCounts,
};

/// How often a topic may be refused before nothing waits for it any more: some seconds, in which a failover ends.
const PATIENCE: u32 = 50;

/// The state of all subscriptions of one node.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    key: String,
    dialect: Dialect,
    limit: usize,
    /// There are more rooms than may be subscribed one by one, or nobody tells of them.
    by_pattern: bool,
    /// The connection is up; while it is not, nothing is queued, since a new one starts from nothing.
    connected: bool,
    namespaces: BTreeMap<String, Served>,
    /// The channels of rooms that have members on this node.
    rooms: HashMap<String, Occupied>,
    wanted: HashMap<Topic, Wanted>,
    /// Grows by joins and leaves while one command is under way. A command that does not end takes the connection down
    /// with it, by its own timeout or the missing heartbeat, and that empties the queue.
    queue: VecDeque<Op>,
    generation: u64,
}

/// A namespace of this node.
#[derive(Debug)]
struct Served {
    /// The id of its adapter.
    uid: String,
    /// Its name, for its rooms.
    name: Arc<str>,
    /// Servers of Node.js serve it, too.
    is_mixed: bool,
    /// How many rooms have members here.
    rooms: usize,
}

#[derive(Debug)]
struct Occupied {
    namespace: Arc<str>,
    members: usize,
}

#[derive(Debug)]
struct Wanted {
    /// Tells the confirmation of this wish from that of an earlier one for the same topic.
    generation: u64,
    sent: bool,
    confirmed: bool,
    /// How often it was refused by itself since it was last confirmed.
    refused: u32,
    waiting: Vec<oneshot::Sender<()>>,
}

#[derive(Debug)]
enum Op {
    Subscribe(Topic, u64),
    Unsubscribe(Topic),
}

/// One command to carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Batch {
    Subscribe(Vec<(Topic, u64)>),
    Unsubscribe(Vec<Topic>),
}

impl Batch {
    /// How many topics it is for.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Subscribe(topics) => topics.len(),
            Self::Unsubscribe(topics) => topics.len(),
        }
    }
}

impl Subscriptions {
    /// Nothing is subscribed yet, also where the connection is up.
    pub(crate) fn new(
        key: String,
        dialect: Dialect,
        subscribe: Subscribe,
        own_channel: String,
        connected: bool,
    ) -> Self {
        let (limit, by_pattern) = match subscribe {
            // Over sharded Pub/Sub there are no patterns.
            _ if dialect.is_sharded() => (usize::MAX, false),
            Subscribe::Pattern => (0, true),
            Subscribe::PerRoom { limit } => (limit, false),
        };
        let mut subscriptions = Self {
            key,
            dialect,
            limit,
            by_pattern,
            connected,
            namespaces: BTreeMap::new(),
            rooms: HashMap::new(),
            wanted: HashMap::new(),
            queue: VecDeque::new(),
            generation: 0,
        };
        subscriptions.want(Topic::Channel(own_channel));
        subscriptions
    }

    /// A namespace is served from now on, by the adapter of that id. The receiver resolves once its broadcasts arrive.
    pub(crate) fn add_namespace(
        &mut self,
        namespace: &str,
        uid: &str,
    ) -> Option<oneshot::Receiver<()>> {
        let served = Served {
            uid: uid.to_owned(),
            name: namespace.into(),
            is_mixed: false,
            rooms: 0,
        };
        self.namespaces.insert(namespace.to_owned(), served);
        let topic = self.general(namespace);
        self.want(topic.clone());
        for topic in self.dialect.questions(&self.key, namespace, uid) {
            self.want(topic);
        }
        self.wait(&topic)
    }

    /// A namespace is served no more.
    pub(crate) fn remove_namespace(&mut self, namespace: &str) {
        let topic = self.general(namespace);
        let Some(served) = self.namespaces.remove(namespace) else {
            return;
        };
        // First, so that nobody counts on an answer any more.
        for topic in self.dialect.questions(&self.key, namespace, &served.uid) {
            self.unwant(&topic);
        }
        self.unwant(&topic);
    }

    /// One more local socket is in this room. The receiver resolves once the room's messages arrive; none if they do.
    pub(crate) fn join(&mut self, namespace: &str, room: &str) -> Option<oneshot::Receiver<()>> {
        let channel = channel::room(&self.key, namespace, room);
        if let Some(occupied) = self.rooms.get_mut(&channel) {
            occupied.members += 1;
            return self.joined(namespace, channel);
        }
        let served = self.namespaces.get_mut(namespace);
        let occupied = Occupied {
            namespace: served.map_or_else(
                || namespace.into(),
                |served| {
                    served.rooms += 1;
                    served.name.clone()
                },
            ),
            members: 1,
        };
        self.rooms.insert(channel.clone(), occupied);
        if !self.by_pattern && self.rooms.len() > self.limit {
            self.switch_to_patterns();
        } else if !self.is_by_pattern(namespace) {
            self.want(Topic::Channel(channel.clone()));
        }
        self.joined(namespace, channel)
    }

    /// A local socket is in this room once more. The receiver resolves once the room's messages arrive; none if they do.
    pub(crate) fn join_again(
        &mut self,
        namespace: &str,
        room: &str,
    ) -> Option<oneshot::Receiver<()>> {
        let channel = channel::room(&self.key, namespace, room);
        self.joined(namespace, channel)
    }

    /// One local socket less is in this room.
    pub(crate) fn leave(&mut self, namespace: &str, room: &str) {
        let channel = channel::room(&self.key, namespace, room);
        let Some(occupied) = self.rooms.get_mut(&channel) else {
            return;
        };
        occupied.members -= 1;
        if occupied.members > 0 {
            return;
        }
        self.rooms.remove(&channel);
        if let Some(served) = self.namespaces.get_mut(namespace) {
            served.rooms = served.rooms.saturating_sub(1);
        }
        if self.by_pattern && self.rooms.len() * 5 < self.limit * 4 {
            self.switch_to_rooms();
        } else {
            // Nothing, where the pattern stands in for it.
            self.unwant(&Topic::Channel(channel));
        }
    }

    /// Whether servers of Node.js serve a namespace, too. They have sockets join a room and at once emit to it, on its own
    /// channel, which only a pattern is subscribed to in time. True if that is news.
    pub(crate) fn set_mixed(&mut self, namespace: &str, is_mixed: bool) -> bool {
        let Some(served) = self.namespaces.get(namespace) else {
            return false;
        };
        if served.is_mixed == is_mixed {
            return false;
        }
        let before = self.broadcasts();
        if let Some(served) = self.namespaces.get_mut(namespace) {
            served.is_mixed = is_mixed;
        }
        // Who waited goes on without: the join counts as unconfirmed.
        drop(self.replace(&before));
        true
    }

    /// Whether patterns stand in for the channels of rooms.
    pub(crate) fn by_pattern(&self) -> bool {
        self.by_pattern
    }

    /// How many rooms have members here.
    pub(crate) fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// A new connection is up: it knows nothing, so everything is subscribed again. Joins go on waiting.
    ///
    /// The node's own channel comes first, since its silence would be taken for a dead connection, and rooms last, since
    /// there may be many.
    pub(crate) fn connected(&mut self) {
        self.connected = true;
        self.queue.clear();
        for (topic, wanted) in &mut self.wanted {
            wanted.sent = false;
            wanted.confirmed = false;
            let subscribe = Op::Subscribe(topic.clone(), wanted.generation);
            match topic {
                Topic::Channel(channel) if self.rooms.contains_key(channel) => {
                    self.queue.push_back(subscribe);
                }
                _ => self.queue.push_front(subscribe),
            }
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
                    if let Some(wanted) = self.wanted.get_mut(topic) {
                        // Wanted again meanwhile: ending it would leave a gap until it is subscribed once more.
                        wanted.sent = true;
                    } else if !subscribe.is_empty() || unsubscribe.len() == most {
                        break;
                    } else {
                        unsubscribe.push(topic.clone());
                    }
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
                wanted.refused = 0;
                for waiting in wanted.waiting.drain(..) {
                    // Whoever waited may have given up.
                    let _ = waiting.send(());
                }
            }
        }
    }

    /// A command failed while the connection stays: it is tried again. If it was for one topic, the other subscriptions come
    /// first, and what ends some as well once it was refused too often.
    pub(crate) fn failed(&mut self, batch: Batch) {
        if !self.connected {
            return;
        }
        match batch {
            Batch::Subscribe(topics) if topics.len() == 1 => {
                for (topic, generation) in topics {
                    let Some(wanted) = self.wanted.get_mut(&topic) else {
                        continue;
                    };
                    wanted.refused += 1;
                    let is_hopeless = wanted.refused > PATIENCE;
                    let mut queue = self.queue.iter();
                    let first_end = queue.position(|op| matches!(op, Op::Unsubscribe(_)));
                    let at = first_end.filter(|_| !is_hopeless);
                    let at = at.unwrap_or(self.queue.len());
                    self.queue.insert(at, Op::Subscribe(topic, generation));
                }
            }
            Batch::Subscribe(topics) => {
                for (topic, generation) in topics.into_iter().rev() {
                    self.queue.push_front(Op::Subscribe(topic, generation));
                }
            }
            // Last, for a change of mode meanwhile has put subscriptions before it.
            Batch::Unsubscribe(topics) => {
                self.queue.extend(topics.into_iter().map(Op::Unsubscribe));
            }
        }
    }

    pub(crate) fn counts(&self) -> SubscriptionCounts {
        let mut counts = SubscriptionCounts::default();
        for served in self.namespaces.values() {
            if self.by_pattern || served.is_mixed {
                counts.patterns += 1;
            } else {
                counts.namespaces += 1;
                counts.rooms += served.rooms;
            }
        }
        counts
    }

    /// Whether a pattern stands in for the channels of the namespace's rooms.
    fn is_by_pattern(&self, namespace: &str) -> bool {
        let served = self.namespaces.get(namespace);
        self.by_pattern || served.is_some_and(|served| served.is_mixed)
    }

    /// What brings broadcasts to a whole namespace.
    fn general(&self, namespace: &str) -> Topic {
        if self.is_by_pattern(namespace) {
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
            refused: 0,
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

    fn joined(&mut self, namespace: &str, channel: String) -> Option<oneshot::Receiver<()>> {
        let topic = if self.is_by_pattern(namespace) {
            self.general(namespace)
        } else {
            Topic::Channel(channel)
        };
        self.wait(&topic)
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
        let before = self.broadcasts();
        self.by_pattern = true;
        let waiting = self.replace(&before);
        // Patterns are few: one command, and all of them are confirmed at once.
        let last = self
            .namespaces
            .keys()
            .next_back()
            .map(|name| self.general(name));
        if let Some(pattern) = last.and_then(|topic| self.wanted.get_mut(&topic)) {
            pattern.waiting.extend(waiting);
        }
    }

    fn switch_to_rooms(&mut self) {
        let before = self.broadcasts();
        self.by_pattern = false;
        // Who waited for a pattern waits for many rooms now; the join counts as unconfirmed.
        drop(self.replace(&before));
    }

    /// All topics that bring broadcasts, in the present mode.
    fn broadcasts(&self) -> Vec<Topic> {
        let generals = self.namespaces.keys().map(|name| self.general(name));
        let rooms = self.rooms.iter();
        let rooms = rooms.filter(|(_, room)| !self.is_by_pattern(&room.namespace));
        generals
            .chain(rooms.map(|(channel, _)| Topic::Channel(channel.clone())))
            .collect()
    }

    /// Subscribes to what the new mode asks for, and then ends what the old one did; returns who waited for that.
    fn replace(&mut self, before: &[Topic]) -> Vec<oneshot::Sender<()>> {
        let after: HashSet<Topic> = self.broadcasts().into_iter().collect();
        for topic in &after {
            self.want(topic.clone());
        }
        // What an earlier change has not ended yet may be all that is heard of a room until the new ones stand.
        let (first, last): (VecDeque<_>, VecDeque<_>) = mem::take(&mut self.queue)
            .into_iter()
            .partition(|op| matches!(op, Op::Subscribe(..)));
        self.queue.extend(first.into_iter().chain(last));
        before
            .iter()
            .filter(|topic| !after.contains(*topic))
            .flat_map(|topic| self.unwant(topic))
            .collect()
    }
}
