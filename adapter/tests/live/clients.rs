//! Clients of a redis-server, set up as those of a node are.

#![allow(dead_code, reason = "each file of tests uses a part of this")]

use std::time::Duration;

use fred::{
    clients::Client,
    error::Error,
    interfaces::ClientLike,
    types::{
        Builder, RespVersion,
        config::{Config, ReconnectPolicy, TcpConfig},
    },
};
use roomcast_adapter::bus::RedisBus;

/// A bus on what listens on this port, its clients set up as those of a node are.
pub(crate) async fn bus(port: u16) -> RedisBus {
    RedisBus::new(client(port, |_| ()).await, client(port, |_| ()).await).unwrap()
}

/// A bus on what is at this URL, and the two clients that it is made of by `make`.
pub(crate) async fn bus_at<B>(url: &str, make: impl FnOnce(Client, Client) -> B) -> B {
    let client = async || {
        let client = builder(url).unwrap().build().unwrap();
        client.init().await.unwrap();
        client
    };
    make(client().await, client().await)
}

/// A client as a node's, but for what `change` does to it.
pub(crate) async fn client(port: u16, change: impl FnOnce(&mut Builder)) -> Client {
    let mut builder = builder(&format!("redis://127.0.0.1:{port}")).unwrap();
    change(&mut builder);
    let client = builder.build().unwrap();
    client.init().await.unwrap();
    client
}

fn builder(url: &str) -> Result<Builder, Error> {
    let mut config = Config::from_url(url)?;
    config.version = RespVersion::RESP3;
    config.fail_fast = false;
    let mut builder = Builder::from_config(config);
    builder
        .with_performance_config(|performance| performance.broadcast_channel_capacity = 16_384)
        .with_connection_config(|connection| {
            connection.connection_timeout = Duration::from_secs(2);
            connection.internal_command_timeout = Duration::from_secs(2);
            connection.max_command_attempts = 1;
            connection.max_command_buffer_len = 65_536;
            connection.reconnect_on_auth_error = true;
            connection.unresponsive.max_timeout = Some(Duration::from_secs(4));
            connection.unresponsive.interval = Duration::from_secs(1);
            connection.tcp = TcpConfig {
                nodelay: Some(true),
                ..TcpConfig::default()
            };
        })
        .set_policy(ReconnectPolicy::new_constant(0, 300));
    Ok(builder)
}
