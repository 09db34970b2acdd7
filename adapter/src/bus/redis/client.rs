//! How this crate uses fred: what holds for every command, and clients made after others.

use std::{collections::HashMap, time::Duration};

use fred::{
    clients::{Client, WithOptions},
    error::Error,
    interfaces::{ClientLike, PubsubInterface},
    types::{
        Value,
        config::{Options, Server, ServerConfig},
    },
};

use crate::error::BusError;

/// How long a command may take. A heartbeat that fails reopens the connections earlier than anybody gives up.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(5);

/// A client whose commands get one attempt, and none without a connection: fred's retries would send a message late, and
/// after younger ones.
pub(super) fn once(client: &Client) -> WithOptions<Client> {
    client.with_options(&Options {
        max_attempts: Some(1),
        fail_fast: true,
        timeout: Some(COMMAND_TIMEOUT),
        ..Options::default()
    })
}

/// The client as one whose commands are sent once, if there is a connection to send them on.
pub(crate) fn connected(client: &Client) -> Result<WithOptions<Client>, BusError> {
    if client.is_connected() {
        Ok(once(client))
    } else {
        Err(BusError::Disconnected)
    }
}

/// A client of the same settings, for `place` where there is one. It tries again also if the first attempt fails.
pub(super) fn again(client: &Client, place: Option<&Server>) -> Client {
    // Its reconnect policy counts attempts, and begins anew in a copy.
    let copy = client.clone_new();
    let mut config = copy.client_config();
    config.fail_fast = false;
    if let Some(server) = place {
        let server = server.clone();
        config.server = ServerConfig::Centralized { server };
        // A Redis Cluster has one.
        config.database = None;
    }
    Client::new(
        config,
        Some(copy.perf_config()),
        Some(copy.connection_config().clone()),
        copy.client_reconnect_policy(),
    )
}

/// The subscribers of each of `channels` at the server that `client` is connected to.
pub(super) async fn subscribers(client: &Client, channels: &[String]) -> Result<Vec<usize>, Error> {
    let counts = once(client).pubsub_numsub(channels.to_vec()).await?;
    Ok(in_order(channels, &counts))
}

/// The counts in the order of the channels; Redis answers with a map.
pub(super) fn in_order(channels: &[String], counts: &HashMap<String, usize>) -> Vec<usize> {
    let count = |channel| counts.get(channel).copied().unwrap_or_default();
    channels.iter().map(count).collect()
}

/// Waits until everything written before is carried out: Redis works one connection's commands off in order.
pub(super) async fn ping(client: &Client) -> Result<(), Error> {
    let _: Value = once(client).ping(None).await?;
    Ok(())
}

/// Whether it is one of a Redis Cluster.
pub(super) fn is_clustered(client: &Client) -> bool {
    matches!(
        client.client_config().server,
        ServerConfig::Clustered { .. }
    )
}

/// Begins to connect, without waiting for it. The client ends by itself once it has quit.
pub(super) fn start(client: &Client) {
    drop(client.connect());
}
