//! Sharded Pub/Sub on a Redis Cluster: a pair of connections to each master, and which channel belongs to which.
//!
//! The cluster tells nobody that a slot has moved but by errors, and by ending subscriptions without a word that fred would
//! pass on. So it is asked every second which master has which slots; any change makes all subscriptions anew, which does
//! nothing to those that still stand.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::RangeInclusive,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, ClusterInterface},
    types::{cluster::ClusterRouting, config::Server},
    util::redis_keyslot,
};
use futures_util::{FutureExt, StreamExt, future::try_join_all, stream::FuturesUnordered};
use tokio::{
    sync::{Notify, watch},
    time::MissedTickBehavior,
};

use super::{
    client::{again, start},
    connections::Connections,
    topology::{self, ClusterNode},
};
use crate::{bus::Link, error::BusError, inbox::Inbox};

/// How often the cluster is asked for its slots.
const LOOK_AROUND: Duration = Duration::from_secs(1);

/// How long one node of the configuration may take to answer, where no other is to be had.
const PATIENCE: Duration = Duration::from_secs(2);

/// The masters of a Redis Cluster.
#[derive(Debug)]
pub(super) struct Shards {
    /// Of which all others are copies, at one server each.
    publisher: Client,
    subscriber: Client,
    seeds: Vec<Server>,
    /// Held for a few statements only.
    state: Mutex<State>,
    link: watch::Sender<Link>,
    /// Counts how often the masters, or their slots, have changed.
    changes: watch::Sender<u64>,
    look: Notify,
}

#[derive(Debug, Default)]
struct State {
    owners: Owners,
    masters: BTreeMap<Server, Arc<Connections>>,
    /// What the link counted for masters that are gone.
    epoch: u64,
    failures: u64,
}

/// Who has which slots, by the first of them.
type Owners = BTreeMap<u16, Owner>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    slots: RangeInclusive<u16>,
    server: Server,
    /// Tells a slot that went away and came back from one that stayed.
    epoch: u64,
}

impl Shards {
    pub(super) fn new(publisher: Client, subscriber: Client) -> Self {
        let seeds = publisher.client_config().server.hosts();
        let known = publisher.cached_cluster_state();
        let ranges = known.iter().flat_map(ClusterRouting::slots);
        let owners = ranges
            .map(|range| {
                let owner = Owner {
                    slots: range.start..=range.end,
                    server: range.primary.clone(),
                    epoch: 0,
                };
                (range.start, owner)
            })
            .collect();
        for client in [&publisher, &subscriber] {
            // They have served their purpose, which was to connect.
            let _ = client.quit().now_or_never();
        }
        let shards = Self {
            publisher,
            subscriber,
            seeds,
            state: Mutex::default(),
            link: watch::Sender::new(Link::default()),
            changes: watch::Sender::new(0),
            look: Notify::new(),
        };
        shards.take(owners);
        shards
    }

    /// The client through which messages on `channel` go; none while nobody has its slot.
    pub(super) fn publisher(&self, channel: &str) -> Option<Client> {
        let state = self.lock();
        let master = state.masters.get(owner_of(&state.owners, channel)?)?;
        Some(master.publisher())
    }

    /// The channels of each subscriber.
    pub(super) fn divided(
        &self,
        channels: Vec<String>,
    ) -> Result<Vec<(Client, Vec<String>)>, BusError> {
        let state = self.lock();
        let mut parts: HashMap<&Server, Vec<String>> = HashMap::new();
        for channel in channels {
            let owner = owner_of(&state.owners, &channel).ok_or(BusError::Disconnected)?;
            parts.entry(owner).or_default().push(channel);
        }
        let client = |(server, channels)| Some((state.masters.get(server)?.subscriber(), channels));
        Ok(parts.into_iter().filter_map(client).collect())
    }

    /// Asks the cluster for its slots now: something was not where it should be.
    pub(super) fn look_soon(&self) {
        self.look.notify_one();
    }

    pub(super) fn link(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    /// Puts new clients in the place of all, and waits until they are connected.
    pub(super) async fn replace(&self) -> Result<(), Error> {
        self.look_soon();
        let masters: Vec<_> = self.lock().masters.values().cloned().collect();
        let each = masters.iter().map(|master| master.replace());
        try_join_all(each).await.map(drop)
    }

    /// Puts messages into `inbox` and keeps the link's state, also over new masters.
    pub(super) async fn listen(&self, inbox: &Inbox) {
        let mut changed = self.changes.subscribe();
        let mut followed = HashSet::new();
        let mut all = FuturesUnordered::new();
        let mut looking = pin!(self.look_around());
        loop {
            changed.mark_unchanged();
            for (server, master) in &self.lock().masters {
                if followed.insert(server.clone()) {
                    all.push(self.follow(server.clone(), master.clone(), inbox));
                }
            }
            self.sum_up();
            tokio::select! {
                Some(server) = all.next() => drop(followed.remove(&server)),
                _ = changed.changed() => {}
                () = &mut looking => return,
            }
        }
    }

    /// Listens to one master, until it is none any more.
    async fn follow(&self, server: Server, master: Arc<Connections>, inbox: &Inbox) -> Server {
        let mut changed = self.changes.subscribe();
        let gone = async {
            loop {
                changed.mark_unchanged();
                let current = self.lock().masters.get(&server).cloned();
                if !current.is_some_and(|current| Arc::ptr_eq(&current, &master)) {
                    return;
                }
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        let mut link = master.link();
        let watching = async {
            while link.changed().await.is_ok() {
                self.sum_up();
            }
        };
        tokio::select! {
            () = master.listen(inbox) => {}
            () = watching => {}
            () = gone => {}
        }
        server
    }

    /// The link is up where all are: a room that is heard only in part is not heard.
    fn sum_up(&self) {
        let state = self.lock();
        let mut sum = Link {
            epoch: state.epoch,
            receiving: !state.masters.is_empty(),
            publishing: !state.masters.is_empty(),
            failures: state.failures,
        };
        for master in state.masters.values() {
            let link = *master.link().borrow();
            sum.epoch += link.epoch;
            sum.failures += link.failures;
            sum.receiving &= link.receiving;
            sum.publishing &= link.publishing;
        }
        drop(state);
        self.link.send_if_modified(|link| {
            let changed = *link != sum;
            *link = sum;
            changed
        });
    }

    async fn look_around(&self) {
        let mut turns = tokio::time::interval(LOOK_AROUND);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut seeds = self.seeds.iter().cycle();
        loop {
            tokio::select! {
                _ = turns.tick() => {}
                () = self.look.notified() => {}
            }
            let publishers = self
                .lock()
                .masters
                .values()
                .map(|master| master.publisher())
                .collect::<Vec<_>>();
            let nodes = match publishers.iter().find(|client| client.is_connected()) {
                Some(client) => topology::ask(client).await,
                None => match seeds.next() {
                    Some(seed) => self.scout(seed).await,
                    None => continue,
                },
            };
            match nodes {
                Ok(nodes) => self.take(owners(&nodes)),
                Err(error) => tracing::debug!(%error, "the redis cluster did not tell its slots"),
            }
        }
    }

    /// Asks a node of the configuration, over a connection made for this.
    async fn scout(&self, seed: &Server) -> Result<Vec<ClusterNode>, Error> {
        let client = again(&self.publisher, Some(seed));
        start(&client);
        let asking = async {
            client.wait_for_connect().await?;
            topology::ask(&client).await
        };
        let answer = tokio::time::timeout(PATIENCE, asking).await;
        let _ = client.quit().now_or_never();
        // Where nobody answers, there is nothing new.
        answer.unwrap_or(Ok(Vec::new()))
    }

    /// Takes note of who has which slots now.
    fn take(&self, owners: Owners) {
        let mut state = self.lock();
        // A cluster without slots is one that is being made, or one that did not answer.
        if owners.is_empty() || owners == state.owners {
            return;
        }
        let is_first = state.owners.is_empty();
        let servers: Vec<Server> = owners.values().map(|owner| owner.server.clone()).collect();
        let gone: Vec<Server> = state
            .masters
            .keys()
            .filter(|server| !servers.contains(server))
            .cloned()
            .collect();
        for server in gone {
            if let Some(master) = state.masters.remove(&server) {
                let link = *master.link().borrow();
                state.epoch += link.epoch;
                state.failures += link.failures;
                master.quit();
            }
        }
        for server in servers {
            state.masters.entry(server).or_insert_with_key(|server| {
                Arc::new(Connections::at(server, &self.publisher, &self.subscriber))
            });
        }
        // The first list has no epochs, and nothing is subscribed yet.
        let moved = !is_first && !same_servers(&state.owners, &owners);
        state.epoch += u64::from(moved);
        let masters = state.masters.len();
        state.owners = owners;
        drop(state);
        if moved {
            tracing::info!(
                masters,
                "slots of the redis cluster have moved, subscribing again"
            );
        }
        self.changes.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Its parts are whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether both have each slot at the same server, without it having been elsewhere meanwhile.
fn same_servers(before: &Owners, now: &Owners) -> bool {
    before.len() == now.len()
        && before.iter().zip(now).all(|((_, before), (_, now))| {
            before.slots == now.slots
                && before.server == now.server
                && (before.epoch == 0 || before.epoch == now.epoch)
        })
}

fn owners(nodes: &[ClusterNode]) -> Owners {
    let masters = nodes
        .iter()
        .filter(|node| node.is_master && !node.has_failed);
    masters
        .flat_map(|node| {
            node.slots.iter().map(|slots| {
                let owner = Owner {
                    slots: slots.clone(),
                    server: node.server.clone(),
                    epoch: node.epoch,
                };
                (*slots.start(), owner)
            })
        })
        .collect()
}

fn owner_of<'a>(owners: &'a Owners, channel: &str) -> Option<&'a Server> {
    let slot = redis_keyslot(channel.as_bytes());
    let (_, owner) = owners.range(..=slot).next_back()?;
    owner.slots.contains(&slot).then_some(&owner.server)
}
