//! Emits to the clients of a running cluster, from a program that has none itself: `cargo run --example emitter`.

use fred::prelude::*;
use roomcast_adapter::Emitter;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::from_url("redis://127.0.0.1:6379")?;
    let redis = Builder::from_config(config)
        .set_policy(ReconnectPolicy::new_constant(0, 300))
        .build()?;
    redis.init().await?;

    let emitter = Emitter::new(redis, "socket.io"); // The servers' `redis.key`.
    emitter.emit("news", "the shop is open").await?;

    let shop = emitter.of("/shop");
    let staff = shop.to(["staff", "admins"]).except("away");
    staff.emit("sold", &(3, "shoes")).await?; // A tuple is several arguments.
    shop.to("user:7").sockets_join("customers").await?;
    shop.to("user:8").disconnect_sockets(true).await?;
    Ok(())
}
