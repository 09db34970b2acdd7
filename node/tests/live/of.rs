//! What a node makes of a redis-server.

use roomcast_node::{
    config::{RedisTls, RedisUrl, Sources},
    store::RedisStore,
};

use crate::server::Redis;

/// The URL, read as a node reads it.
pub(crate) fn url(text: &str) -> RedisUrl {
    let flag = format!("--redis-url={text}");
    let config = Sources::new([flag.into()], []).config().unwrap();
    config.redis.url.unwrap()
}

pub(crate) fn url_of(redis: &Redis) -> RedisUrl {
    url(&format!("redis://127.0.0.1:{}", redis.port))
}

/// A store as a node's, over a connection of its own.
pub(crate) async fn store_of(redis: &Redis, key: &str) -> RedisStore {
    RedisStore::connect(&url_of(redis), &RedisTls::default(), key)
        .await
        .unwrap()
}
