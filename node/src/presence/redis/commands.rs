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
const DEPART: &str = include_str!("../scripts/depart.lua");
const OVERDUE: &str = include_str!("../scripts/overdue.lua");
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

    /// What was the client's name before, and who of that name was sent away?
    pub(super) async fn join(&self, client_id: &str, username: &Arc<str>) -> Result<Joined, Error> {
        let keys = [
            self.leases(),
            self.users(),
            self.newest_key(),
            self.counter(),
            self.clients_of(&self.node),
            self.away(),
            self.departures(),
        ];
        let args = [&self.node, client_id, username, &self.prefix];
        let answer: Vec<String> = self.run(JOIN, &keys, &args).await?;
        let mut answer = answer.into_iter();
        Ok(match answer.next().filter(|old| !old.is_empty()) {
            Some(old) if *old == **username => Joined::Same,
            Some(old) => Joined::Renamed { old: old.into() },
            None if answer.len() == 0 => Joined::New,
            None => Joined::Back {
                gone: answer.map(Arc::from).collect(),
            },
        })
    }

    /// The client was sent away: it is offline once it is back, or that much later.
    pub(super) async fn depart(&self, client_id: &str, after: Duration) -> Result<(), Error> {
        let keys = [
            self.users(),
            self.away(),
            self.departures(),
            self.clients_of(&self.node),
        ];
        let after = after.as_millis().to_string();
        let _: Value = self.run(DEPART, &keys, &[client_id, &after]).await?;
        Ok(())
    }

    /// Takes up to `most` clients out that were sent away and are not back in time; their ids and names.
    pub(super) async fn overdue(&self, most: usize) -> Result<Vec<(Arc<str>, Arc<str>)>, Error> {
        let keys = [
            self.users(),
            self.away(),
            self.departures(),
            self.newest_key(),
            self.counter(),
        ];
        let most = most.to_string();
        let gone: Vec<String> = self.run(OVERDUE, &keys, &[&most, &self.prefix]).await?;
        Ok(pairs(&gone))
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
        Ok(pairs(&gone))
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

    /// The clients of each name that were sent away, with blanks between them.
    fn away(&self) -> String {
        self.key("away")
    }

    /// When their time is over.
    fn departures(&self) -> String {
        self.key("departures")
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

/// Ids and names, which come in turn.
fn pairs(list: &[String]) -> Vec<(Arc<str>, Arc<str>)> {
    let pairs = list.chunks_exact(2);
    pairs
        .map(|pair| (pair[0].as_str().into(), pair[1].as_str().into()))
        .collect()
}
