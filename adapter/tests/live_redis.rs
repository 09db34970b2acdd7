//! The adapter against a real redis-server, which each test starts, breaks and repairs by itself.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests, and tell how long things took"
)]

#[path = "live/clients.rs"]
mod clients;
mod common;
#[path = "live/proxy.rs"]
mod proxy;
#[path = "live/server.rs"]
mod server;

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use clients::{bus, client};
use common::{Client, Node, PATIENCE, Space, everyone, per_room, to};
use fred::{
    interfaces::ClientLike,
    types::{Builder, RespVersion},
};
use proxy::Proxy;
use roomcast_adapter::{
    Config, DropCause, InitError,
    bus::{Bus, MIN_CAPACITY, RedisBus},
    wire::{self, Targets},
};
use server::Redis;
use socketioxide_core::Value;

/// How long after Redis is back everything must work again.
const PROMISE: Duration = Duration::from_secs(5);

/// Two nodes, of which the second may be reached another way, and a client there in the room `before`.
struct Pair {
    one: Node,
    two: Node,
    a: Space,
    client: Client,
}

impl Pair {
    async fn on(one: u16, two: u16) -> Self {
        Self::with(one, two, per_room()).await
    }

    async fn with(one: u16, two: u16, of_two: Config) -> Self {
        let one = Node::start(bus(one).await, per_room());
        let two = Node::start(bus(two).await, of_two);
        let (a, b) = (one.serve("/").await, two.serve("/").await);
        let client = b.member(&["before"]).await;
        let pair = Self {
            one,
            two,
            a,
            client,
        };
        pair.flows("at first").await;
        for node in [&pair.one, &pair.two] {
            let mut hears = node.cluster.hears();
            hears.wait_for(|hears| *hears).await.unwrap();
        }
        pair
    }

    /// Waits until a message of the first node reaches a room that was joined before, and one that is joined now.
    async fn flows(&self, when: &str) -> Duration {
        let start = Instant::now();
        drop(self.client.join(&["meanwhile"]));
        let (mut before, mut meanwhile) = (false, false);
        let mut round = 0;
        while !(before && meanwhile) {
            assert!(start.elapsed() < PATIENCE, "{when}: messages should flow");
            for room in ["before", "meanwhile"] {
                self.a
                    .emit(&format!("[\"{room}\",\"{when}\"]"), to(&[room]))
                    .unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            let packets = self.client.so_far();
            before |= packets.contains(&format!("2[\"before\",\"{when}\"]"));
            meanwhile |= packets.contains(&format!("2[\"meanwhile\",\"{when}\"]"));
            round += 1;
        }
        let took = start.elapsed();
        println!("{when}: messages flow after {took:?}, at try {round}");
        self.client.leave(&["meanwhile"]);
        took
    }

    /// The same, within the time that is promised.
    async fn flows_soon(&self, when: &str) {
        let took = self.flows(when).await;
        assert!(took < PROMISE, "{when}: it took {took:?}");
    }
}

#[tokio::test]
async fn messages_flow_soon_after_redis_was_restarted() {
    let mut redis = Redis::start().await;
    let pair = Pair::on(redis.port, redis.port).await;

    for outage in [0, 1, 7] {
        redis.kill();
        tokio::time::sleep(Duration::from_secs(outage)).await;
        let here = pair.a.member(&["before"]).await;
        pair.a.emit(r#"["here"]"#, to(&["before"])).unwrap();
        assert_eq!(here.next().await, r#"2["here"]"#);
        redis.start_again().await;

        pair.flows_soon(&format!("after {outage} s without redis"))
            .await;
        here.disconnect();
    }
}

#[tokio::test]
async fn messages_flow_soon_after_connections_were_reset() {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.port).await;
    let pair = Pair::on(redis.port, proxy.port).await;

    redis.ask("CLIENT", &["KILL", "TYPE", "pubsub"]).await;
    pair.flows_soon("after subscribers were killed").await;
    redis.ask("CLIENT", &["KILL", "TYPE", "normal"]).await;
    pair.flows_soon("after publishers were killed").await;
    proxy.reset();
    pair.flows_soon("after a reset").await;
}

#[tokio::test]
async fn messages_flow_soon_after_a_connection_fell_silent() {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.port).await;
    let pair = Pair::on(redis.port, proxy.port).await;

    proxy.fall_silent();

    pair.flows_soon("after silence").await;
    assert!(pair.two.counts.reconnected() >= 1);
}

#[tokio::test]
async fn messages_of_a_busy_publisher_flow_soon_after_its_connection_fell_silent() {
    let redis = Redis::start().await;
    let proxy = Proxy::to(redis.port).await;
    let pair = Pair::on(proxy.port, redis.port).await;
    let large = format!("[\"large\",\"{}\"]", "x".repeat(100_000));

    proxy.fall_silent();
    // More than the sockets on the way hold, so that writing stands still.
    for _ in 0..150 {
        pair.a.emit(&large, to(&["elsewhere"])).unwrap();
    }

    pair.flows_soon("after silence towards a busy publisher")
        .await;
}

#[tokio::test]
async fn messages_flow_soon_after_redis_hung() {
    let redis = Redis::start().await;
    let pair = Pair::on(redis.port, redis.port).await;

    for pause in [2, 10] {
        redis.hang();
        tokio::time::sleep(Duration::from_secs(pause)).await;
        redis.go_on();

        pair.flows_soon(&format!("after redis hung for {pause} s"))
            .await;
    }
}

#[tokio::test]
async fn a_burst_of_50_000_messages_arrives_whole_and_in_order_on_one_thread() {
    burst().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_50_000_messages_arrives_whole_and_in_order_on_two_threads() {
    burst().await;
}

async fn burst() {
    const MESSAGES: usize = 50_000;
    let redis = Redis::start().await;
    let node = Node::start(bus(redis.port).await, per_room());
    let space = node.serve("/").await;
    let client = space.member(&["room"]).await;

    let port = redis.port;
    let start = Instant::now();
    let publisher = thread::spawn(move || publish_at_once(port, MESSAGES));
    for number in 0..MESSAGES {
        let packet = client.next().await;
        assert_eq!(packet, format!("2[\"n\",{number}]"));
    }

    println!("{MESSAGES} messages took {:?}", start.elapsed());
    publisher.join().unwrap();
    assert_eq!(node.counts.all_dropped(), HashMap::new());
    assert_eq!(node.counts.reconnected(), 0);
}

/// Publishes to the room `room`, as fast as Redis takes it.
fn publish_at_once(port: u16, messages: usize) {
    let mut commands = Vec::new();
    for number in 0..messages {
        let message = message(&format!("[\"n\",{number}]"));
        let head = format!(
            "*3\r\n$7\r\nPUBLISH\r\n$17\r\nsocket.io#/#room#\r\n${}\r\n",
            message.len()
        );
        commands.extend_from_slice(head.as_bytes());
        commands.extend_from_slice(&message);
        commands.extend_from_slice(b"\r\n");
    }
    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut answers = connection.try_clone().unwrap();
    let reader = thread::spawn(move || {
        let mut answer = [0; b":1\r\n".len()];
        for _ in 0..messages {
            answers.read_exact(&mut answer).unwrap();
        }
    });
    connection.write_all(&commands).unwrap();
    reader.join().unwrap();
}

/// A broadcast of some other publisher to whoever the channel is for.
fn message(event: &str) -> Bytes {
    let targets = Targets {
        rooms: vec!["room".to_owned()],
        ..Targets::default()
    };
    let data = Value::Str(event.to_owned().into(), None);
    wire::encode_broadcast("emitter", "/", &data, &targets).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_publishers_order_holds_across_channels_and_sizes() {
    const MESSAGES: usize = 2000;
    let redis = Redis::start().await;
    let pair = Pair::on(redis.port, redis.port).await;
    let large = "x".repeat(60_000);
    let event = |number: usize| {
        let text = if number.is_multiple_of(50) {
            &large
        } else {
            ""
        };
        format!("[\"n\",{number},\"{text}\"]")
    };
    pair.client.so_far();

    for number in 0..MESSAGES {
        let options = match number % 3 {
            0 => to(&["before"]),
            1 => everyone(),
            _ => to(&["before", "nobody"]),
        };
        pair.a.emit(&event(number), options).unwrap();
    }

    for number in 0..MESSAGES {
        let packet = pair.client.next().await;
        assert!(packet == format!("2{}", event(number)), "number {number}");
    }
    assert!(pair.one.counts.all_dropped().is_empty());
    assert!(pair.two.counts.all_dropped().is_empty());
}

#[tokio::test]
async fn redis_knows_the_rooms_with_members_the_namespace_the_node_and_nothing_else() {
    let redis = Redis::start().await;
    let node = Node::start(bus(redis.port).await, per_room());
    let space = node.serve("/chat").await;
    let (stays, goes) = (
        space.member(&["room", "b#r *?[x]"]).await,
        space.member(&["room", "left"]).await,
    );

    goes.disconnect();
    let mut expected = vec![
        "socket.io#/chat#".to_owned(),
        "socket.io#/chat#b#r *?[x]#".to_owned(),
        "socket.io#/chat#room#".to_owned(),
        format!("socket.io#/chat#{}#", stays.id()),
        "roomcast:{socket.io}:nodes".to_owned(),
        "socket.io-request#/chat#".to_owned(),
        "socket.io-response#/chat#".to_owned(),
    ];
    expected.sort();

    let start = Instant::now();
    // The one beside these is of the adapter's own id, which nobody is told.
    let is_own =
        |channel: &String| channel.starts_with("socket.io-response#/chat#") && channel.len() > 26;
    loop {
        let mut channels = redis.ask("PUBSUB", &["CHANNELS"]).await;
        let all = channels.len();
        channels.retain(|channel| !is_own(channel));
        if channels == expected && all == channels.len() + 1 {
            break;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "the rooms that were left should end"
        );
    }
    assert_eq!(redis.ask("PUBSUB", &["NUMPAT"]).await, ["0"]);
    let channels = ["socket.io#/chat#room#", "socket.io#/chat#left#"];
    let channels = channels.map(str::to_owned).to_vec();
    let counts = bus(redis.port).await.subscribers(channels).await;
    assert_eq!(counts.unwrap(), [1, 0]);
    // Counted once: other servers wait for as many answers.
    let request = "socket.io-request#/chat#";
    let subscribers = redis.ask("PUBSUB", &["NUMSUB", request]).await;
    assert_eq!(subscribers, ["1", request]);
}

#[tokio::test]
async fn clients_that_would_lose_messages_are_refused() {
    let redis = Redis::start().await;
    let port = redis.port;
    let good = async || client(port, |_| ()).await;
    let small = client(port, |builder| {
        builder.with_performance_config(|performance| {
            performance.broadcast_channel_capacity = MIN_CAPACITY - 1;
        });
    });
    let resp2 = client(port, |builder| {
        builder.with_config(|config| config.version = RespVersion::RESP2);
    });
    // Without a policy of reconnecting it need not even connect.
    let gives_up = async || {
        Builder::from_config(good().await.client_config())
            .with_performance_config(|performance| {
                performance.broadcast_channel_capacity = MIN_CAPACITY;
            })
            .build()
            .unwrap()
    };

    let refused = RedisBus::new(good().await, small.await).unwrap_err();
    assert!(
        matches!(refused, InitError::SmallCapacity { capacity, needed } if (capacity, needed) == (8191, 8192)),
        "{refused}"
    );
    let refused = RedisBus::new(good().await, resp2.await).unwrap_err();
    assert!(matches!(refused, InitError::Resp2), "{refused}");
    let refused = RedisBus::new(gives_up().await, good().await).unwrap_err();
    assert!(
        matches!(refused, InitError::NoReconnectPolicy("publisher")),
        "{refused}"
    );
    let refused = RedisBus::new(good().await, gives_up().await).unwrap_err();
    assert!(
        matches!(refused, InitError::NoReconnectPolicy("subscriber")),
        "{refused}"
    );
    RedisBus::new(good().await, good().await).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_rooms_are_subscribed_and_are_back_after_a_restart() {
    const ROOMS: usize = 100_000;
    let mut redis = Redis::start().await;
    let pair = Pair::with(redis.port, redis.port, common::limited(2 * ROOMS)).await;

    let names: Vec<_> = (0..ROOMS).map(|index| format!("room {index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let start = Instant::now();
    drop(pair.client.join(&names));
    while redis.ask("PUBSUB", &["CHANNELS"]).await.len() <= ROOMS {
        assert!(start.elapsed() < PATIENCE, "all rooms should be subscribed");
    }
    println!("{ROOMS} rooms were subscribed in {:?}", start.elapsed());

    redis.kill();
    redis.start_again().await;
    pair.flows("after a restart with 100,000 rooms").await;
    let start = Instant::now();
    while redis.ask("PUBSUB", &["CHANNELS"]).await.len() <= ROOMS {
        assert!(start.elapsed() < PATIENCE, "all rooms should be back");
    }
    println!("all rooms were back {:?} later", start.elapsed());
    assert_eq!(
        pair.two.counts.reconnected(),
        1,
        "no more connections than one were needed"
    );
}

#[tokio::test]
async fn what_is_published_without_a_connection_fails_and_is_not_sent_later() {
    let mut redis = Redis::start().await;
    let sender = bus(redis.port).await;
    let node = Node::start(bus(redis.port).await, per_room());
    let space = node.serve("/").await;
    let client = space.member(&["room"]).await;
    let publish = |text: &str| sender.publish("socket.io#/#room#".to_owned(), message(text));

    redis.kill();
    let start = Instant::now();
    while publish(r#"["lost"]"#).await.is_ok() {
        assert!(start.elapsed() < PATIENCE, "publishing should fail");
    }
    redis.start_again().await;
    let mut hears = node.cluster.hears();
    hears.wait_for(|hears| *hears).await.unwrap();
    let start = Instant::now();
    while publish(r#"["again"]"#).await.is_err() {
        assert!(start.elapsed() < PATIENCE, "publishing should work again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    assert_eq!(client.next().await, r#"2["again"]"#);
}

#[tokio::test]
async fn a_connection_on_which_nothing_happens_stays() {
    let redis = Redis::start().await;
    let mut config = per_room();
    // No heartbeat: silence longer than what fred takes for unresponsive.
    config.heartbeat_interval = Duration::from_secs(60);
    config.heartbeat_timeout = Duration::from_secs(180);
    let node = Node::start(bus(redis.port).await, config);
    let space = node.serve("/").await;
    let client = space.member(&["room"]).await;

    tokio::time::sleep(Duration::from_secs(7)).await;
    publish_at_once(redis.port, 1);

    assert_eq!(client.next().await, r#"2["n",0]"#);
    assert_eq!(node.counts.reconnected(), 0);
    assert_eq!(node.counts.dropped(DropCause::Lagged), 0);
}

#[tokio::test]
async fn a_channel_that_redis_refuses_keeps_no_other_waiting() {
    let redis = Redis::start().await;
    // All that a node needs, but for the channels of requests.
    let user = [
        "SETUSER",
        "limited",
        "on",
        ">secret",
        "~*",
        "+@all",
        "resetchannels",
        "&socket.io#*",
        "&socket.io-response#*",
        "&roomcast:*",
    ];
    redis.ask("ACL", &user).await;
    let url = format!("redis://limited:secret@127.0.0.1:{}", redis.port);
    let limited = clients::bus_at(&url, |publisher, subscriber| {
        RedisBus::new(publisher, subscriber).unwrap()
    });
    let one = Node::start(bus(redis.port).await, per_room());
    let two = Node::start(limited.await, per_room());
    let (a, b) = (one.serve("/").await, two.serve("/").await);

    let mut hears = two.cluster.hears();
    hears.wait_for(|hears| *hears).await.unwrap();
    let client = b.member(&["room"]).await;
    a.emit(r#"["to the room"]"#, to(&["room"])).unwrap();
    a.emit(r#"["to all"]"#, everyone()).unwrap();

    let heard = client.take(2).await;
    assert_eq!(heard, [r#"2["to the room"]"#, r#"2["to all"]"#]);
}
