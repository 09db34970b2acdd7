//! Records in Redis, so that all nodes see the same ones.
//!
//! Under `roomcast:{key}:resource:name:`, which is one slot of a Redis Cluster:
//!
//! | key | type | holds |
//! | --- | --- | --- |
//! | `last` | string | the last id that was given |
//! | `ids` | sorted set | the ids that there are, each its own score |
//! | `record:ID` | hash | for each field, `id` among them, its place and its JSON text: `2 "milk"` |
//!
//! A merge replaces fields of a hash: no script decodes JSON, which Redis' decoder would round and bend. The place is
//! there because a hash forgets the order.

use std::time::Duration;

use fred::{
    clients::Client,
    interfaces::{ClientLike, LuaInterface},
    types::Value,
};
use futures_util::FutureExt;
use serde_json::value::RawValue;

use super::{Answer, Fields, MAX_FIELDS, Record, RecordId, Store, StoreError};
use crate::{
    config::{RedisTls, RedisUrl},
    redis::{self, RedisError},
};

// Sent whole each time: a few hundred bytes, and nothing to repair after a restart or a failover of Redis.
const CREATE: &str = include_str!("scripts/create.lua");
const FIND_ALL: &str = include_str!("scripts/find_all.lua");
const FIND_ONE: &str = include_str!("scripts/find_one.lua");
const UPDATE: &str = include_str!("scripts/update.lua");
const REMOVE: &str = include_str!("scripts/remove.lua");

/// How long Redis may take for a script.
const PATIENCE: Duration = Duration::from_secs(5);

/// Records that one script reads. Redis serves nobody else meanwhile.
const PAGE: usize = 256;

/// Keeps records in Redis, over a connection of its own.
#[derive(Clone)]
pub struct RedisStore {
    client: Client,
    key: String,
}

impl RedisStore {
    /// Connects to the Redis at `url`; `key` is the configuration's `redis.key`.
    ///
    /// # Errors
    ///
    /// [`RedisError`] if the URL is not one of Redis, if Redis and this node do not accept each other, or if nobody
    /// answered there for 30 s.
    ///
    /// # Cancel safety
    ///
    /// A connection that was made is closed when the future is dropped.
    pub async fn connect(url: &RedisUrl, tls: &RedisTls, key: &str) -> Result<Self, RedisError> {
        Ok(Self {
            client: redis::commands(url, tls).await?,
            key: key.to_owned(),
        })
    }

    fn keys(&self, resource: &str) -> Keys {
        Keys(format!("roomcast:{{{}}}:resource:{resource}:", self.key))
    }

    async fn run(
        &self,
        script: &'static str,
        keys: Vec<String>,
        arguments: Vec<String>,
    ) -> Result<Value, StoreError> {
        // Nothing shall wait in the client's queue, to be written after an outage, when nobody expects it.
        if !self.client.is_connected() {
            return Err(StoreError::Unavailable("redis is not connected".into()));
        }
        let answer = redis::in_time(PATIENCE, self.client.eval(script, keys, arguments)).await;
        answer.map_err(|error| StoreError::Unavailable(error.into()))
    }
}

impl Store for RedisStore {
    fn create<'a>(&'a self, resource: &'a str, fields: Fields) -> Answer<'a, Record> {
        async move {
            if fields.len() > MAX_FIELDS {
                return Err(StoreError::TooManyFields);
            }
            let keys = self.keys(resource);
            let arguments = with_fields(keys.record_prefix(), &fields);
            let id = self
                .run(CREATE, vec![keys.last(), keys.ids()], arguments)
                .await?;
            let id = id.as_str().as_deref().and_then(RecordId::from_json);
            let id = id.ok_or(StoreError::Malformed)?;
            Ok(Record { id, fields })
        }
        .boxed()
    }

    fn find_all<'a>(&'a self, resource: &'a str) -> Answer<'a, Vec<Record>> {
        async move {
            let keys = self.keys(resource);
            let mut records = Vec::new();
            let mut after = "0".to_owned();
            loop {
                let arguments = vec![keys.record_prefix(), after, PAGE.to_string()];
                let Value::Array(page) = self.run(FIND_ALL, vec![keys.ids()], arguments).await?
                else {
                    return Err(StoreError::Malformed);
                };
                let mut page = page.into_iter();
                let last = page.next().and_then(Value::into_string);
                for value in page {
                    records.push(record(value)?.ok_or(StoreError::Malformed)?);
                }
                match last {
                    Some(last) if !last.is_empty() => after = last,
                    _ => return Ok(records),
                }
            }
        }
        .boxed()
    }

    fn find_one<'a>(&'a self, resource: &'a str, id: RecordId) -> Answer<'a, Record> {
        async move {
            let key = self.keys(resource).record(id);
            let kept = self.run(FIND_ONE, vec![key], Vec::new()).await?;
            record(kept)?.ok_or(StoreError::NotFound(id))
        }
        .boxed()
    }

    fn update<'a>(&'a self, resource: &'a str, id: RecordId, fields: Fields) -> Answer<'a, Record> {
        async move {
            let key = self.keys(resource).record(id);
            // The hash has one more field, which is the id.
            let arguments = with_fields((MAX_FIELDS + 1).to_string(), &fields);
            match self.run(UPDATE, vec![key], arguments).await? {
                Value::Integer(_) => Err(StoreError::TooManyFields),
                kept => record(kept)?.ok_or(StoreError::NotFound(id)),
            }
        }
        .boxed()
    }

    fn remove<'a>(&'a self, resource: &'a str, id: RecordId) -> Answer<'a, Record> {
        async move {
            let keys = self.keys(resource);
            let touched = vec![keys.record(id), keys.ids()];
            let kept = self.run(REMOVE, touched, vec![id.to_string()]).await?;
            record(kept)?.ok_or(StoreError::NotFound(id))
        }
        .boxed()
    }
}

/// The keys of one resource, all with the same beginning.
struct Keys(String);

impl Keys {
    fn last(&self) -> String {
        format!("{}last", self.0)
    }

    fn ids(&self) -> String {
        format!("{}ids", self.0)
    }

    fn record_prefix(&self) -> String {
        format!("{}record:", self.0)
    }

    fn record(&self, id: RecordId) -> String {
        format!("{}record:{id}", self.0)
    }
}

/// The arguments of a script: one that is its own, then names and texts in turn.
fn with_fields(first: String, fields: &Fields) -> Vec<String> {
    let mut arguments = vec![first];
    for (name, text) in fields.iter() {
        arguments.extend([name.to_owned(), text.to_owned()]);
    }
    arguments
}

/// The record of a hash that is answered as names and values in turn; none if there is no hash.
fn record(hash: Value) -> Result<Option<Record>, StoreError> {
    let hash = match hash {
        Value::Null => return Ok(None),
        Value::Array(hash) if hash.is_empty() => return Ok(None),
        Value::Array(hash) => hash,
        _ => return Err(StoreError::Malformed),
    };
    let mut hash = hash.into_iter().map(Value::into_string);
    let mut placed = Vec::with_capacity(hash.len() / 2);
    while let Some(name) = hash.next() {
        let field = name.zip(hash.next().flatten());
        placed.push(field.and_then(field_of).ok_or(StoreError::Malformed)?);
    }
    placed.sort_unstable_by_key(|(place, ..)| *place);
    let mut fields = Fields::default();
    for (_, name, value) in placed {
        fields.insert(name, value);
    }
    let id = fields.take_id();
    let id = id.as_deref().and_then(RecordId::from_json);
    let id = id.ok_or(StoreError::Malformed)?;
    Ok(Some(Record { id, fields }))
}

/// Place, name and value of a field.
fn field_of((name, kept): (String, String)) -> Option<(u32, String, Box<RawValue>)> {
    let (place, text) = kept.split_once(' ')?;
    let value = RawValue::from_string(text.to_owned()).ok()?;
    Some((place.parse().ok()?, name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(parts: &[&str]) -> Value {
        Value::Array(parts.iter().map(|part| Value::from(*part)).collect())
    }

    #[test]
    fn fields_come_in_the_order_of_their_places() {
        let read = record(hash(&["b", "10 [1, 2]", "id", "0 7", "a", "2 \"x y\""]));

        assert_eq!(
            serde_json::to_string(&read.unwrap()).unwrap(),
            r#"{"id":7,"a":"x y","b":[1, 2]}"#
        );
    }

    #[test]
    fn what_no_node_has_written_is_an_error_and_no_panic() {
        for parts in [
            &["a", "1 2"][..],
            &["id"],
            &["id", "0 0"],
            &["id", "7"],
            &["id", "0 7", "a", "1 {"],
            &["id", "0 7", "a", "x 1"],
        ] {
            assert!(record(hash(parts)).is_err(), "{parts:?}");
        }
        assert!(record(Value::Boolean(true)).is_err());
    }

    #[test]
    fn no_hash_is_no_record() {
        assert!(record(Value::Null).unwrap().is_none());
        assert!(record(hash(&[])).unwrap().is_none());
    }
}
