//! The bus on a Redis Cluster, and sharded Pub/Sub with and without one, each on servers that the test starts.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

#[path = "live/clients.rs"]
mod clients;
mod common;
#[path = "live/server.rs"]
mod server;

use std::time::{Duration, Instant};

use clients::bus_at;
use common::{Client, Node, PATIENCE, Space, everyone, per_room, to};
use roomcast_adapter::{
    BusError, Config, Wire,
    bus::{Bus, RedisBus, Topic},
};
use server::{Redis, RedisCluster, eventually};

async fn classic(url: &str) -> RedisBus {
    bus_at(url, |publisher, subscriber| {
        RedisBus::new(publisher, subscriber).unwrap()
    })
    .await
}

async fn sharded(url: &str) -> RedisBus {
    bus_at(url, |publisher, subscriber| {
        RedisBus::sharded(publisher, subscriber).unwrap()
    })
    .await
}

/// Two nodes, and a client at the second in the rooms `room 0` to `room 9`.
struct Pair {
    one: Node,
    two: Node,
    a: Space,
    client: Client,
}

const ROOMS: usize = 10;

impl Pair {
    async fn on(wire: Wire, one: RedisBus, two: RedisBus) -> Self {
        let config = Config { wire, ..per_room() };
        let one = Node::start(one, config.clone());
        let two = Node::start(two, config);
        let (a, b) = (one.serve("/").await, two.serve("/").await);
        let rooms: Vec<_> = (0..ROOMS).map(|room| format!("room {room}")).collect();
        let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
        let client = b.member(&rooms).await;
        let pair = Self {
            one,
            two,
            a,
            client,
        };
        for node in [&pair.one, &pair.two] {
            let mut hears = node.cluster.hears();
            hears.wait_for(|hears| *hears).await.unwrap();
        }
        pair
    }

    /// Waits until a message of the first node to each of the rooms arrives.
    async fn flows(&self, when: &str) -> Duration {
        let start = Instant::now();
        let mut missing: Vec<usize> = (0..ROOMS).collect();
        while !missing.is_empty() {
            assert!(
                start.elapsed() < PATIENCE,
                "{when}: {missing:?} should be heard"
            );
            for room in &missing {
                let event = format!("[\"{when}\",{room}]");
                self.a.emit(&event, to(&[&format!("room {room}")])).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            let packets = self.client.so_far();
            missing.retain(|room| !packets.contains(&format!("2[\"{when}\",{room}]")));
        }
        let took = start.elapsed();
        println!("{when}: messages flow after {took:?}");
        took
    }

    /// Of what is sent to everybody and to one room; or to the room alone, since shards keep no order among each other.
    async fn each_arrives_once_and_in_order(&self, among_channels: bool) {
        const MESSAGES: usize = 500;
        for number in 0..MESSAGES {
            let options = if among_channels && number % 7 == 0 {
                everyone()
            } else {
                to(&["room 0"])
            };
            self.a.emit(&format!("[{number}]"), options).unwrap();
        }
        for number in 0..MESSAGES {
            let mut packet = self.client.next().await;
            // What was sent while waiting for messages to flow may still be on its way.
            while packet.starts_with("2[\"") {
                packet = self.client.next().await;
            }
            assert_eq!(packet, format!("2[{number}]"));
        }
    }
}

#[tokio::test]
async fn nodes_on_a_redis_cluster_reach_each_other_and_count_themselves() {
    let redis = RedisCluster::start().await;
    let pair = Pair::on(
        Wire::Classic,
        classic(&redis.url()).await,
        classic(&redis.url()).await,
    )
    .await;

    pair.flows("at first").await;
    pair.each_arrives_once_and_in_order(true).await;

    let channel = "socket.io#/#";
    // Each may be at any node of the Redis Cluster.
    let counter = classic(&redis.url()).await;
    let third = Node::start(classic(&redis.url()).await, per_room());
    let _serves = third.serve("/").await;
    eventually("all three should be counted", async || {
        counter.subscribers(vec![channel.to_owned()]).await.ok() == Some(vec![3])
    })
    .await;
    assert_eq!(pair.two.counts.reconnected(), 0);
}

#[tokio::test]
async fn subscribers_at_every_node_of_a_redis_cluster_count_replicas_included() {
    let redis = RedisCluster::with_replicas().await;
    let counter = classic(&redis.url()).await;
    let mut direct = Vec::new();
    for node in &redis.nodes {
        let bus = clients::bus(node.port).await;
        bus.subscribe(vec![Topic::Channel("channel".to_owned())])
            .await
            .unwrap();
        direct.push(bus);
    }

    eventually(
        "the subscriber of each node should be counted",
        async || {
            counter.subscribers(vec!["channel".to_owned()]).await.ok()
                == Some(vec![redis.nodes.len()])
        },
    )
    .await;
    assert_eq!(
        counter.subscribers(vec!["other".to_owned()]).await.unwrap(),
        [0]
    );
}

#[tokio::test]
async fn messages_flow_soon_after_the_node_that_carries_them_was_killed() {
    let mut redis = RedisCluster::with_replicas().await;
    let pair = Pair::on(
        Wire::Classic,
        classic(&redis.url()).await,
        classic(&redis.url()).await,
    )
    .await;
    pair.flows("at first").await;

    for round in 0..2 {
        let at = redis.place_of("NUMSUB", "socket.io#/#room 0#").await;
        redis.nodes[at.unwrap()].kill();

        let took = pair.flows(&format!("after loss {round}")).await;
        assert!(took < Duration::from_secs(5), "{took:?}");
        redis.nodes[at.unwrap()].start_again().await;
    }
    pair.each_arrives_once_and_in_order(true).await;
    assert!(pair.two.counts.reconnected() >= 1);
}

#[tokio::test]
async fn messages_flow_soon_after_the_node_that_carries_them_hung() {
    let redis = RedisCluster::with_replicas().await;
    let pair = Pair::on(
        Wire::Classic,
        classic(&redis.url()).await,
        classic(&redis.url()).await,
    )
    .await;
    pair.flows("at first").await;

    let at = redis.place_of("NUMSUB", "socket.io#/#room 0#").await;
    redis.nodes[at.unwrap()].hang();

    pair.flows("after it hung").await;
    redis.nodes[at.unwrap()].go_on();
}

#[tokio::test]
async fn sharded_pub_sub_works_on_a_single_server() {
    let redis = Redis::start().await;
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let pair = Pair::on(Wire::Sharded, sharded(&url).await, sharded(&url).await).await;

    pair.flows("at first").await;

    let channels = redis.ask("PUBSUB", &["SHARDCHANNELS"]).await;
    assert!(
        channels.contains(&"socket.io#/#room 3#".to_owned()),
        "{channels:?}"
    );
    assert_eq!(redis.ask("PUBSUB", &["CHANNELS"]).await, [""; 0]);
    let counter = sharded(&url).await;
    let count =
        async |channel: &str| counter.subscribers(vec![channel.to_owned()]).await.unwrap()[0];
    assert_eq!(count("socket.io#/#").await, 2);
    assert_eq!(count("socket.io#/#room 3#").await, 1);
    let refused = counter
        .subscribe(vec![Topic::Pattern("a*".to_owned())])
        .await;
    assert!(matches!(refused, Err(BusError::NoPatterns)), "{refused:?}");
    pair.client.leave(&["room 3"]);
    eventually("the room that was left should end", async || {
        count("socket.io#/#room 3#").await == 0
    })
    .await;
}

#[tokio::test]
async fn sharded_pub_sub_works_on_a_redis_cluster_over_the_move_of_a_slot() {
    let redis = RedisCluster::start().await;
    let pair = Pair::on(
        Wire::Sharded,
        sharded(&redis.url()).await,
        sharded(&redis.url()).await,
    )
    .await;
    pair.flows("at first").await;
    let counter = sharded(&redis.url()).await;
    let channel = "socket.io#/#room 1#";
    eventually("the room should be counted at its master", async || {
        counter.subscribers(vec![channel.to_owned()]).await.ok() == Some(vec![1])
    })
    .await;

    let from = redis.place_of("SHARDNUMSUB", channel).await.unwrap();
    let to = (from + 1) % 3;
    let slot = redis.nodes[0].tell(&["CLUSTER", "KEYSLOT", channel]).await;
    let id = redis.nodes[to].tell(&["CLUSTER", "MYID"]).await;
    for node in [to, from, 3 - from - to] {
        let moved = ["CLUSTER", "SETSLOT", &slot[0], "NODE", &id[0]];
        assert_eq!(redis.nodes[node].tell(&moved).await, ["OK"]);
    }

    let took = pair.flows("after the slot moved").await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(redis.place_of("SHARDNUMSUB", channel).await, Some(to));
}

#[tokio::test]
async fn sharded_pub_sub_on_a_redis_cluster_comes_back_after_the_failover_of_a_master() {
    let mut redis = RedisCluster::with_replicas().await;
    let pair = Pair::on(
        Wire::Sharded,
        sharded(&redis.url()).await,
        sharded(&redis.url()).await,
    )
    .await;
    pair.flows("at first").await;

    let at = redis.place_of("SHARDNUMSUB", "socket.io#/#room 1#").await;
    redis.nodes[at.unwrap()].kill();

    let took = pair.flows("after the failover").await;
    // The cluster itself gives a master up after a second, and then elects another.
    assert!(took < Duration::from_secs(10), "{took:?}");
    pair.each_arrives_once_and_in_order(false).await;
}
