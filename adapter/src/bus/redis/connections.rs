//! The connections of a [`RedisBus`](super::RedisBus): their state, their messages, and new ones for those that hang.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, EventInterface},
    types::{Message, MessageKind, Value, config::Server},
};
use futures_util::FutureExt;
use tokio::sync::{
    Notify,
    broadcast::{
        Receiver,
        error::{RecvError, TryRecvError},
    },
    watch,
};

use crate::{
    bus::{Delivery, Link},
    inbox::Inbox,
    observer::DropCause,
};

/// How often the state of the connections is looked at beside fred's own news of it, which come a little before the
/// state changes.
const LOOK: Duration = Duration::from_millis(100);

/// A publisher and a subscriber, replaced together.
#[derive(Debug)]
pub(super) struct Connections {
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
    pub(super) fn new(publisher: Client, subscriber: Client) -> Self {
        let link = Link {
            epoch: 1,
            receiving: subscriber.is_connected(),
            publishing: publisher.is_connected(),
        };
        let pair = Pair {
            publisher,
            subscriber,
        };
        Self {
            news: Mutex::new(Some(News::of(&pair))),
            pair: Mutex::new(pair),
            link: watch::Sender::new(link),
            replaced: Notify::new(),
        }
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
        let (publisher, subscriber) = {
            let mut pair = lock(&self.pair);
            let new = Pair {
                publisher: again(&pair.publisher),
                subscriber: again(&pair.subscriber),
            };
            *lock(&self.news) = Some(News::of(&new));
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
        let (one, other) = tokio::join!(publisher.init(), subscriber.init());
        one.and(other).map(drop)
    }

    /// Puts messages into `inbox` and keeps the link's state, also over new clients.
    pub(super) async fn listen(&self, inbox: &Inbox) {
        loop {
            let news = lock(&self.news).take();
            let following = async {
                if let Some(news) = news {
                    news.follow(inbox, &self.link).await;
                }
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = self.replaced.notified() => {}
                () = following => {}
            }
        }
    }
}

/// What the clients of a pair have to tell. Opened before they connect, so that nothing is missed.
#[derive(Debug)]
struct News {
    publisher: Client,
    subscriber: Client,
    messages: Receiver<Message>,
    publisher_lost: Receiver<(Error, Option<Server>)>,
    subscriber_lost: Receiver<(Error, Option<Server>)>,
    publisher_made: Receiver<Server>,
    subscriber_made: Receiver<Server>,
}

impl News {
    fn of(pair: &Pair) -> Self {
        let (publisher, subscriber) = (&pair.publisher, &pair.subscriber);
        Self {
            publisher: publisher.clone(),
            subscriber: subscriber.clone(),
            messages: subscriber.message_rx(),
            publisher_lost: publisher.error_rx(),
            subscriber_lost: subscriber.error_rx(),
            publisher_made: publisher.reconnect_rx(),
            subscriber_made: subscriber.reconnect_rx(),
        }
    }

    async fn follow(self, inbox: &Inbox, link: &watch::Sender<Link>) {
        let Self {
            publisher,
            subscriber,
            messages,
            mut publisher_lost,
            mut subscriber_lost,
            mut publisher_made,
            mut subscriber_made,
        } = self;
        let watching = async {
            let mut look = tokio::time::interval(LOOK);
            // fred keeps the state of a lost connection until it begins to make a new one.
            let (mut receiving, mut publishing) = (true, true);
            loop {
                let mut replaced = false;
                tokio::select! {
                    // Of a loss and a new connection that are both known, the loss came first.
                    biased;
                    Some(()) = came(&mut subscriber_lost) => receiving = false,
                    Some(()) = came(&mut publisher_lost) => publishing = false,
                    Some(()) = came(&mut publisher_made) => publishing = true,
                    made = came(&mut subscriber_made) => {
                        if made.is_none() { return }
                        receiving = true;
                        replaced = true;
                    }
                    _ = look.tick() => {}
                }
                let now = (
                    receiving && subscriber.is_connected(),
                    publishing && publisher.is_connected(),
                );
                link.send_if_modified(|link| {
                    let old = *link;
                    link.epoch += u64::from(replaced);
                    (link.receiving, link.publishing) = now;
                    *link != old
                });
            }
        };
        tokio::join!(drain(messages, inbox), watching);
    }
}

/// Waits for an event; `None` when there will be no more.
async fn came<T: Clone>(events: &mut Receiver<T>) -> Option<()> {
    match events.recv().await {
        Ok(_) | Err(RecvError::Lagged(_)) => Some(()),
        Err(RecvError::Closed) => None,
    }
}

/// Does nothing but take messages out of fred's channel: all there are before it lets others run, since the task that
/// fills the channel does not wait for this one.
async fn drain(mut messages: Receiver<Message>, inbox: &Inbox) {
    loop {
        let message = match messages.try_recv() {
            Err(TryRecvError::Empty) => messages.recv().await,
            Ok(message) => Ok(message),
            Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
            Err(TryRecvError::Closed) => Err(RecvError::Closed),
        };
        match message {
            Ok(message) => {
                let by_pattern = message.kind == MessageKind::PMessage;
                let channel = message.channel.to_string();
                match payload(message.value) {
                    Some(payload) => inbox.push(Delivery {
                        channel,
                        payload,
                        by_pattern,
                    }),
                    None => inbox.lost(DropCause::Malformed, 1),
                }
            }
            Err(RecvError::Lagged(missed)) => inbox.lost(DropCause::Lagged, missed),
            Err(RecvError::Closed) => return,
        }
    }
}

/// A client of the same settings. It tries again also if the first attempt fails.
fn again(client: &Client) -> Client {
    // Its reconnect policy counts attempts, and begins anew in a copy.
    let copy = client.clone_new();
    let mut config = copy.client_config();
    config.fail_fast = false;
    Client::new(
        config,
        Some(copy.perf_config()),
        Some(copy.connection_config().clone()),
        copy.client_reconnect_policy(),
    )
}

/// A payload's bytes, which fred hands over as text where they happen to be UTF-8.
fn payload(value: Value) -> Option<Bytes> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        Value::String(text) => Some(text.into_inner()),
        _ => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each of these holds whole values only, so a panic elsewhere leaves them usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
