//! The bus over Redis, through fred.
//!
//! Two connections, since a subscriber's own commands would wait behind its messages. Both are handed in connected;
//! this file knows no URL.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, EventInterface, PubsubInterface},
    types::{Message, MessageKind, RespVersion, Value, config::Options},
};
use tokio::sync::{
    broadcast::{Receiver, error::RecvError},
    watch,
};

use super::{Bus, BusFuture, Delivery, Link, Topic};
use crate::{
    error::{BusError, InitError},
    inbox::Inbox,
    observer::DropCause,
};

/// The least `broadcast_channel_capacity` of a subscriber: fred's default of 32 loses most of a burst of 500 messages.
pub const MIN_CAPACITY: usize = 8192;

/// How long a command may take. A heartbeat that fails reopens the connections earlier than anybody gives up.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the state of the connections is looked at beside fred's own news of it, which cannot tell "down for good
/// reason" from "one command failed".
const LOOK: Duration = Duration::from_millis(100);

/// Redis as a [`Bus`].
#[derive(Debug)]
pub struct RedisBus {
    publisher: Client,
    subscriber: Client,
    link: watch::Sender<Link>,
    /// Taken by `listen`; opened at once, so that nothing between the start and then is missed.
    events: Mutex<Option<Events>>,
}

#[derive(Debug)]
struct Events {
    messages: Receiver<Message>,
    reconnects: Receiver<fred::types::config::Server>,
}

impl RedisBus {
    /// Makes a bus of two connected clients, which are used for nothing else.
    ///
    /// # Errors
    ///
    /// [`InitError`] if the subscriber would lose messages or cannot confirm subscriptions, or if a client would not
    /// connect again by itself.
    pub fn new(publisher: Client, subscriber: Client) -> Result<Self, InitError> {
        let capacity = subscriber.perf_config().broadcast_channel_capacity;
        if capacity < MIN_CAPACITY {
            return Err(InitError::SmallCapacity {
                capacity,
                needed: MIN_CAPACITY,
            });
        }
        if subscriber.client_config().version != RespVersion::RESP3 {
            return Err(InitError::Resp2);
        }
        for (name, client) in [("publisher", &publisher), ("subscriber", &subscriber)] {
            if client.client_reconnect_policy().is_none() {
                return Err(InitError::NoReconnectPolicy(name));
            }
        }
        let events = Events {
            messages: subscriber.message_rx(),
            reconnects: subscriber.reconnect_rx(),
        };
        let link = Link {
            epoch: 1,
            receiving: subscriber.is_connected(),
            publishing: publisher.is_connected(),
        };
        Ok(Self {
            publisher,
            subscriber,
            link: watch::Sender::new(link),
            events: Mutex::new(Some(events)),
        })
    }

    /// Runs subscription commands on one connection, and has Redis confirm them.
    ///
    /// fred resolves such commands when they are written, since their answers come as pushes. Redis works one
    /// connection's commands off in order, so the answer to a PING behind them is the confirmation, provided that the
    /// connection is still the same.
    fn confirmed<F, Run>(&self, run: F) -> BusFuture
    where
        F: FnOnce(fred::clients::WithOptions<Client>) -> Run + Send + 'static,
        Run: Future<Output = Result<(), Error>> + Send,
    {
        let subscriber = self.subscriber.clone();
        Box::pin(async move {
            let mut reconnects = subscriber.reconnect_rx();
            let client = subscriber.with_options(&fail_fast());
            run(client.clone()).await.map_err(BusError::Redis)?;
            let _: Value = client.ping(None).await.map_err(BusError::Redis)?;
            if reconnects.try_recv().is_ok() {
                return Err(BusError::Reconnected);
            }
            Ok(())
        })
    }
}

impl Bus for RedisBus {
    fn publish(&self, channel: String, payload: Bytes) -> BusFuture {
        let publisher = self.publisher.with_options(&fail_fast());
        Box::pin(async move {
            publisher
                .publish::<(), _, _>(channel, payload)
                .await
                .map_err(BusError::Redis)
        })
    }

    fn subscribe(&self, topics: Vec<Topic>) -> BusFuture {
        let (channels, patterns) = split(topics);
        self.confirmed(async move |client| {
            if !channels.is_empty() {
                client.subscribe(channels).await?;
            }
            if !patterns.is_empty() {
                client.psubscribe(patterns).await?;
            }
            Ok(())
        })
    }

    fn unsubscribe(&self, topics: Vec<Topic>) -> BusFuture {
        let (channels, patterns) = split(topics);
        self.confirmed(async move |client| {
            // Without arguments, these commands would end every subscription.
            if !channels.is_empty() {
                client.unsubscribe(channels).await?;
            }
            if !patterns.is_empty() {
                client.punsubscribe(patterns).await?;
            }
            Ok(())
        })
    }

    fn reopen(&self) -> BusFuture {
        let (publisher, subscriber) = (self.publisher.clone(), self.subscriber.clone());
        Box::pin(async move {
            let (one, other) = tokio::join!(
                publisher.force_reconnection(),
                subscriber.force_reconnection()
            );
            one.and(other).map_err(BusError::Redis)
        })
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    fn listen(&self, inbox: Inbox) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let events = self
            .events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let (publisher, subscriber) = (self.publisher.clone(), self.subscriber.clone());
        let link = self.link.clone();
        Box::pin(async move {
            let Some(events) = events else {
                return;
            };
            tokio::join!(
                drain(events.messages, inbox),
                watch(events.reconnects, &publisher, &subscriber, &link),
            );
        })
    }
}

/// Does nothing but take messages out of fred's channel.
async fn drain(mut messages: Receiver<Message>, inbox: Inbox) {
    loop {
        match messages.recv().await {
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

async fn watch(
    mut reconnects: Receiver<fred::types::config::Server>,
    publisher: &Client,
    subscriber: &Client,
    link: &watch::Sender<Link>,
) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        let replaced = tokio::select! {
            reconnect = reconnects.recv() => match reconnect {
                Ok(_) | Err(RecvError::Lagged(_)) => true,
                Err(RecvError::Closed) => return,
            },
            _ = look.tick() => false,
        };
        let (receiving, publishing) = (subscriber.is_connected(), publisher.is_connected());
        link.send_if_modified(|link| {
            let old = *link;
            link.epoch += u64::from(replaced);
            link.receiving = receiving;
            link.publishing = publishing;
            *link != old
        });
    }
}

/// One attempt, and none without a connection: fred's retries would send a message late, and after younger ones.
fn fail_fast() -> Options {
    Options {
        max_attempts: Some(1),
        fail_fast: true,
        timeout: Some(COMMAND_TIMEOUT),
        ..Options::default()
    }
}

fn split(topics: Vec<Topic>) -> (Vec<String>, Vec<String>) {
    let (mut channels, mut patterns) = (Vec::new(), Vec::new());
    for topic in topics {
        match topic {
            Topic::Channel(channel) => channels.push(channel),
            Topic::Pattern(pattern) => patterns.push(pattern),
        }
    }
    (channels, patterns)
}

/// A payload's bytes, which fred hands over as text where they happen to be UTF-8.
fn payload(value: Value) -> Option<Bytes> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        Value::String(text) => Some(text.into_inner()),
        _ => None,
    }
}
