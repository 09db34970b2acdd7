//! The bus over Redis, through fred.
//!
//! Two connections, since a subscriber's own commands would wait behind its messages. Both are handed in connected;
//! this file knows no URL.

mod census;
mod client;
mod connections;
mod news;
mod places;
mod report;
mod sharded;
mod shards;
mod topology;

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use fred::{
    clients::{Client, WithOptions},
    error::Error,
    interfaces::{ClientLike, EventInterface, PubsubInterface},
    types::RespVersion,
};
use futures_util::future::try_join_all;
use tokio::sync::watch;

use super::{Bus, BusFuture, CountFuture, Link, Topic};
use crate::{
    error::{BusError, InitError},
    inbox::Inbox,
};
use census::Census;
pub(crate) use client::connected;
use client::{is_clustered, once, ping};
use connections::Connections;
use shards::Shards;

/// The least `broadcast_channel_capacity` of a subscriber: fred's default of 32 loses most of a burst of 500 messages.
pub const MIN_CAPACITY: usize = 8192;

/// Redis as a [`Bus`].
///
/// On a Redis Cluster the classic bus goes through any one of its nodes, which carries messages to and from all others.
/// Where that node is lost, it goes through another within a second, and does not wait for the cluster to replace it.
#[derive(Debug)]
pub struct RedisBus(Arc<Kind>);

#[derive(Debug)]
enum Kind {
    /// PUBLISH and SUBSCRIBE, which reach everybody.
    Classic {
        connections: Connections,
        census: Census,
    },
    /// SPUBLISH and SSUBSCRIBE at a single server.
    Sharded(Connections),
    /// The same on a Redis Cluster, where each channel is at one master.
    Shards(Arc<Shards>),
}

impl RedisBus {
    /// Makes a bus of two connected clients, which are used for nothing else.
    ///
    /// Should a connection hang, clients of the same settings take their place. Clients of a Redis Cluster give way at once
    /// to such that are connected to one of its nodes.
    ///
    /// # Errors
    ///
    /// [`InitError`] if the subscriber would lose messages or cannot confirm subscriptions, or if a client would not
    /// connect again by itself.
    pub fn new(publisher: Client, subscriber: Client) -> Result<Self, InitError> {
        check(&publisher, &subscriber)?;
        Ok(Self(Arc::new(Kind::Classic {
            connections: Connections::new(publisher, subscriber),
            census: Census::default(),
        })))
    }

    /// The same over sharded Pub/Sub, which Redis knows since version 7: on a Redis Cluster, each message goes through the
    /// one master that its channel belongs to, and not to all nodes.
    ///
    /// There are no patterns: a [`Topic::Pattern`] is refused with [`BusError::NoPatterns`]. Order holds for each channel by
    /// itself.
    ///
    /// # Errors
    ///
    /// As [`RedisBus::new`].
    pub fn sharded(publisher: Client, subscriber: Client) -> Result<Self, InitError> {
        check(&publisher, &subscriber)?;
        let kind = if is_clustered(&publisher) {
            Kind::Shards(Arc::new(Shards::new(publisher, subscriber)))
        } else {
            Kind::Sharded(Connections::new(publisher, subscriber))
        };
        Ok(Self(Arc::new(kind)))
    }
}

fn check(publisher: &Client, subscriber: &Client) -> Result<(), InitError> {
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
    for (name, client) in [("publisher", publisher), ("subscriber", subscriber)] {
        if client.client_reconnect_policy().is_none() {
            return Err(InitError::NoReconnectPolicy(name));
        }
    }
    Ok(())
}

impl Bus for RedisBus {
    fn publish(&self, channel: String, payload: Bytes) -> BusFuture {
        match &*self.0 {
            Kind::Classic { connections, .. } => {
                let publisher = connections.publisher();
                Box::pin(async move {
                    connected(&publisher)?
                        .publish::<(), _, _>(channel, payload)
                        .await
                        .map_err(BusError::Redis)
                })
            }
            Kind::Sharded(connections) => {
                sharded::publish(connections.publisher(), channel, payload)
            }
            Kind::Shards(shards) => {
                let Some(publisher) = shards.publisher(&channel) else {
                    return Box::pin(async { Err(BusError::Disconnected) });
                };
                let shards = shards.clone();
                Box::pin(async move {
                    let published = sharded::publish(publisher, channel, payload).await;
                    if published.is_err() {
                        shards.look_soon();
                    }
                    published
                })
            }
        }
    }

    fn subscribe(&self, topics: Vec<Topic>) -> BusFuture {
        match &*self.0 {
            Kind::Classic { connections, .. } => {
                let (channels, patterns) = split(topics);
                confirmed(connections.subscriber(), async move |client| {
                    if !channels.is_empty() {
                        client.subscribe(channels).await?;
                    }
                    if !patterns.is_empty() {
                        client.psubscribe(patterns).await?;
                    }
                    Ok(())
                })
            }
            Kind::Sharded(connections) => {
                let subscriber = connections.subscriber();
                Box::pin(async move { sharded::subscribe(&subscriber, channels_of(topics)?).await })
            }
            Kind::Shards(shards) => {
                let shards = shards.clone();
                Box::pin(async move {
                    let parts = shards.divided(channels_of(topics)?)?;
                    let parts = parts
                        .iter()
                        .map(|(client, channels)| sharded::subscribe(client, channels.clone()));
                    let done = try_join_all(parts).await;
                    if done.is_err() {
                        shards.look_soon();
                    }
                    done.map(drop)
                })
            }
        }
    }

    fn unsubscribe(&self, topics: Vec<Topic>) -> BusFuture {
        match &*self.0 {
            Kind::Classic { connections, .. } => {
                let (channels, patterns) = split(topics);
                confirmed(connections.subscriber(), async move |client| {
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
            Kind::Sharded(connections) => {
                let subscriber = connections.subscriber();
                Box::pin(
                    async move { sharded::unsubscribe(&subscriber, channels_of(topics)?).await },
                )
            }
            Kind::Shards(shards) => {
                let shards = shards.clone();
                Box::pin(async move {
                    let parts = shards.divided(channels_of(topics)?)?;
                    let parts = parts
                        .iter()
                        .map(|(client, channels)| sharded::unsubscribe(client, channels.clone()));
                    try_join_all(parts).await.map(drop)
                })
            }
        }
    }

    fn subscribers(&self, channels: Vec<String>) -> CountFuture {
        let kind = self.0.clone();
        Box::pin(async move {
            match &*kind {
                Kind::Classic {
                    connections,
                    census,
                } => {
                    let publisher = connections.publisher();
                    connected(&publisher)?;
                    let counts = if connections.is_clustered() {
                        census.count(&publisher, &channels).await
                    } else {
                        client::subscribers(&publisher, &channels).await
                    };
                    counts.map_err(BusError::Redis)
                }
                Kind::Sharded(connections) => {
                    sharded::subscribers(&connections.publisher(), &channels).await
                }
                Kind::Shards(shards) => {
                    let counts = channels.chunks(1).map(async |channel| {
                        let publisher = shards.publisher(&channel[0]);
                        let publisher = publisher.ok_or(BusError::Disconnected)?;
                        sharded::subscribers(&publisher, channel).await
                    });
                    Ok(try_join_all(counts).await?.concat())
                }
            }
        })
    }

    fn reopen(&self) -> BusFuture {
        let kind = self.0.clone();
        Box::pin(async move {
            match &*kind {
                Kind::Classic { connections, .. } | Kind::Sharded(connections) => {
                    connections.replace().await.map_err(BusError::Redis)
                }
                Kind::Shards(shards) => shards.replace().await.map_err(BusError::Redis),
            }
        })
    }

    fn link(&self) -> watch::Receiver<Link> {
        match &*self.0 {
            Kind::Classic { connections, .. } | Kind::Sharded(connections) => connections.link(),
            Kind::Shards(shards) => shards.link(),
        }
    }

    fn listen(&self, inbox: Inbox) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let kind = self.0.clone();
        Box::pin(async move {
            match &*kind {
                Kind::Classic { connections, .. } | Kind::Sharded(connections) => {
                    connections.listen(&inbox).await;
                }
                Kind::Shards(shards) => shards.listen(&inbox).await,
            }
        })
    }
}

/// Runs subscription commands on one connection, and has Redis confirm them.
///
/// fred resolves such commands when they are written, since their answers come as pushes. Redis works one connection's
/// commands off in order, so the answer to a PING behind them is the confirmation, provided that the connection is still
/// the same.
fn confirmed<F, Run>(subscriber: Client, run: F) -> BusFuture
where
    F: FnOnce(WithOptions<Client>) -> Run + Send + 'static,
    Run: Future<Output = Result<(), Error>> + Send,
{
    Box::pin(async move {
        let mut reconnects = subscriber.reconnect_rx();
        run(once(&subscriber)).await.map_err(BusError::Redis)?;
        ping(&subscriber).await.map_err(BusError::Redis)?;
        if reconnects.try_recv().is_ok() {
            return Err(BusError::Reconnected);
        }
        Ok(())
    })
}

fn channels_of(topics: Vec<Topic>) -> Result<Vec<String>, BusError> {
    let channel = |topic| match topic {
        Topic::Channel(channel) => Ok(channel),
        Topic::Pattern(_) => Err(BusError::NoPatterns),
    };
    topics.into_iter().map(channel).collect()
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
