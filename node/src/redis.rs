//! Connects to Redis. The one file that opens connections to it, and that knows how fred has to be set up.

mod tls;

use std::time::Duration;

use fred::{
    clients::Client,
    error::{Error, ErrorKind},
    interfaces::{ClientLike, EventInterface},
    types::{
        Builder, RespVersion,
        config::{Config, ReconnectPolicy, Server, ServerConfig, TcpConfig, UnresponsiveConfig},
    },
};
use roomcast_adapter::bus::RedisBus;
use tokio::sync::broadcast::{Receiver, error::RecvError};

pub use self::tls::TlsError;
pub(crate) use self::tls::{certificates, private_key};
use crate::config::{RedisMode, RedisTls, RedisUrl};

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
    /// TLS cannot be spoken as the configuration asks for.
    #[error("cannot speak TLS with redis")]
    Tls(#[from] TlsError),
    /// Redis did not answer in time.
    #[error("redis at {address} did not answer within {} s", PATIENCE.as_secs())]
    Unreachable {
        /// Where it should be, without user and password.
        address: String,
        /// What the last attempt said.
        #[source]
        source: Option<Error>,
    },
    /// Redis is there and does not let this node in, which waiting does not change.
    #[error("redis at {address} and this node do not accept each other: {advice}")]
    Refused {
        /// Where it is, without user and password.
        address: String,
        /// Where to look.
        advice: &'static str,
        /// What Redis, or TLS, said.
        #[source]
        source: Error,
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
pub(crate) async fn connect(
    url: &RedisUrl,
    tls: &RedisTls,
    mode: RedisMode,
) -> Result<RedisBus, RedisError> {
    let publisher = client(url, tls, FEW)?;
    let subscriber = client(url, tls, CAPACITY)?;
    ready(url, &publisher, &[&subscriber]).await?;
    Ok(match mode {
        RedisMode::Classic => RedisBus::new(publisher, subscriber)?,
        RedisMode::Sharded => RedisBus::sharded(publisher, subscriber)?,
    })
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
pub(crate) async fn commands(url: &RedisUrl, tls: &RedisTls) -> Result<Client, RedisError> {
    let client = client(url, tls, FEW)?;
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
pub(crate) async fn listening(url: &RedisUrl, tls: &RedisTls) -> Result<Client, RedisError> {
    let client = client(url, tls, CAPACITY)?;
    ready(url, &client, &[]).await?;
    Ok(client)
}

/// Waits for a command no longer than `limit`. A timeout of the client's own does not run while it reconnects.
pub(crate) async fn in_time<T>(
    limit: Duration,
    command: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, command).await {
        Ok(result) => result,
        Err(late) => Err(Error::new(ErrorKind::Timeout, late.to_string())),
    }
}

/// Connects `first` to what is at `url`, and then the others.
async fn ready(url: &RedisUrl, first: &Client, others: &[&Client]) -> Result<(), RedisError> {
    let mut errors = first.error_rx();
    let address = || url.to_string();
    let mut last = None;
    let connecting = async {
        first.init().await?;
        for client in others {
            client.init().await?;
        }
        Ok::<_, Error>(())
    };
    let refused = async {
        loop {
            let error = next(&mut errors).await;
            if let Some(advice) = advice(&error) {
                break RedisError::Refused {
                    address: address(),
                    advice,
                    source: error,
                };
            }
            last = Some(error);
        }
    };
    let patient = tokio::time::timeout(PATIENCE, async {
        tokio::select! {
            connected = connecting => connected.map_err(|source| RedisError::Unreachable {
                address: address(),
                source: Some(source),
            }),
            refused = refused => Err(refused),
        }
    });
    match patient.await {
        Ok(answer) => answer,
        Err(_) => Err(RedisError::Unreachable {
            address: address(),
            source: last,
        }),
    }
}

/// What the next attempt to connect said.
async fn next(errors: &mut Receiver<(Error, Option<Server>)>) -> Error {
    loop {
        match errors.recv().await {
            Ok((error, _)) => return error,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// What a person should look at, if the error is one that stays until somebody does.
fn advice(error: &Error) -> Option<&'static str> {
    // The client hands over what TLS says as text, in the form that is meant for programmers.
    let text = error.to_string();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["WRONGPASS", "NOAUTH", "without any password configured"]) {
        Some("look at user and password in redis.url")
    } else if says(&["InvalidCertificate("]) {
        Some("look at redis.ca_file and at the certificate of redis")
    } else if says(&["AlertReceived("]) {
        Some("look at redis.cert_file and redis.key_file")
    } else if says(&["InvalidMessage("]) {
        Some("redis does not speak TLS on this port")
    } else if says(&["DB index is out of range"]) {
        Some("look at the database number in redis.url")
    } else if says(&["NOPERM"]) {
        Some("look at what the user in redis.url may do")
    } else {
        None
    }
}

/// A client whose channels of news, the one of messages among them, hold `capacity` entries each.
fn client(url: &RedisUrl, tls: &RedisTls, capacity: usize) -> Result<Client, RedisError> {
    let mut config = config(url, tls)?;
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

fn config(url: &RedisUrl, tls: &RedisTls) -> Result<Config, RedisError> {
    // Told of TLS, the client would set up one of its own, and fail where this machine trusts nobody.
    let mut config = Config::from_url(&url.without_tls()).map_err(RedisError::Url)?;
    if url.uses_tls() {
        config.tls = Some(tls::connector(tls)?.into());
    }
    if let ServerConfig::Unix { .. } = config.server {
        config.database = url.socket_database();
    }
    Ok(config)
}
