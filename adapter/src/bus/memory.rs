//! The bus inside one process: for a single node, and for tests of several.

use std::{
    collections::HashSet,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use bytes::Bytes;
use tokio::sync::watch;

use super::{Bus, BusFuture, CountFuture, Delivery, Link, Topic};
use crate::{error::BusError, inbox::Inbox};

/// What the buses of several nodes in one process have in common: each node takes one with [`MemoryHub::connect`].
#[derive(Clone, Default)]
pub struct MemoryHub(Arc<Mutex<Hub>>);

#[derive(Default)]
struct Hub {
    members: Vec<Weak<Member>>,
    #[cfg(feature = "test-util")]
    faults: faults::Faults,
}

/// One node's end of a [`MemoryHub`].
pub struct MemoryBus {
    hub: MemoryHub,
    member: Arc<Member>,
    is_alone: bool,
}

struct Member {
    topics: Mutex<HashSet<Topic>>,
    inbox: Mutex<Option<Inbox>>,
    link: watch::Sender<Link>,
}

impl MemoryBus {
    /// A bus that nobody else is on.
    pub fn alone() -> Self {
        Self {
            is_alone: true,
            ..MemoryHub::default().connect()
        }
    }
}

impl MemoryHub {
    /// One more node's end of this hub.
    pub fn connect(&self) -> MemoryBus {
        let member = Arc::new(Member {
            topics: Mutex::default(),
            inbox: Mutex::default(),
            link: watch::Sender::new(Link {
                epoch: 1,
                receiving: true,
                publishing: true,
                failures: 0,
            }),
        });
        let mut hub = lock(&self.0);
        hub.members.retain(|member| member.strong_count() > 0);
        hub.members.push(Arc::downgrade(&member));
        drop(hub);
        MemoryBus {
            hub: self.clone(),
            member,
            is_alone: false,
        }
    }

    fn deliver(&self, channel: &str, payload: &Bytes) {
        for member in self.members() {
            member.deliver(channel, payload);
        }
    }

    fn members(&self) -> Vec<Arc<Member>> {
        let hub = lock(&self.0);
        hub.members.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Member {
    /// As Redis does: once for the channel's own subscription, and then once for each pattern that matches.
    fn deliver(&self, channel: &str, payload: &Bytes) {
        let inbox = lock(&self.inbox);
        let Some(inbox) = inbox.as_ref() else { return };
        let mut ways = Vec::new();
        for topic in lock(&self.topics).iter() {
            match topic {
                Topic::Channel(own) if own == channel => ways.push(false),
                Topic::Pattern(pattern) if matches(pattern, channel) => ways.push(true),
                _ => {}
            }
        }
        ways.sort_unstable();
        for by_pattern in ways {
            inbox.push(Delivery {
                channel: channel.to_owned(),
                payload: payload.clone(),
                by_pattern,
            });
        }
    }
}

impl Bus for MemoryBus {
    fn publish(&self, channel: String, payload: Bytes) -> BusFuture {
        let hub = self.hub.clone();
        let link = *self.member.link.borrow();
        Box::pin(async move {
            if !link.publishing {
                return Err(BusError::Disconnected);
            }
            #[cfg(feature = "test-util")]
            let copies = faults::apply(&hub, &channel, &payload).await;
            #[cfg(not(feature = "test-util"))]
            let copies = 1;
            for _ in 0..copies {
                hub.deliver(&channel, &payload);
            }
            Ok(())
        })
    }

    fn subscribe(&self, topics: Vec<Topic>) -> BusFuture {
        let member = self.member.clone();
        Box::pin(async move {
            if !member.link.borrow().receiving {
                return Err(BusError::Disconnected);
            }
            lock(&member.topics).extend(topics);
            Ok(())
        })
    }

    fn unsubscribe(&self, topics: Vec<Topic>) -> BusFuture {
        let member = self.member.clone();
        Box::pin(async move {
            let mut subscribed = lock(&member.topics);
            for topic in &topics {
                subscribed.remove(topic);
            }
            Ok(())
        })
    }

    fn subscribers(&self, channels: Vec<String>) -> CountFuture {
        let hub = self.hub.clone();
        let link = *self.member.link.borrow();
        Box::pin(async move {
            if !link.publishing {
                return Err(BusError::Disconnected);
            }
            let members = hub.members();
            let count = |channel| {
                let topic = Topic::Channel(channel);
                let subscribed = |member: &&Arc<Member>| lock(&member.topics).contains(&topic);
                members.iter().filter(subscribed).count()
            };
            Ok(channels.into_iter().map(count).collect())
        })
    }

    fn reopen(&self) -> BusFuture {
        let member = self.member.clone();
        Box::pin(async move {
            lock(&member.topics).clear();
            member.link.send_modify(|link| link.epoch += 1);
            Ok(())
        })
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.member.link.subscribe()
    }

    fn is_alone(&self) -> bool {
        self.is_alone
    }

    fn listen(&self, inbox: Inbox) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        *lock(&self.member.inbox) = Some(inbox);
        Box::pin(std::future::pending())
    }
}

#[cfg(feature = "test-util")]
pub use faults::Fault;

#[cfg(feature = "test-util")]
mod faults {
    use std::{collections::BTreeSet, time::Duration};

    use bytes::Bytes;
    use tokio::sync::broadcast;

    use super::{Link, MemoryBus, MemoryHub, Topic, lock};

    /// What to do to the next message on a channel.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Fault {
        /// It is taken and reaches nobody.
        Lose,
        /// It reaches everybody this much later; what is published meanwhile overtakes it.
        Delay(Duration),
        /// It reaches everybody twice.
        Repeat,
    }

    pub(super) struct Faults {
        planned: Vec<(String, Fault)>,
        tap: broadcast::Sender<(String, Bytes)>,
    }

    impl Default for Faults {
        fn default() -> Self {
            Self {
                planned: Vec::new(),
                tap: broadcast::Sender::new(4096),
            }
        }
    }

    impl MemoryHub {
        /// Does `fault` to the next message that is published on `channel`.
        pub fn inject(&self, channel: &str, fault: Fault) {
            let mut hub = lock(&self.0);
            hub.faults.planned.push((channel.to_owned(), fault));
        }

        /// Every message that is published from now on, with its channel.
        pub fn tap(&self) -> broadcast::Receiver<(String, Bytes)> {
            lock(&self.0).faults.tap.subscribe()
        }
    }

    impl MemoryBus {
        /// Cuts this node off, or connects it again: then without subscriptions, as after a restart of Redis.
        pub fn set_connected(&self, connected: bool) {
            lock(&self.member.topics).clear();
            self.member.link.send_modify(|link| {
                *link = Link {
                    epoch: link.epoch + u64::from(connected),
                    receiving: connected,
                    publishing: connected,
                    failures: link.failures + u64::from(!connected),
                };
            });
        }

        /// Forgets all subscriptions without a word: a connection that is alive but deaf.
        pub fn deafen(&self) {
            lock(&self.member.topics).clear();
        }

        /// A further handle, for a test to cut while the cluster holds the bus.
        pub fn handle(&self) -> Self {
            Self {
                hub: self.hub.clone(),
                member: self.member.clone(),
                is_alone: self.is_alone,
            }
        }

        /// What is subscribed to, channels before patterns, each sorted.
        pub fn subscribed(&self) -> Vec<String> {
            let topics = lock(&self.member.topics);
            let (mut channels, mut patterns) = (BTreeSet::new(), BTreeSet::new());
            for topic in topics.iter() {
                match topic {
                    Topic::Channel(name) => channels.insert(name.clone()),
                    Topic::Pattern(name) => patterns.insert(name.clone()),
                };
            }
            channels.into_iter().chain(patterns).collect()
        }
    }

    /// Waits as long as told, and says how many copies to deliver.
    pub(super) async fn apply(hub: &MemoryHub, channel: &str, payload: &Bytes) -> usize {
        let fault = {
            let faults = &mut lock(&hub.0).faults;
            // Nobody need listen.
            let _ = faults.tap.send((channel.to_owned(), payload.clone()));
            let mut planned = faults.planned.iter();
            let at = planned.position(|(name, _)| name == channel);
            at.map(|at| faults.planned.remove(at).1)
        };
        match fault {
            None => 1,
            Some(Fault::Lose) => 0,
            Some(Fault::Repeat) => 2,
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                1
            }
        }
    }
}

/// Matches as Redis does, for the patterns that this crate makes: escaped text and a final `*`.
fn matches(pattern: &str, channel: &str) -> bool {
    let Some(prefix) = pattern.strip_suffix('*') else {
        return false;
    };
    let mut channel = channel.chars();
    let mut prefix = prefix.chars();
    while let Some(expected) = prefix.next() {
        let expected = if expected == '\\' {
            prefix.next()
        } else {
            Some(expected)
        };
        if channel.next() != expected {
            return false;
        }
    }
    true
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each of these holds whole values only, so a panic elsewhere leaves them usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn members_with_the_very_channel_are_counted() {
        let hub = MemoryHub::default();
        let (one, two, three) = (hub.connect(), hub.connect(), hub.connect());
        let topic = |name: &str| Topic::Channel(name.to_owned());
        one.subscribe(vec![topic("a"), topic("b")]).await.unwrap();
        two.subscribe(vec![topic("a")]).await.unwrap();
        three
            .subscribe(vec![Topic::Pattern("a*".to_owned())])
            .await
            .unwrap();

        let count = async |name: &str| three.subscribers(vec![name.to_owned()]).await.unwrap()[0];
        assert_eq!((count("a").await, count("b").await), (2, 1));
        assert_eq!(count("c").await, 0);

        one.unsubscribe(vec![topic("a")]).await.unwrap();
        drop(two);
        assert_eq!(count("a").await, 0);
    }

    #[test]
    fn patterns_match_as_in_redis() {
        assert!(matches("k#/#*", "k#/#"));
        assert!(matches("k#/#*", "k#/#room#"));
        assert!(!matches("k#/#*", "k#/chat#"));
        assert!(matches(r"k#/a\[b\]#*", "k#/a[b]#x#"));
        assert!(!matches(r"k#/a\[b\]#*", "k#/ab#x#"));
    }
}
