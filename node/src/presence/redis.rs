//! Presence in Redis, which every node sees.
//!
//! Each user is in a hash of all users, in a list by age, and in the set of its node. A node has a lease, by the clock of
//! Redis, which it renews; when it lapses, the other nodes take its users out, each of them once, and announce those that
//! they took. Every change is published by the script that makes it, so each node knows the newest users without asking.
//!
//! A node that was cut off finds its lease over when it comes back. It looks at its own set then: users who were taken out
//! meanwhile are online again, those who left meanwhile are taken out.

mod commands;

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fred::{clients::Client, error::Error, interfaces::EventInterface as _};
use tokio::{
    sync::{Notify, broadcast::error::RecvError},
    time::{Instant, MissedTickBehavior},
};

use self::commands::{Commands, Heard};
use super::{Change, Doing, Joined, Listener, PresenceStore, User, roster::Roster};

/// How long a node may be silent. With the time between two looks, a dead node's users are announced within 15 s.
const LEASE: Duration = Duration::from_secs(9);

/// Between two renewals, each of which also looks for dead nodes.
const RENEWAL: Duration = Duration::from_secs(3);

/// How many users of a dead node one step takes out: a millisecond or two of Redis.
const BATCH: usize = 200;

/// How long a client that was sent away may take to be back before it is offline.
const AWAY: Duration = Duration::from_secs(5);

/// Between two looks for those that are not back, while some are away.
const LOOK: Duration = Duration::from_millis(500);

/// Redis did not do what presence needs.
#[derive(Debug, thiserror::Error)]
#[error("presence is not to be had from redis")]
pub struct PresenceError(#[source] Error);

impl From<Error> for PresenceError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// Users in Redis.
pub(crate) struct Redis {
    commands: Commands,
    roster: Mutex<Roster>,
    /// The clients of this node that are online, as it was told.
    own: Mutex<HashMap<Arc<str>, Arc<str>>>,
    /// What Redis has of this node may be wrong.
    unsure: AtomicBool,
    /// What Redis calls its memory, as this node has last heard.
    memory: Mutex<Option<String>>,
    listener: Mutex<Option<Listener>>,
    /// Until when this node looks for clients that it has sent away and that are not back.
    looks_until: Mutex<Option<Instant>>,
    departed: Notify,
}

impl Redis {
    /// Keeps the users of `node_id` with `client`, whose subscriptions are this one's alone; lists so many.
    pub(crate) fn new(client: Client, key: &str, node_id: &str, listed: usize) -> Self {
        Self {
            commands: Commands::new(client, key, node_id),
            roster: Mutex::new(Roster::new(listed)),
            own: Mutex::default(),
            // Its first renewal tells.
            unsure: AtomicBool::new(true),
            memory: Mutex::new(None),
            listener: Mutex::new(None),
            looks_until: Mutex::new(None),
            departed: Notify::new(),
        }
    }

    fn announce(&self, change: Change) {
        if let Some(listener) = &*lock(&self.listener) {
            listener(change);
        }
    }

    /// Renews the lease, mends what Redis has of this node, and buries a dead one.
    async fn beat(&self) -> Result<(), Error> {
        let (is_held, memory) = self.commands.renew(LEASE).await?;
        if !is_held || self.unsure.load(Ordering::Relaxed) {
            let before = lock(&self.memory).replace(memory.clone());
            // A Redis that has lost its memory has told nobody that anyone is offline.
            let is_new = before.is_some_and(|before| before != memory);
            self.unsure.store(false, Ordering::Relaxed);
            let mended = self.mend(is_new).await;
            mended.inspect_err(|_| self.unsure.store(true, Ordering::Relaxed))?;
        }
        while let Some(node) = self.commands.expired().await? {
            if node == self.commands.node() {
                return Ok(());
            }
            self.bury(&node).await?;
        }
        // Their node may have ended since.
        self.miss().await?;
        let is_hungry = lock(&self.roster).is_hungry();
        if is_hungry {
            self.read_roster().await?;
        }
        Ok(())
    }

    /// Brings Redis to what this node knows of its own clients, and announces what that changes, unless it is `silent`.
    async fn mend(&self, silent: bool) -> Result<(), Error> {
        let there = self.commands.own_clients().await?;
        let own = lock(&self.own).clone();
        for client_id in there.iter().filter(|&id| !own.contains_key(&**id)) {
            if let Some(username) = self.commands.leave(client_id).await? {
                let client_id = client_id.as_str().into();
                self.announce(Change::Offline {
                    client_id,
                    username,
                });
            }
        }
        for (client_id, username) in own {
            if there.contains(&*client_id) {
                continue;
            }
            let joined = self.commands.join(&client_id, &username).await?;
            if !lock(&self.own).contains_key(&client_id) {
                // It left while this was under way, and its departure may have come first.
                self.commands.leave(&client_id).await?;
                continue;
            }
            let gone = match joined {
                Joined::New => Vec::new(),
                Joined::Back { gone } => gone,
                Joined::Renamed { .. } | Joined::Same => continue,
            };
            if silent {
                continue;
            }
            self.announce(Change::Online {
                client_id,
                username: username.clone(),
            });
            for client_id in gone {
                let username = username.clone();
                self.announce(Change::Offline {
                    client_id,
                    username,
                });
            }
        }
        Ok(())
    }

    /// Notes the client as this node's own, and has Redis do so. Noted first: what is being mended meanwhile must not take it
    /// for one that has left.
    async fn enter(&self, client_id: &str, username: &Arc<str>) -> Result<Joined, Error> {
        let before = lock(&self.own).insert(client_id.into(), username.clone());
        let joined = self.commands.join(client_id, username).await;
        if joined.is_err() {
            let mut own = lock(&self.own);
            match before {
                Some(before) => drop(own.insert(client_id.into(), before)),
                None => drop(own.remove(client_id)),
            }
        }
        joined
    }

    /// Takes the users of a dead node out. Other nodes may be at it, too: each gets some.
    async fn bury(&self, node: &str) -> Result<(), Error> {
        tracing::warn!(node, "a node is gone, its users are offline");
        loop {
            let gone = self.commands.reap(node, BATCH).await?;
            if gone.is_empty() {
                return Ok(());
            }
            for (client_id, username) in gone {
                self.announce(Change::Offline {
                    client_id,
                    username,
                });
            }
        }
    }

    /// Takes those out that were sent away and are not back in time.
    async fn miss(&self) -> Result<(), Error> {
        loop {
            let gone = self.commands.overdue(BATCH).await?;
            let is_last = gone.len() < BATCH;
            for (client_id, username) in gone {
                self.announce(Change::Offline {
                    client_id,
                    username,
                });
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Looks for those that this node has sent away, while there can be any.
    async fn look(&self) {
        loop {
            let looks = lock(&self.looks_until).is_some_and(|until| Instant::now() < until);
            if !looks {
                self.departed.notified().await;
            }
            tokio::time::sleep(LOOK).await;
            if let Err(error) = self.miss().await {
                // The heartbeat looks, too, once Redis is back.
                tracing::debug!(%error, "users that were sent away were not looked for");
            }
        }
    }

    async fn read_roster(&self) -> Result<(), Error> {
        let kept = {
            let mut roster = lock(&self.roster);
            roster.begin();
            roster.kept()
        };
        let list = self.commands.newest(kept).await?;
        lock(&self.roster).take(list);
        Ok(())
    }

    fn hear(&self, heard: Heard) {
        let mut roster = lock(&self.roster);
        match heard.name {
            Some(name) => roster.came(heard.id.into(), name.into(), heard.number),
            None => roster.left(&heard.id, heard.number),
        }
    }

    /// Follows the changes of all nodes.
    async fn follow(&self) {
        let mut messages = self.commands.client().message_rx();
        let mut reconnects = self.commands.client().reconnect_rx();
        loop {
            if let Err(error) = self.catch_up().await {
                tracing::debug!(%error, "the list of users could not be read");
                tokio::time::sleep(RENEWAL).await;
                continue;
            }
            loop {
                let message = tokio::select! {
                    message = messages.recv() => message,
                    // What was published meanwhile is lost: the list has to be read again.
                    _ = reconnects.recv() => break,
                };
                match message {
                    Ok(message) => {
                        if let Some(heard) = Heard::read(&message.value) {
                            self.hear(heard);
                        }
                    }
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                }
            }
        }
    }

    async fn catch_up(&self) -> Result<(), Error> {
        self.commands.subscribe().await?;
        self.read_roster().await
    }

    async fn keep(&self) {
        let mut turns = tokio::time::interval(RENEWAL);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut fails = false;
        loop {
            turns.tick().await;
            let beat = self.beat().await;
            match &beat {
                Err(error) if !fails => tracing::warn!(%error, "presence cannot reach redis"),
                Ok(()) if fails => tracing::info!("presence reaches redis again"),
                _ => {}
            }
            fails = beat.is_err();
        }
    }
}

impl PresenceStore for Redis {
    fn join<'a>(&'a self, client_id: &'a str, username: &'a Arc<str>) -> Doing<'a, Joined> {
        Box::pin(async move {
            let joined = match self.enter(client_id, username).await {
                Err(error) if commands::is_lost(&error) => {
                    // Cut off and back before the heartbeat has seen it.
                    self.unsure.store(true, Ordering::Relaxed);
                    self.beat().await?;
                    self.enter(client_id, username).await
                }
                joined => joined,
            };
            // What failed may have come to pass all the same.
            Ok(joined.inspect_err(|_| self.unsure.store(true, Ordering::Relaxed))?)
        })
    }

    fn leave<'a>(&'a self, client_id: &'a str) -> Doing<'a, Option<Arc<str>>> {
        Box::pin(async move {
            lock(&self.own).remove(client_id);
            let left = self.commands.leave(client_id).await;
            Ok(left.inspect_err(|_| self.unsure.store(true, Ordering::Relaxed))?)
        })
    }

    fn depart<'a>(&'a self, client_id: &'a str) -> Doing<'a, Option<Arc<str>>> {
        Box::pin(async move {
            lock(&self.own).remove(client_id);
            let departed = self.commands.depart(client_id, AWAY).await;
            departed.inspect_err(|_| self.unsure.store(true, Ordering::Relaxed))?;
            *lock(&self.looks_until) = Some(Instant::now() + AWAY + LOOK);
            self.departed.notify_one();
            Ok(None)
        })
    }

    fn online(&self) -> Vec<(Arc<str>, Arc<str>)> {
        lock(&self.roster).list()
    }

    fn everyone(&self) -> Doing<'_, Vec<User>> {
        Box::pin(async move { Ok(self.commands.everyone().await?) })
    }

    fn listen(&self, listener: Listener) {
        *lock(&self.listener) = Some(listener);
    }

    fn run(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            tokio::join!(self.keep(), self.follow(), self.look());
        })
    }

    fn end(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            // Where Redis is away, the others find the lease over.
            if let Err(error) = self.commands.end().await {
                tracing::debug!(%error, "the lease of presence was not ended");
            }
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holds values that are whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
