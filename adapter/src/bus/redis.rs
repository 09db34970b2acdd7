//! The bus over Redis, through fred.
//!
//! Two connections, since a subscriber's own commands would wait behind its messages. Both are handed in connected;
//! this file knows no URL.

mod connections;

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use fred::{
    clients::{Client, WithOptions},
    error::Error,
    interfaces::{ClientLike, EventInterface, PubsubInterface},
    types::{RespVersion, Value, config::Options},
};
use tokio::sync::watch;

use super::{Bus, BusFuture, CountFuture, Link, Topic};
use crate::{
    error::{BusError, InitError},
    inbox::Inbox,
};
use connections::Connections;

/// The least `broadcast_channel_capacity` of a subscriber: fred's default of 32 loses most of a burst of 500 messages.
pub const MIN_CAPACITY: usize = 8192;

/// How long a command may take. A heartbeat that fails reopens the connections earlier than anybody gives up.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// Redis as a [`Bus`].
#[derive(Debug)]
pub struct RedisBus(Arc<Connections>);

impl RedisBus {
    /// Makes a bus of two connected clients, which are used for nothing else.
    ///
    /// Should a connection hang, clients of the same settings take their place.
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
        Ok(Self(Arc::new(Connections::new(publisher, subscriber))))
    }

    /// Runs subscription commands on one connection, and has Redis confirm them.
    ///
    /// fred resolves such commands when they are written, since their answers come as pushes. Redis works one
    /// connection's commands off in order, so the answer to a PING behind them is the confirmation, provided that the
    /// connection is still the same.
    fn confirmed<F, Run>(&self, run: F) -> BusFuture
    where
        F: FnOnce(WithOptions<Client>) -> Run + Send + 'static,
        Run: Future<Output = Result<(), Error>> + Send,
    {
        let subscriber = self.0.subscriber();
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
        let publisher = self.0.publisher();
        Box::pin(async move {
            if !publisher.is_connected() {
                return Err(BusError::Disconnected);
            }
            publisher
                .with_options(&fail_fast())
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

    fn subscribers(&self, channel: String) -> CountFuture {
        let publisher = self.0.publisher();
        Box::pin(async move {
            if !publisher.is_connected() {
                return Err(BusError::Disconnected);
            }
            let counts: HashMap<String, usize> = publisher
                .with_options(&fail_fast())
                .pubsub_numsub(channel.clone())
                .await
                .map_err(BusError::Redis)?;
            Ok(counts.get(&channel).copied().unwrap_or_default())
        })
    }

    fn reopen(&self) -> BusFuture {
        let connections = self.0.clone();
        Box::pin(async move { connections.replace().await.map_err(BusError::Redis) })
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.0.link()
    }

    fn listen(&self, inbox: Inbox) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let connections = self.0.clone();
        Box::pin(async move { connections.listen(&inbox).await })
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
