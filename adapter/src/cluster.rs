//! What the adapters of one node have in common: the bus, its queues, and the tasks that keep them moving.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use rand::{Rng, distr::slice::Choose};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinSet,
    time::Instant,
};

mod about;
mod answers;
mod company;
mod dispatch;
mod heartbeat;
mod questions;
mod subscriber;
mod unreadable;

pub use about::Note;
pub(crate) use questions::Question;

use crate::{
    bus::Bus,
    channel,
    config::Config,
    dialect::Dialect,
    hearing::Hearing,
    inbox::Inbox,
    namespace::{LocalNamespace, Namespace},
    observer::{DropCause, Observer},
    outbox::{self, Outbox},
    peers::{Announcement, Peers},
    subscriptions::Subscriptions,
    telling::Telling,
};
use about::About;
use answers::{Desk, Jobs};
use company::Company;
use questions::Questions;

/// How many messages of nodes about themselves may wait: those of many nodes in a second.
const MOST_BEATS: usize = 1024;

/// One node's part in the cluster: the state that all its [`ClusterAdapter`](crate::ClusterAdapter)s share.
///
/// A cheap handle. Nothing passes between nodes while nobody polls [`Cluster::run`]; local delivery needs no `run`.
#[derive(Clone)]
pub struct Cluster(Arc<Shared>);

struct Shared {
    config: Config,
    dialect: Dialect,
    node_id: String,
    beats_channel: String,
    bus: Arc<dyn Bus>,
    is_alone: bool,
    observer: Arc<dyn Observer>,
    outbox: Outbox,
    inbox: Inbox,
    /// Held for single steps, never while something is awaited.
    subscriptions: Mutex<Subscriptions>,
    /// Wakes the subscriber task.
    subscriptions_changed: Notify,
    hearing: Mutex<Hearing>,
    hears: watch::Sender<bool>,
    /// Has the node say at once what it serves.
    to_announce: Notify,
    /// It has said that it goes, and says no more that it is there.
    leaves: AtomicBool,
    peers: Mutex<Peers>,
    /// Who else was seen in each namespace.
    company: Mutex<HashMap<String, Company>>,
    /// Held for single steps, never while something is awaited.
    questions: Questions,
    /// Held for single steps, never while something is awaited.
    unreadable: Mutex<Telling>,
    desk: Desk,
    about: About,
    /// What [`Cluster::notes`] takes, once.
    notes: Mutex<Option<mpsc::Receiver<Note>>>,
    /// What [`Cluster::run`] takes, once.
    to_run: Mutex<Option<ToRun>>,
    namespaces: RwLock<HashMap<String, Arc<dyn LocalNamespace>>>,
}

struct ToRun {
    heard: mpsc::Receiver<Bytes>,
    jobs: Jobs,
}

impl Cluster {
    /// A name for [`Cluster::new`], new at each call.
    pub fn random_node_id() -> String {
        random_id(10)
    }

    /// Joins a node to the cluster on `bus`, under a name that no other node has. `observer` may be `()`.
    pub fn new(
        node_id: impl Into<String>,
        bus: impl Bus,
        config: Config,
        observer: impl Observer,
    ) -> Self {
        let node_id = node_id.into();
        let observer: Arc<dyn Observer> = Arc::new(observer);
        observer.nodes(1);
        let dialect = Dialect::of(&config);
        let beats_channel = channel::nodes(&config.key);
        let (beats, heard) = mpsc::channel(MOST_BEATS);
        let (desk, jobs) = answers::desk();
        let (about, notes) = About::new();
        let subscriptions = Subscriptions::new(
            config.key.clone(),
            dialect,
            config.subscribe,
            beats_channel.clone(),
            bus.link().borrow().receiving,
        );
        Self(Arc::new(Shared {
            node_id,
            is_alone: bus.is_alone(),
            bus: Arc::new(bus),
            outbox: Outbox::new(config.outbox_bytes, config.outbox_age, observer.clone()),
            inbox: Inbox::new(
                config.inbox_bytes,
                beats_channel.clone(),
                beats,
                observer.clone(),
            ),
            subscriptions: Mutex::new(subscriptions),
            subscriptions_changed: Notify::new(),
            hearing: Mutex::new(Hearing::new(config.heartbeat_timeout, Instant::now())),
            hears: watch::Sender::new(false),
            to_announce: Notify::new(),
            leaves: AtomicBool::new(false),
            peers: Mutex::new(Peers::new(config.heartbeat_timeout)),
            company: Mutex::default(),
            questions: Questions::default(),
            unreadable: Mutex::default(),
            desk,
            about,
            notes: Mutex::new(Some(notes)),
            to_run: Mutex::new(Some(ToRun { heard, jobs })),
            namespaces: RwLock::default(),
            observer,
            beats_channel,
            dialect,
            config,
        }))
    }

    /// This node's name.
    pub fn node_id(&self) -> &str {
        &self.0.node_id
    }

    /// Whether the node hears the bus, and news of it. Proven by messages to itself, not by a connection's state.
    pub fn hears(&self) -> watch::Receiver<bool> {
        self.0.hears.subscribe()
    }

    /// The handle to a namespace that was added to the server; `None` where there is none of that name.
    pub fn namespace(&self, name: &str) -> Option<Namespace> {
        let namespaces = self
            .0
            .namespaces
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        namespaces.get(name).cloned().map(Namespace::new)
    }

    /// Carries messages to and from the other nodes, until dropped.
    ///
    /// Call it once and own it: spawn it, and drop or abort it to leave the cluster. It only returns if one of its tasks
    /// ended, which is a bug worth stopping the process for.
    pub async fn run(&self) {
        let to_run = lock(&self.0.to_run).take();
        let Some(ToRun { heard, jobs }) = to_run else {
            tracing::error!("the cluster runs already, or was left");
            return;
        };
        let (answering, attending) = jobs.into_tasks(self.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(answering);
        tasks.spawn(attending);
        tasks.spawn(self.0.bus.listen(self.0.inbox.clone()));
        tasks.spawn(outbox::publish(self.0.outbox.clone(), self.0.bus.clone()));
        tasks.spawn(dispatch::run(self.clone()));
        tasks.spawn(subscriber::run(self.clone()));
        tasks.spawn(company::run(self.clone()));
        tasks.spawn(heartbeat::run(self.clone(), heard));
        let ended = tasks.join_next().await;
        self.0.hears.send_replace(false);
        tracing::error!(
            ?ended,
            "a task of the cluster ended, other nodes are not heard any more"
        );
    }

    /// Ready when more may be broadcast: pending while the bus is so much slower than this node that the outbox is half
    /// full. For servers that can hold back a client whose events become broadcasts. While the bus is away it is ready, and
    /// what the outbox cannot hold is dropped and counted.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        self.0.outbox.poll_ready(context)
    }

    /// The names of all nodes of this crate that are there, this one included, in order. Servers of Node.js are not among
    /// them.
    pub fn nodes(&self) -> Vec<String> {
        let mut nodes = self.peers().names();
        nodes.push(self.0.node_id.clone());
        nodes.sort();
        nodes
    }

    /// Tells the other nodes that this one is about to go, so that they wait for none of its answers. It still answers.
    pub fn farewell(&self) {
        if self.is_alone() {
            return;
        }
        self.0.leaves.store(true, Ordering::Relaxed);
        let announcement = Announcement {
            node: self.0.node_id.clone(),
            leaves: true,
            ..Announcement::default()
        };
        self.outbox()
            .push(self.0.beats_channel.clone(), announcement.to_bytes(), false);
    }

    /// Waits until the bus has everything that was broadcast so far, for at most `patience`.
    pub async fn flushed(&self, patience: Duration) {
        // What is left then is lost with the process, as it would have been without waiting.
        let _ = tokio::time::timeout(patience, self.0.outbox.drained()).await;
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.0.observer
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    /// Hands one message to the bus past the outbox, for what is too large to wait there.
    pub(crate) async fn publish(&self, channel: String, payload: Bytes) {
        match self.0.bus.publish(channel, payload).await {
            Ok(()) => self.observer().published(),
            Err(_) => self.observer().dropped(DropCause::PublishFailed, 1),
        }
    }

    pub(crate) fn peers(&self) -> MutexGuard<'_, Peers> {
        lock(&self.0.peers)
    }

    pub(crate) fn attach(&self, name: &str, namespace: Arc<dyn LocalNamespace>) -> Confirmation {
        let mut namespaces = self
            .0
            .namespaces
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let uid = namespace.uid().to_owned();
        namespaces.insert(name.to_owned(), namespace);
        drop(namespaces);
        // Before others count it among those that they know nothing of.
        self.0.to_announce.notify_one();
        let waiting = self.change(|subscriptions| subscriptions.add_namespace(name, &uid));
        self.confirmation(waiting)
    }

    pub(crate) fn detach(&self, name: &str) {
        let mut namespaces = self
            .0
            .namespaces
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        namespaces.remove(name);
        drop(namespaces);
        self.change(|subscriptions| subscriptions.remove_namespace(name));
    }

    /// Whether there are no other nodes, nor will be.
    pub(crate) fn is_alone(&self) -> bool {
        self.0.is_alone
    }

    pub(crate) fn join(&self, namespace: &str, room: &str) -> Confirmation {
        if self.is_alone() || !self.0.dialect.has_channel(room) {
            return self.confirmation(None);
        }
        let waiting = self.change(|subscriptions| subscriptions.join(namespace, room));
        self.confirmation(waiting)
    }

    pub(crate) fn join_again(&self, namespace: &str, room: &str) -> Confirmation {
        if self.is_alone() || !self.0.dialect.has_channel(room) {
            return self.confirmation(None);
        }
        let waiting = self.subscriptions().join_again(namespace, room);
        self.confirmation(waiting)
    }

    pub(crate) fn leave(&self, namespace: &str, room: &str) {
        if self.is_alone() || !self.0.dialect.has_channel(room) {
            return;
        }
        self.change(|subscriptions| subscriptions.leave(namespace, room));
    }

    /// Changes what is wanted, and tells whoever has to know.
    fn change<T>(&self, change: impl FnOnce(&mut Subscriptions) -> T) -> T {
        let mut subscriptions = self.subscriptions();
        let by_pattern = subscriptions.by_pattern();
        let result = change(&mut subscriptions);
        let counts = subscriptions.counts();
        if subscriptions.by_pattern() != by_pattern {
            tracing::warn!(
                rooms = subscriptions.rooms(),
                by_pattern = !by_pattern,
                "the number of rooms crossed its limit, subscriptions change between rooms and patterns"
            );
        }
        drop(subscriptions);
        self.0.observer.subscriptions(counts);
        self.0.subscriptions_changed.notify_one();
        result
    }

    fn confirmation(&self, waiting: Option<oneshot::Receiver<()>>) -> Confirmation {
        Confirmation {
            cluster: self.clone(),
            deadline: Instant::now() + self.0.config.join_timeout,
            waiting,
        }
    }

    fn subscriptions(&self) -> MutexGuard<'_, Subscriptions> {
        lock(&self.0.subscriptions)
    }

    fn hearing(&self) -> MutexGuard<'_, Hearing> {
        lock(&self.0.hearing)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each step leaves the state whole, so a panic elsewhere leaves it usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("node_id", &self.0.node_id)
            .finish_non_exhaustive()
    }
}

/// A subscription that is under way.
pub(crate) struct Confirmation {
    cluster: Cluster,
    deadline: Instant,
    waiting: Option<oneshot::Receiver<()>>,
}

impl Confirmation {
    /// Whether there is anything left to wait for.
    pub(crate) fn is_open(&self) -> bool {
        self.waiting.is_some()
    }

    /// Waits until the bus has confirmed, at most until the configured time after it began, and not at all while the bus is away.
    pub(crate) async fn wait(self) {
        let Some(waiting) = self.waiting else { return };
        let confirmed = tokio::time::timeout_at(self.deadline, waiting).await;
        if !matches!(confirmed, Ok(Ok(()))) {
            self.cluster.0.observer.unconfirmed_join();
        }
    }
}

/// A random name of Node's alphabet for ids.
pub(crate) fn random_id(length: usize) -> String {
    const ALPHABET: [char; 64] = {
        let bytes = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut alphabet = ['A'; 64];
        let mut at = 0;
        while at < 64 {
            alphabet[at] = bytes[at] as char;
            at += 1;
        }
        alphabet
    };
    let letters = Choose::new(&ALPHABET).expect("the alphabet above is not empty");
    rand::rng().sample_iter(letters).take(length).collect()
}
