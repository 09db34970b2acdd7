//! The commands of sharded Pub/Sub, at the one server that a channel belongs to.

use bytes::Bytes;
use fred::{
    clients::Client,
    interfaces::{EventInterface, PubsubInterface},
};
use futures_util::future::try_join_all;

use super::client::{connected, in_order, ping};
use crate::{bus::BusFuture, error::BusError};

pub(super) fn publish(publisher: Client, channel: String, payload: Bytes) -> BusFuture {
    Box::pin(async move {
        connected(&publisher)?
            .spublish::<(), _, _>(channel, payload)
            .await
            .map_err(BusError::Redis)
    })
}

/// One command for each channel: fred takes the first answer of several for that of the whole command, and the others for
/// those of the commands behind it. Such an answer is the confirmation.
pub(super) async fn subscribe(subscriber: &Client, channels: Vec<String>) -> Result<(), BusError> {
    let mut reconnects = subscriber.reconnect_rx();
    let client = connected(subscriber)?;
    let each = channels
        .into_iter()
        .map(|channel| client.ssubscribe(channel));
    try_join_all(each).await.map_err(BusError::Redis)?;
    if reconnects.try_recv().is_ok() {
        return Err(BusError::Reconnected);
    }
    Ok(())
}

pub(super) async fn unsubscribe(
    subscriber: &Client,
    channels: Vec<String>,
) -> Result<(), BusError> {
    let client = connected(subscriber)?;
    let each = channels
        .into_iter()
        .map(|channel| client.sunsubscribe(channel));
    try_join_all(each).await.map_err(BusError::Redis)?;
    ping(subscriber).await.map_err(BusError::Redis)
}

pub(super) async fn subscribers(
    publisher: &Client,
    channels: &[String],
) -> Result<Vec<usize>, BusError> {
    let counts = connected(publisher)?
        .pubsub_shardnumsub(channels.to_vec())
        .await
        .map_err(BusError::Redis)?;
    Ok(in_order(channels, &counts))
}
