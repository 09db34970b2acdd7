//! Connects to Redis. The one file that opens connections to it, and that knows how fred has to be set up.

use std::time::Duration;

use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, EventInterface},
    types::{
        Builder, RespVersion,
        config::{Config, ReconnectPolicy, Server, TcpConfig, UnresponsiveConfig},
    },
};
use roomcast_adapter::bus::RedisBus;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

use crate::config::RedisUrl;

/// How long a node waits for Redis when it starts.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two attempts to connect. Short, since a node has to be back within 5 s of Redis being back.
const RETRY: Duration = Duration::from_millis(300);

/// A connection that takes longer is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Messages that fred keeps for the task that drains them: what arrives while that task waits for its turn.
const CAPACITY: usize = 16_384;

/// The same for the client that gets no messages.
const FEW: usize = 32;

/// Commands that fred queues; the adapter keeps far fewer under way.
const COMMAND_BUFFER: usize = 65_536;

/// Why there is no bus.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The client does not take the URL.
    #[error("redis.url is no address that the client takes")]
    Url(#[source] Error),
    /// Redis did not answer in time.
    #[error("redis at {address} did not answer within {} s", PATIENCE.as_secs())]
    Unreachable {
        /// Where it should be, without user and password.
        address: String,
        /// What the last attempt said.
        #[source]
        source: Option<Error>,
    },
    /// The adapter does not take the clients made here: a bug.
    #[error("the redis clients are set up wrongly")]
    Setup(#[from] roomcast_adapter::InitError),
}

/// Connects a publisher and a subscriber.
///
/// # Errors
///
/// [`RedisError`] if the URL is not one of Redis, or nobody answered there for 30 s.
///
/// # Cancel safety
///
/// Connections that were made are closed when the future is dropped.
pub(crate) async fn connect(url: &RedisUrl) -> Result<RedisBus, RedisError> {
    let publisher = client(url, FEW)?;
    let subscriber = client(url, CAPACITY)?;
    ready(url, &publisher, &[&subscriber]).await?;
    Ok(RedisBus::new(publisher, subscriber)?)
}

/// Connects a client for commands, apart from the bus: a long answer holds back no message between nodes.
///
/// # Errors
///
/// As [`connect`].
///
/// # Cancel safety
///
/// As [`connect`].
pub(crate) async fn commands(url: &RedisUrl) -> Result<Client, RedisError> {
    let client = client(url, FEW)?;
    ready(url, &client, &[]).await?;
    Ok(client)
}

/// Connects a client for commands and a few subscriptions of its own.
///
/// # Errors
///
/// As [`connect`].
///
/// # Cancel safety
///
/// As [`connect`].
pub(crate) async fn listening(url: &RedisUrl) -> Result<Client, RedisError> {
    let client = client(url, CAPACITY)?;
    ready(url, &client, &[]).await?;
    Ok(client)
}

/// Connects `first` to what is at `url`, and then the others.
async fn ready(url: &RedisUrl, first: &Client, others: &[&Client]) -> Result<(), RedisError> {
    let mut errors = first.error_rx();
    let connecting = async {
        first.init().await?;
        for client in others {
            client.init().await?;
        }
        Ok::<_, Error>(())
    };
    let unreachable = |source| RedisError::Unreachable {
        address: url.to_string(),
        source,
    };
    match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(unreachable(Some(error))),
        Err(_) => Err(unreachable(last(&mut errors))),
    }
}

/// What the last attempt to connect said.
fn last(errors: &mut Receiver<(Error, Option<Server>)>) -> Option<Error> {
    let mut last = None;
    loop {
        match errors.try_recv() {
            Ok((error, _)) => last = Some(error),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return last,
        }
    }
}

/// A client whose channels of news, the one of messages among them, hold `capacity` entries each.
fn client(url: &RedisUrl, capacity: usize) -> Result<Client, RedisError> {
    let mut config = Config::from_url(url.expose()).map_err(RedisError::Url)?;
    // Subscriptions are confirmed by commands on the same connection, which RESP2 does not allow.
    config.version = RespVersion::RESP3;
    config.fail_fast = false;
    Builder::from_config(config)
        .with_performance_config(|performance| {
            performance.broadcast_channel_capacity = capacity;
        })
        .with_connection_config(|connection| {
            connection.connection_timeout = CONNECT_TIMEOUT;
            connection.internal_command_timeout = CONNECT_TIMEOUT;
            connection.max_command_attempts = 1;
            connection.max_command_buffer_len = COMMAND_BUFFER;
            connection.reconnect_on_auth_error = true;
            connection.unresponsive = UnresponsiveConfig {
                max_timeout: Some(CONNECT_TIMEOUT * 2),
                interval: Duration::from_secs(1),
            };
            connection.tcp = TcpConfig {
                nodelay: Some(true),
                ..TcpConfig::default()
            };
        })
        .set_policy(ReconnectPolicy::new_constant(0, RETRY.as_millis() as u32))
        .build()
        .map_err(RedisError::Url)
}
