//! The scripts of presence, one for each operation, and the keys that they work on.
//!
//! All keys have one hash tag, so that a script finds them on one server of a Redis Cluster.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use fred::{
    clients::{Client, WithOptions},
    error::Error,
    interfaces::{
        ClientLike as _, HashesInterface as _, LuaInterface as _, PubsubInterface as _,
        SetsInterface as _, SortedSetsInterface as _,
    },
    types::{FromValue, Value, config::Options},
};
use serde::Deserialize;

use crate::{
    presence::{Joined, User},
    redis::in_time,
};

/// How long one of them may take.
const TIMEOUT: Duration = Duration::from_secs(2);

const JOIN: &str = include_str!("../scripts/join.lua");
const LEAVE: &str = include_str!("../scripts/leave.lua");
const RENEW: &str = include_str!("../scripts/renew.lua");
const EXPIRED: &str = include_str!("../scripts/expired.lua");
const REAP: &str = include_str!("../scripts/reap.lua");
const NEWEST: &str = include_str!("../scripts/newest.lua");
const END: &str = include_str!("../scripts/end.lua");

/// Redis, as presence sees it.
pub(super) struct Commands {
    client: Client,
    node: String,
    prefix: String,
}

/// A change that some node has made.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Heard {
    pub(super) id: String,
    /// The new name; none if the user left.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// Changes are numbered over the whole cluster.
    pub(super) number: u64,
}

impl Heard {
    /// Reads a message; none if it is not one of ours.
    pub(super) fn read(value: &Value) -> Option<Self> {
        serde_json::from_slice(value.as_bytes()?).ok()
    }
}

/// Whether a join failed because the node's lease is over.
pub(super) fn is_lost(error: &Error) -> bool {
    error.details().contains("LOST")
}

impl Commands {
    pub(super) fn new(client: Client, key: &str, node: &str) -> Self {
        Self {
            client,
            node: node.to_owned(),
            prefix: format!("roomcast:{{{key}}}:presence"),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn node(&self) -> &str {
        &self.node
    }

    /// Follows the changes of all nodes from now on.
    pub(super) async fn subscribe(&self) -> Result<(), Error> {
        in_time(TIMEOUT, self.once().subscribe(self.prefix.as_str())).await
    }

    /// What was the client's name before?
    pub(super) async fn join(&self, client_id: &str, username: &Arc<str>) -> Result<Joined, Error> {
        let keys = [
            self.leases(),
            self.users(),
            self.newest_key(),
            self.counter(),
            self.clients_of(&self.node),
        ];
        let args = [&self.node, client_id, username, &self.prefix];
        let old: Option<String> = self.run(JOIN, &keys, &args).await?;
        Ok(match old {
            None => Joined::New,
            Some(old) if *old == **username => Joined::Same,
            Some(old) => Joined::Renamed { old: old.into() },
        })
    }

    /// The name of the client, unless it was taken out before.
    pub(super) async fn leave(&self, client_id: &str) -> Result<Option<Arc<str>>, Error> {
        let keys = [
            self.users(),
            self.newest_key(),
            self.counter(),
            self.clients_of(&self.node),
        ];
        let name: Option<String> = self.run(LEAVE, &keys, &[client_id, &self.prefix]).await?;
        Ok(name.map(Arc::from))
    }

    /// Renews the lease: whether it had not lapsed, and what Redis calls its memory, which is another once it has lost it.
    pub(super) async fn renew(&self, lease: Duration) -> Result<(bool, String), Error> {
        let lease = lease.as_millis().to_string();
        let keys = [self.leases(), self.key("memory")];
        self.run(RENEW, &keys, &[&self.node, &lease]).await
    }

    /// A node whose lease has lapsed.
    pub(super) async fn expired(&self) -> Result<Option<String>, Error> {
        self.run(EXPIRED, &[self.leases()], &[]).await
    }

    /// Takes up to `most` clients of a dead node out; their ids and names.
    pub(super) async fn reap(
        &self,
        node: &str,
        most: usize,
    ) -> Result<Vec<(Arc<str>, Arc<str>)>, Error> {
        let keys = [
            self.leases(),
            self.users(),
            self.newest_key(),
            self.counter(),
            self.clients_of(node),
        ];
        let most = most.to_string();
        let args = [node, &most, &self.prefix];
        let gone: Vec<String> = self.run(REAP, &keys, &args).await?;
        let pairs = gone.chunks_exact(2);
        Ok(pairs
            .map(|pair| (pair[0].as_str().into(), pair[1].as_str().into()))
            .collect())
    }

    /// The clients that Redis has for this node.
    pub(super) async fn own_clients(&self) -> Result<HashSet<String>, Error> {
        in_time(TIMEOUT, self.once().smembers(self.clients_of(&self.node))).await
    }

    /// Who came last, and the number of each.
    pub(super) async fn newest(
        &self,
        most: usize,
    ) -> Result<Vec<(Arc<str>, Arc<str>, u64)>, Error> {
        let most = most.to_string();
        let keys = [self.users(), self.newest_key()];
        let list: Vec<String> = self.run(NEWEST, &keys, &[&most]).await?;
        let triples = list.chunks_exact(3).filter_map(|triple| {
            let number = triple[2].parse().ok()?;
            Some((triple[0].as_str().into(), triple[1].as_str().into(), number))
        });
        Ok(triples.collect())
    }

    /// Everybody, in the order of their coming. Who comes or leaves meanwhile may be in it or not.
    pub(super) async fn everyone(&self) -> Result<Vec<User>, Error> {
        let client = self.once();
        in_time(TIMEOUT, async {
            let nodes: Vec<String> = client
                .zrange(self.leases(), 0, -1, None, false, None, false)
                .await?;
            let mut places = HashMap::new();
            for node in nodes {
                let clients: Vec<String> = client.smembers(self.clients_of(&node)).await?;
                let node: Arc<str> = node.into();
                places.extend(clients.into_iter().map(|client| (client, node.clone())));
            }
            let names: HashMap<String, String> = client.hgetall(self.users()).await?;
            let order: Vec<String> = client
                .zrange(self.newest_key(), 0, -1, None, false, None, false)
                .await?;
            let users = order.into_iter().filter_map(|client_id| {
                Some(User {
                    username: names.get(&client_id)?.as_str().into(),
                    node: String::from(&**places.get(&client_id)?),
                    client_id: client_id.into(),
                })
            });
            Ok(users.collect())
        })
        .await
    }

    /// Ends the lease, if the node has no clients any more.
    pub(super) async fn end(&self) -> Result<(), Error> {
        let keys = [self.leases(), self.clients_of(&self.node)];
        let _: Value = self.run(END, &keys, &[&self.node]).await?;
        Ok(())
    }

    async fn run<R: FromValue>(
        &self,
        script: &'static str,
        keys: &[String],
        args: &[&str],
    ) -> Result<R, Error> {
        let client = self.once();
        let args: Vec<Value> = args
            .iter()
            .map(|arg| Value::from(Bytes::copy_from_slice(arg.as_bytes())))
            .collect();
        // Sent whole each time: some hundred bytes, and nothing to repair after a restart or a failover of Redis.
        in_time(TIMEOUT, client.eval(script, keys.to_vec(), args)).await
    }

    /// One attempt: a command that is late would undo what came after it.
    fn once(&self) -> WithOptions<Client> {
        self.client.with_options(&Options {
            max_attempts: Some(1),
            fail_fast: true,
            ..Options::default()
        })
    }

    fn leases(&self) -> String {
        self.key("leases")
    }

    fn users(&self) -> String {
        self.key("users")
    }

    fn newest_key(&self) -> String {
        self.key("newest")
    }

    fn counter(&self) -> String {
        self.key("counter")
    }

    fn clients_of(&self, node: &str) -> String {
        format!("{}:node:{node}", self.prefix)
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }
}
