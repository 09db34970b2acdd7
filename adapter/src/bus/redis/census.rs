//! Counts subscribers over all nodes of a Redis Cluster: each of them knows only its own.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use fred::{
    clients::Client,
    error::{Error, ErrorKind},
    interfaces::ClientLike,
    types::config::Server,
};
use futures_util::{FutureExt, future::join_all};

use super::{
    client::{again, start, subscribers},
    topology::{self, ClusterNode},
};

/// How long one node may take, its first connection included.
const PATIENCE: Duration = Duration::from_secs(2);

/// Connections to all nodes, made when they are first needed.
#[derive(Debug, Default)]
pub(super) struct Census {
    clients: Mutex<HashMap<Server, Client>>,
}

impl Census {
    /// The subscribers of each of `channels` on all nodes of the cluster, of which `own` is connected to one.
    ///
    /// A node that answers neither this one nor `own`'s counts for nothing: its subscribers cannot be asked anything, either.
    pub(super) async fn count(
        &self,
        own: &Client,
        channels: &[String],
    ) -> Result<Vec<usize>, Error> {
        let nodes = topology::ask(own).await?;
        let asked = self
            .clients(own, &nodes)
            .into_iter()
            .map(async |(node, client)| {
                let answer = async {
                    client.wait_for_connect().await?;
                    subscribers(&client, channels).await
                };
                match tokio::time::timeout(PATIENCE, answer).await {
                    Ok(Ok(counts)) => Ok(counts),
                    _ if !node.is_in_touch => Ok(vec![0; channels.len()]),
                    Ok(Err(error)) => Err(error),
                    Err(_) => Err(Error::new(
                        ErrorKind::Timeout,
                        format!("{} did not count in time", node.server),
                    )),
                }
            });
        let (here, there) = tokio::join!(subscribers(own, channels), join_all(asked));
        let mut sums = here?;
        for counts in there {
            for (sum, count) in sums.iter_mut().zip(counts?) {
                *sum += count;
            }
        }
        Ok(sums)
    }

    /// A client of each of the others that are not dead.
    fn clients<'a>(
        &self,
        own: &Client,
        nodes: &'a [ClusterNode],
    ) -> Vec<(&'a ClusterNode, Client)> {
        let others = nodes
            .iter()
            .filter(|node| !node.is_self && !node.has_failed);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let needed: HashSet<&Server> = others.clone().map(|node| &node.server).collect();
        clients.retain(|server, client| {
            let stays = needed.contains(server);
            if !stays {
                // It ends as soon as it can.
                let _ = client.quit().now_or_never();
            }
            stays
        });
        others
            .map(|node| {
                let client = clients.entry(node.server.clone()).or_insert_with(|| {
                    let client = again(own, Some(&node.server));
                    start(&client);
                    client
                });
                (node, client.clone())
            })
            .collect()
    }
}
