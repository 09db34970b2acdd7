//! Where the records of a resource live: the seam, and its two ends.
//!
//! A record is a JSON object with an id. Its fields are kept as the text that they came as and never parsed, so that
//! no number, empty array or character is another one when it is read again.
//!
//! ```no_run
//! # async fn example(config: roomcast_node::Config) -> Result<(), Box<dyn std::error::Error>> {
//! use roomcast_node::store::{self, Fields};
//!
//! let store = store::connect(&config).await?;
//! let note: Fields = serde_json::from_str(r#"{"text":"buy milk","price":1.0}"#)?;
//! let note = store.create("Note", note).await?;
//! assert_eq!(note.fields.get("price"), Some("1.0"));
//! # Ok(())
//! # }
//! ```

mod memory;
mod record;
mod redis;

use std::{error::Error, sync::Arc};

use futures_util::future::BoxFuture;

pub use self::{
    memory::MemoryStore,
    record::{Fields, MAX_FIELDS, Record, RecordId},
    redis::RedisStore,
};
use crate::{config::Config, redis::RedisError};

/// What a store answers.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Keeps the records of any number of resources, each known by its name.
///
/// Every operation is atomic, whichever node calls it. Of two at the same time on one record, one comes first.
pub trait Store: Send + Sync + 'static {
    /// Keeps a new record. Its id is larger than any that the resource has had, removed ones included.
    fn create<'a>(&'a self, resource: &'a str, fields: Fields) -> Answer<'a, Record>;

    /// All records, by ascending id. It costs what they weigh, in the store and here.
    ///
    /// What is created, changed or removed meanwhile may be in the answer or not; each record is whole.
    fn find_all<'a>(&'a self, resource: &'a str) -> Answer<'a, Vec<Record>>;

    /// The record of that id.
    fn find_one<'a>(&'a self, resource: &'a str, id: RecordId) -> Answer<'a, Record>;

    /// Puts `fields` into a record, in place of those of the same names; answers with the record as it is then.
    fn update<'a>(&'a self, resource: &'a str, id: RecordId, fields: Fields) -> Answer<'a, Record>;

    /// Removes a record; answers with what it was.
    fn remove<'a>(&'a self, resource: &'a str, id: RecordId) -> Answer<'a, Record>;
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such record, or no longer.
    #[error("no record has the id {0}")]
    NotFound(RecordId),
    /// The record would have more than [`MAX_FIELDS`] fields. Nothing was changed.
    #[error("a record has at most {MAX_FIELDS} fields")]
    TooManyFields,
    /// It cannot be reached, or refuses. What was asked may have happened all the same.
    #[error("the store gave no answer")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// What is kept there was not written by a node.
    #[error("what is stored is no record")]
    Malformed,
}

/// The store that the configuration asks for: Redis where `redis.url` is set, and else this process.
///
/// # Errors
///
/// As of a node that starts: Redis did not answer for 30 s, or its URL is wrong.
///
/// # Cancel safety
///
/// A connection that was made is closed when the future is dropped.
pub async fn connect(config: &Config) -> Result<Arc<dyn Store>, RedisError> {
    match &config.redis.url {
        Some(url) => {
            tracing::info!(redis = %url, "records are kept in redis");
            Ok(Arc::new(
                RedisStore::connect(url, &config.redis.tls, &config.redis.key).await?,
            ))
        }
        None => {
            tracing::info!("records are kept in memory: they end with this node");
            Ok(Arc::new(MemoryStore::default()))
        }
    }
}
