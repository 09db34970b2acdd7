//! The adapter alone, under a socketioxide server of one's own, subscribed per room: `cargo run --example adapter`.

use fred::prelude::*;
use roomcast_adapter::bus::RedisBus;
use roomcast_adapter::{Cluster, ClusterAdapter, Config, Subscribe};
use socketioxide::{
    SocketIo,
    adapter::Emitter,
    extract::{AckSender, Data, SocketRef},
};

type Adapter = ClusterAdapter<Emitter>;

/// A client of Redis as the bus needs it.
async fn redis() -> Result<Client, Error> {
    let mut config = fred::types::config::Config::from_url("redis://127.0.0.1:6379")?;
    config.version = fred::types::RespVersion::RESP3;
    let client = Builder::from_config(config)
        .with_performance_config(|performance| performance.broadcast_channel_capacity = 8192)
        .set_policy(ReconnectPolicy::new_constant(0, 300))
        .build()?;
    client.init().await?;
    Ok(client)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let bus = RedisBus::new(redis().await?, redis().await?)?;
    let config = Config {
        subscribe: Subscribe::PerRoom { limit: 100_000 },
        ..Config::default()
    };
    let cluster = Cluster::new(Cluster::random_node_id(), bus, config, ());
    let (layer, io) = SocketIo::builder()
        .max_buffer_size(4096) // The default of 128 packets loses some of a burst.
        .with_adapter::<Adapter>(cluster.clone())
        .build_layer();

    let shared = cluster.clone();
    let serving = io.ns("/", async move |socket: SocketRef<Adapter>| {
        let Some(namespace) = shared.namespace("/") else {
            return;
        };
        let (id, joins, ends) = (socket.id, namespace.clone(), namespace.clone());
        socket.on_disconnect(async move || ends.disconnected(id));
        socket.on(
            "join",
            async move |Data::<String>(room), ack: AckSender<Adapter>| {
                // Here at once; resolves when other nodes' messages arrive, too.
                joins.join(id, vec![room.clone()]).await;
                ack.send(&room).ok();
            },
        );
        socket.on(
            "say",
            async |io: SocketIo<Adapter>, Data::<(String, String)>((room, text))| {
                io.to(room).emit("said", &text).await.ok();
            },
        );
        // Its own room, by which other servers reach it.
        namespace.connected(id, id.as_str()).await;
        if !namespace.is_connected(id) {
            namespace.disconnected(id); // It left before `on_disconnect` was there.
        }
    });

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    let app = axum::Router::new().layer(layer);
    tokio::select! {
        () = cluster.run() => anyhow::bail!("the cluster ended"),
        served = async { serving.await; axum::serve(listener, app).await } => Ok(served?),
    }
}
