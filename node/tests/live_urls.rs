//! Every kind of `redis.url`, each against servers that the test starts by itself.

#![allow(clippy::unwrap_used, reason = "these are tests")]

#[path = "live/certificates.rs"]
mod certificates;
mod common;
#[path = "live/sentinels.rs"]
mod sentinels;
#[path = "../../adapter/tests/live/server.rs"]
mod server;

use std::{
    path::PathBuf,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use certificates::Authority;
use common::{TestNode, config, wait_for};
use roomcast_loadtest::client::{Client, Transport};
use roomcast_node::{Config, Node, config::Sources};
use sentinels::Sentinels;
use serde_json::json;
use server::{Redis, RedisCluster};

/// The configuration of a test node whose `redis` is what these flags say.
fn with(flags: &[String]) -> Config {
    let flags = flags.iter().map(Into::into);
    let mut config = config();
    config.redis = Sources::new(flags, []).config().unwrap().redis;
    config
}

fn at(url: &str) -> Vec<String> {
    vec![format!("--redis-url={url}")]
}

/// Two nodes, and what shows that all that Redis is for works.
struct Pair {
    here: TestNode,
    there: TestNode,
}

impl Pair {
    async fn of(flags: &[String]) -> Self {
        let (here, there) = tokio::join!(
            TestNode::of(Node::builder(with(flags))),
            TestNode::of(Node::builder(with(flags)))
        );
        Self { here, there }
    }

    /// Records are shared, watchers are told, and users see each other.
    async fn share_everything(&self) {
        let writer = self.here.client().await;
        let mut watcher = self.there.client_of("/", Transport::WebSocket).await;
        watcher.emit_with_ack("watchAaa", &()).await.unwrap();
        let record = json!({ "name": "é" });
        writer.emit_with_ack("createAaa", &record).await.unwrap();
        let told = watcher.expect("AaaCreated").await.unwrap();
        let all = watcher.emit_with_ack("findAllAaa", &()).await.unwrap();
        assert!(all[0].as_array().unwrap().contains(&told.args[0]));

        let mut listener = self.there.client_of("/chat", Transport::WebSocket).await;
        let user = self.here.client_of("/chat", Transport::WebSocket).await;
        user.emit("joinChat", &json!({ "username": "ann" }))
            .await
            .unwrap();
        let online = listener.expect("userOnline").await.unwrap();
        assert_eq!(online.args[0]["username"], "ann");
        user.disconnect().await;
        listener.expect("userOffline").await.unwrap();
    }

    /// Waits until a client of one node reaches one of the other.
    async fn flows(&self, clients: &mut Clients) -> Duration {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < common::DEADLINE, "messages should flow");
            // It fails while redis is away, which is what is waited for to end.
            let _ = clients
                .writer
                .emit_with_ack("createAaa", &json!({ "name": "again" }))
                .await;
            let told = tokio::time::timeout(
                Duration::from_millis(100),
                clients.watcher.expect("AaaCreated"),
            );
            if told.await.is_ok() {
                return start.elapsed();
            }
        }
    }
}

struct Clients {
    writer: Client,
    watcher: Client,
}

impl Clients {
    async fn of(pair: &Pair) -> Self {
        let writer = pair.here.client().await;
        let watcher = pair.there.client_of("/", Transport::WebSocket).await;
        watcher.emit_with_ack("watchAaa", &()).await.unwrap();
        Self { writer, watcher }
    }
}

/// What the binary says and how it ends, where Redis does not let it in.
async fn refused(flags: Vec<String>) -> (String, Option<i32>, Duration) {
    let start = Instant::now();
    let output = tokio::task::spawn_blocking(move || -> Output {
        Command::new(env!("CARGO_BIN_EXE_roomcast"))
            .args(["--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"])
            .args(flags)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    })
    .await
    .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (text, output.status.code(), start.elapsed())
}

fn tls(port: u16, ca: &Authority, client: Option<&Authority>) -> Vec<String> {
    let flag = |name: &str, file: PathBuf| format!("--redis-{name}-file={}", file.display());
    let mut flags = at(&format!("rediss://127.0.0.1:{port}"));
    flags.push(flag("ca", ca.file("ca.pem")));
    if let Some(client) = client {
        flags.push(flag("cert", client.file("client.pem")));
        flags.push(flag("key", client.file("client.key")));
    }
    flags
}

#[tokio::test]
async fn tls_with_an_authority_of_ones_own() {
    let authority = Authority::new();
    let redis = Redis::with(|port, _| authority.settings(port, "no")).await;

    Pair::of(&tls(redis.port, &authority, None))
        .await
        .share_everything()
        .await;

    let (said, code, took) = refused(tls(redis.port, &Authority::new(), None)).await;
    assert!(
        said.contains("look at redis.ca_file") && said.contains("InvalidCertificate"),
        "{said}"
    );
    assert_eq!(code, Some(69), "{said}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[tokio::test]
async fn tls_with_a_certificate_of_the_node() {
    let authority = Authority::new();
    let redis = Redis::with(|port, _| authority.settings(port, "yes")).await;

    Pair::of(&tls(redis.port, &authority, Some(&authority)))
        .await
        .share_everything()
        .await;

    for client in [None, Some(&Authority::new())] {
        let (said, code, _) = refused(tls(redis.port, &authority, client)).await;
        assert!(said.contains("look at redis.cert_file"), "{said}");
        assert_eq!(code, Some(69), "{said}");
    }
}

#[tokio::test]
async fn files_for_tls_that_are_not_there_are_a_mistake_in_the_configuration() {
    let authority = Authority::new();
    let mut flags = tls(1, &authority, None);
    flags[1] = format!("--redis-ca-file={}", authority.file("none.pem").display());

    let (said, code, _) = refused(flags.clone()).await;
    assert!(
        said.contains("cannot read redis.ca_file") && said.contains("none.pem"),
        "{said}"
    );
    assert_eq!(code, Some(64), "{said}");

    flags[1] = format!("--redis-ca-file={}", authority.file("ca.key").display());
    let (said, code, _) = refused(flags).await;
    assert!(said.contains("holds no certificate"), "{said}");
    assert_eq!(code, Some(64), "{said}");
}

#[tokio::test]
async fn a_password_and_a_user() {
    let redis = Redis::with(|_, _| {
        let settings = "--requirepass secret --user ann on >w@rd/:? ~* &* +@all";
        settings.split(' ').map(str::to_owned).collect()
    })
    .await;
    let host = format!("127.0.0.1:{}", redis.port);

    let by_password = Pair::of(&at(&format!("redis://:secret@{host}"))).await;
    by_password.share_everything().await;
    let by_user = Pair::of(&at(&format!("redis://ann:w%40rd%2F%3A%3F@{host}"))).await;
    by_user.share_everything().await;

    for wrong in ["ann:hidden@", ":hidden@", ""] {
        let (said, code, took) = refused(at(&format!("redis://{wrong}{host}"))).await;
        assert!(
            said.contains("look at user and password in redis.url"),
            "{said}"
        );
        assert!(said.contains(&host) && !said.contains("hidden"), "{said}");
        assert_eq!(code, Some(69), "{said}");
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
}

#[tokio::test]
async fn a_unix_socket_and_a_database() {
    let redis =
        Redis::with(|_, folder| vec!["--unixsocket".to_owned(), format!("{folder}/redis.sock")])
            .await;
    let socket = format!("redis+unix://{}/redis.sock?db=3", redis.folder());

    Pair::of(&at(&socket)).await.share_everything().await;

    let keys = redis.tell(&["-n", "3", "KEYS", "*"]).await;
    assert!(
        keys.iter().any(|key| key.ends_with(":resource:Aaa:last")),
        "{keys:?}"
    );
    let url = format!("redis://127.0.0.1:{}/5", redis.port);
    Pair::of(&at(&url)).await.share_everything().await;
    assert_ne!(redis.tell(&["-n", "5", "DBSIZE"]).await, ["0"]);
    assert_eq!(redis.tell(&["DBSIZE"]).await, ["0"]);
    let (said, code, _) = refused(at(&format!("redis://127.0.0.1:{}/99", redis.port))).await;
    assert!(said.contains("look at the database number"), "{said}");
    assert_eq!(code, Some(69));
}

#[tokio::test]
async fn valkey_in_place_of_redis() {
    let valkey = Redis::valkey().await;

    Pair::of(&at(&format!("valkey://127.0.0.1:{}", valkey.port)))
        .await
        .share_everything()
        .await;
}

#[tokio::test]
async fn sentinels_and_the_failover_of_their_master() {
    let mut redis = Sentinels::start().await;
    let pair = Pair::of(&at(&redis.url())).await;
    pair.share_everything().await;
    assert_ne!(redis.master.tell(&["-n", "2", "DBSIZE"]).await, ["0"]);
    let mut clients = Clients::of(&pair).await;

    redis.master.kill();

    // The sentinels give it up after a second, and then agree on another.
    let took = pair.flows(&mut clients).await;
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_ne!(redis.replica.tell(&["-n", "2", "DBSIZE"]).await, ["0"]);
    let errors = pair
        .there
        .metric("socket_io_cluster_connection_errors_total");
    assert!(errors.await >= 1.0);
    wait_for("the node to hear itself", async || {
        pair.there.metric("socket_io_cluster_up").await > 0.0
    })
    .await;
    pair.share_everything().await;
}

#[tokio::test]
async fn a_redis_cluster_and_the_failover_of_its_masters() {
    let mut redis = RedisCluster::with_replicas().await;
    let pair = Pair::of(&at(&redis.url())).await;
    pair.share_everything().await;
    let mut clients = Clients::of(&pair).await;
    let slot = redis.place_with("roomcast:{socket.io}:").await;

    redis.nodes[slot].kill();

    let took = pair.flows(&mut clients).await;
    assert!(took < Duration::from_secs(15), "{took:?}");
    wait_for("presence to work again", async || {
        let mut user = pair.here.client_of("/chat", Transport::WebSocket).await;
        user.emit("joinChat", &json!({ "username": "ann" }))
            .await
            .unwrap();
        let joined = tokio::time::timeout(Duration::from_secs(1), user.expect("joined"));
        joined.await.is_ok()
    })
    .await;
}
