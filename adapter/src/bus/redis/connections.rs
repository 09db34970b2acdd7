//! The connections of a [`RedisBus`](super::RedisBus), and new ones for those that hang or are lost.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, ClusterInterface},
    types::config::Server,
};
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, MissedTickBehavior},
};

use super::{
    client::{again, is_clustered, start},
    news::News,
    places::Places,
    topology,
};
use crate::{bus::Link, inbox::Inbox};

/// How often a Redis Cluster is asked which nodes it has.
const LOOK_AROUND: Duration = Duration::from_secs(1);

/// How long a node of it that has lost touch is put up with after one that had: they may all be no better.
const CALM: Duration = Duration::from_secs(10);

/// A publisher and a subscriber at the same server, replaced together.
#[derive(Debug)]
pub(super) struct Connections {
    /// The nodes of a Redis Cluster that they may be at.
    places: Option<Places>,
    pair: Mutex<Pair>,
    link: watch::Sender<Link>,
    /// What the newest pair has to tell, until it is listened to.
    news: Mutex<Option<News>>,
    replaced: Notify,
}

#[derive(Debug)]
struct Pair {
    publisher: Client,
    subscriber: Client,
}

impl Connections {
    /// Takes these two, or where they are of a Redis Cluster, two like them at one of its nodes.
    pub(super) fn new(publisher: Client, subscriber: Client) -> Self {
        let given = Pair {
            publisher,
            subscriber,
        };
        if !is_clustered(&given.publisher) {
            let is_up = given.subscriber.is_connected() && given.publisher.is_connected();
            return Self::of(given, None, is_up);
        }
        let seeds = given.publisher.client_config().server.hosts();
        let known = given.publisher.cached_cluster_state();
        let known = known.map(|state| state.unique_primary_nodes());
        let places = Places::new(seeds, known.unwrap_or_default());
        let pair = given.again(places.next().as_ref());
        let connections = Self::of(pair, Some(places), false);
        for client in [&given.publisher, &given.subscriber] {
            let _ = client.quit().now_or_never();
        }
        let pair = lock(&connections.pair);
        start(&pair.publisher);
        start(&pair.subscriber);
        drop(pair);
        connections
    }

    /// Like these, at this server, once they are begun to be made.
    pub(super) fn at(server: &Server, publisher: &Client, subscriber: &Client) -> Self {
        let pair = Pair {
            publisher: again(publisher, Some(server)),
            subscriber: again(subscriber, Some(server)),
        };
        let connections = Self::of(pair, None, false);
        let pair = lock(&connections.pair);
        start(&pair.publisher);
        start(&pair.subscriber);
        drop(pair);
        connections
    }

    fn of(pair: Pair, places: Option<Places>, is_up: bool) -> Self {
        let link = Link {
            epoch: u64::from(is_up),
            receiving: pair.subscriber.is_connected(),
            publishing: pair.publisher.is_connected(),
            failures: 0,
        };
        Self {
            places,
            news: Mutex::new(Some(News::of(&pair.publisher, &pair.subscriber, is_up))),
            pair: Mutex::new(pair),
            link: watch::Sender::new(link),
            replaced: Notify::new(),
        }
    }

    /// Whether they may be at any node of a Redis Cluster.
    pub(super) fn is_clustered(&self) -> bool {
        self.places.is_some()
    }

    pub(super) fn publisher(&self) -> Client {
        lock(&self.pair).publisher.clone()
    }

    pub(super) fn subscriber(&self) -> Client {
        lock(&self.pair).subscriber.clone()
    }

    pub(super) fn link(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    /// Puts new clients in the place of these, and waits until they are connected.
    ///
    /// fred's own way to reconnect is a command behind those that wait to be written, and so waits with them where the
    /// other end no longer reads.
    pub(super) async fn replace(&self) -> Result<(), Error> {
        let (publisher, subscriber) = self.exchange();
        let (one, other) = tokio::join!(publisher.init(), subscriber.init());
        one.and(other).map(drop)
    }

    /// Ends these clients.
    pub(super) fn quit(&self) {
        let pair = lock(&self.pair);
        for client in [&pair.publisher, &pair.subscriber] {
            let _ = client.quit().now_or_never();
        }
    }

    /// Puts new clients, which nobody has begun to connect, in the place of these.
    fn exchange(&self) -> (Client, Client) {
        let place = self.places.as_ref().and_then(Places::next);
        let clients = {
            let mut pair = lock(&self.pair);
            let new = pair.again(place.as_ref());
            *lock(&self.news) = Some(News::of(&new.publisher, &new.subscriber, false));
            let clients = (new.publisher.clone(), new.subscriber.clone());
            let old = std::mem::replace(&mut *pair, new);
            for client in [old.publisher, old.subscriber] {
                // It ends as soon as it can write, or its connection fails; nobody waits for that.
                let _ = client.quit().now_or_never();
            }
            clients
        };
        self.link.send_modify(|link| {
            link.epoch += 1;
            link.receiving = false;
            link.publishing = false;
        });
        self.replaced.notify_one();
        clients
    }

    /// Goes to another node of the Redis Cluster.
    fn move_on(&self) {
        let (publisher, subscriber) = self.exchange();
        start(&publisher);
        start(&subscriber);
    }

    /// Puts messages into `inbox` and keeps the link's state, also over new clients.
    pub(super) async fn listen(&self, inbox: &Inbox) {
        let mut following: BoxFuture<'_, ()> = std::future::pending().boxed();
        let mut calm_until = Instant::now();
        loop {
            let news = lock(&self.news).take();
            if let Some(news) = news {
                following = news.follow(inbox, &self.link, self.is_clustered()).boxed();
            }
            tokio::select! {
                () = self.replaced.notified() => {}
                () = &mut following => self.move_on(),
                () = self.look_around(calm_until) => {
                    calm_until = Instant::now() + CALM;
                    self.move_on();
                }
            }
        }
    }

    /// Keeps an eye on the Redis Cluster; ends when the node that the clients are at has lost touch with it.
    async fn look_around(&self, calm_until: Instant) {
        let Some(places) = &self.places else {
            return std::future::pending().await;
        };
        let mut turns = tokio::time::interval(LOOK_AROUND);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            turns.tick().await;
            let publisher = self.publisher();
            if !publisher.is_connected() {
                continue;
            }
            match topology::ask(&publisher).await {
                Ok(nodes) if topology::is_whole(&nodes) => places.learn(&nodes),
                Ok(_) if Instant::now() < calm_until => {}
                Ok(_) => {
                    tracing::warn!(
                        "this node of the redis cluster has lost touch with most others, going to another"
                    );
                    return;
                }
                Err(error) => tracing::debug!(%error, "the redis cluster did not tell its nodes"),
            }
        }
    }
}

impl Pair {
    /// Clients of the same settings.
    fn again(&self, place: Option<&Server>) -> Self {
        Self {
            publisher: again(&self.publisher, place),
            subscriber: again(&self.subscriber, place),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each of these holds whole values only, so a panic elsewhere leaves them usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
