//! What is promised when the bus loses, delays or repeats messages, goes away, or brings what nobody can read.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Node, eventually, everyone, limited, nodes, per_room, to};
use roomcast_adapter::{
    DropCause, Subscribe,
    bus::{Bus, Fault, MemoryHub},
    wire::{self, Flags, Targets},
};
use socketioxide_core::Value;

/// Two nodes on one bus.
fn pair(hub: &MemoryHub) -> (Node, Node) {
    let node = || Node::start(hub.connect(), per_room());
    (node(), node())
}

#[tokio::test]
async fn a_lost_message_is_lost_for_other_nodes_only_and_stops_nothing() {
    let hub = MemoryHub::default();
    let (one, two) = pair(&hub);
    let (a, b) = (one.serve("/").await, two.serve("/").await);
    let (here, there) = (a.member(&["room"]).await, b.member(&["room"]).await);

    hub.inject("socket.io#/#room#", Fault::Lose);
    a.emit(r#"["lost"]"#, to(&["room"])).unwrap();
    a.emit(r#"["next"]"#, to(&["room"])).unwrap();

    assert_eq!(here.take(2).await, [r#"2["lost"]"#, r#"2["next"]"#]);
    assert_eq!(there.next().await, r#"2["next"]"#);
}

#[tokio::test]
async fn a_message_that_the_bus_repeats_is_delivered_again() {
    let hub = MemoryHub::default();
    let (one, two) = pair(&hub);
    let (a, b) = (one.serve("/").await, two.serve("/").await);
    let (here, there) = (a.member(&["room"]).await, b.member(&["room"]).await);

    hub.inject("socket.io#/#room#", Fault::Repeat);
    a.emit(r#"["twice"]"#, to(&["room"])).unwrap();
    a.emit(r#"["end"]"#, to(&["room"])).unwrap();

    assert_eq!(here.take(2).await, [r#"2["twice"]"#, r#"2["end"]"#]);
    let packets = there.take(3).await;
    assert_eq!(packets, [r#"2["twice"]"#, r#"2["twice"]"#, r#"2["end"]"#]);
}

#[tokio::test(start_paused = true)]
async fn a_late_message_is_delivered_late_and_holds_nothing_up() {
    let hub = MemoryHub::default();
    let (one, two) = pair(&hub);
    let (a, b) = (one.serve("/").await, two.serve("/").await);
    let (here, there) = (a.member(&["room"]).await, b.member(&["room"]).await);

    hub.inject("socket.io#/#room#", Fault::Delay(Duration::from_secs(1)));
    a.emit(r#"["late"]"#, to(&["room"])).unwrap();
    a.emit(r#"["soon"]"#, to(&["room"])).unwrap();

    assert_eq!(here.take(2).await, [r#"2["late"]"#, r#"2["soon"]"#]);
    assert_eq!(there.take(2).await, [r#"2["soon"]"#, r#"2["late"]"#]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_cut_off_delivers_here_and_sends_what_is_young_when_it_is_back() {
    let hub = MemoryHub::default();
    let bus = hub.connect();
    let cable = bus.handle();
    let (one, two) = (
        Node::start(bus, per_room()),
        Node::start(hub.connect(), per_room()),
    );
    let (a, b) = (one.serve("/").await, two.serve("/").await);
    let (here, there) = (a.member(&["room"]).await, b.member(&["room"]).await);

    cable.set_connected(false);
    a.emit(r#"["old",1]"#, to(&["room"])).unwrap();
    a.emit(r#"["old",2]"#, to(&["room"])).unwrap();
    tokio::time::advance(Duration::from_millis(2500)).await;
    for number in 1..=3 {
        a.emit(&format!("[\"young\",{number}]"), to(&["room"]))
            .unwrap();
    }
    let packets = here.take(5).await;
    assert_eq!(
        (&*packets[0], &*packets[4]),
        (r#"2["old",1]"#, r#"2["young",3]"#)
    );
    tokio::time::advance(Duration::from_millis(2600)).await;
    cable.set_connected(true);

    let packets = there.take(3).await;
    let young = [1, 2, 3].map(|number| format!("2[\"young\",{number}]"));
    assert_eq!(packets, young);
    assert_eq!(one.counts.dropped(DropCause::Expired), 2);
    assert_eq!(one.counts.all_dropped().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rooms_joined_before_and_during_an_outage_are_heard_after_it() {
    let hub = MemoryHub::default();
    let bus = hub.connect();
    let cable = bus.handle();
    let (one, two) = (
        Node::start(hub.connect(), per_room()),
        Node::start(bus, per_room()),
    );
    let (a, b) = (one.serve("/").await, two.serve("/").await);
    let client = b.member(&["before", "left"]).await;

    cable.set_connected(false);
    client.join(&["meanwhile"]).await;
    client.leave(&["left"]);
    cable.set_connected(true);
    let mut hears = two.cluster.hears();
    hears.wait_for(|hears| *hears).await.unwrap();

    for room in ["before", "left", "meanwhile"] {
        a.emit(&format!("[\"{room}\"]"), to(&[room])).unwrap();
    }
    assert_eq!(
        client.take(2).await,
        [r#"2["before"]"#, r#"2["meanwhile"]"#]
    );
    assert!(!cable.subscribed().contains(&"socket.io#/#left#".to_owned()));
    assert_eq!(two.counts.reconnected(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_overflows_while_the_bus_is_away_is_the_oldest_and_is_counted() {
    let hub = MemoryHub::default();
    let bus = hub.connect();
    let cable = bus.handle();
    let mut config = per_room();
    config.outbox_bytes = 4096;
    let (one, two) = (
        Node::start(bus, config),
        Node::start(hub.connect(), per_room()),
    );
    let (a, b) = (one.serve("/").await, two.serve("/").await);
    let client = b.connect().await;

    cable.set_connected(false);
    for number in 0..100 {
        a.emit(&format!("[\"n\",{number}]"), everyone()).unwrap();
    }
    let lost = one.counts.dropped(DropCause::OutboxFull);
    assert!((50..100).contains(&lost), "{lost} were dropped");
    cable.set_connected(true);

    for number in lost..100 {
        assert_eq!(client.next().await, format!("2[\"n\",{number}]"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_no_longer_hears_notices_and_subscribes_again() {
    let hub = MemoryHub::default();
    let bus = hub.connect();
    let cable = bus.handle();
    let (one, two) = (
        Node::start(hub.connect(), per_room()),
        Node::start(bus, per_room()),
    );
    let (a, b) = (one.serve("/").await, two.serve("/").await);
    let client = b.member(&["room"]).await;
    let mut hears = two.cluster.hears();
    hears.wait_for(|hears| *hears).await.unwrap();

    let start = tokio::time::Instant::now();
    cable.deafen();
    hears.wait_for(|hears| !hears).await.unwrap();
    let noticed = start.elapsed();
    hears.wait_for(|hears| *hears).await.unwrap();

    // It has three seconds to hear something since it last did.
    assert!(noticed <= Duration::from_millis(3100), "{noticed:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
    a.emit(r#"["hi"]"#, to(&["room"])).unwrap();
    assert_eq!(client.next().await, r#"2["hi"]"#);
}

#[tokio::test]
async fn while_subscriptions_change_between_rooms_and_patterns_each_message_is_applied_once() {
    let hub = MemoryHub::default();
    let bus = hub.connect();
    let redis = bus.handle();
    let (one, two) = (
        Node::start(hub.connect(), per_room()),
        Node::start(bus, limited(10)),
    );
    let (a, b) = (one.serve("/").await, two.serve("/").await);
    let listener = b.member(&["room"]).await;
    let mover = b.connect().await;
    let rooms: Vec<_> = (0..20).map(|index| format!("r{index}")).collect();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    let by_pattern = || two.counts.subscriptions().patterns == 1;

    let (mut sent, mut switches) = (0, 0);
    while switches < 40 {
        let was = by_pattern();
        for _ in 0..5 {
            a.emit(&format!("[\"n\",{sent}]"), to(&["room"])).unwrap();
            sent += 1;
            tokio::task::yield_now().await;
        }
        if was {
            mover.leave(&rooms);
        } else {
            drop(mover.join(&rooms));
        }
        assert_ne!(by_pattern(), was);
        switches += 1;
    }

    for number in 0..sent {
        assert_eq!(listener.next().await, format!("2[\"n\",{number}]"));
    }
    a.emit(r#"["end"]"#, everyone()).unwrap();
    assert_eq!(listener.next().await, r#"2["end"]"#);
    eventually("nothing is left of the pattern", || {
        !redis.subscribed().contains(&"socket.io#/#*".to_owned())
    })
    .await;
}

#[tokio::test]
async fn messages_that_are_the_same_are_each_applied_while_subscriptions_change() {
    let hub = MemoryHub::default();
    let bus = hub.connect();
    let redis = bus.handle();
    let (one, two) = (
        Node::start(hub.connect(), per_room()),
        Node::start(bus, limited(2)),
    );
    let (a, b) = (one.serve("/").await, two.serve("/").await);
    let client = b.member(&["room"]).await;

    a.emit(r#"["tick"]"#, to(&["room"])).unwrap();
    assert_eq!(client.next().await, r#"2["tick"]"#);
    client.join(&["one more"]).await;
    eventually("only the pattern is left", || {
        !redis
            .subscribed()
            .iter()
            .any(|topic| topic.ends_with("room#"))
    })
    .await;
    a.emit(r#"["tick"]"#, to(&["room"])).unwrap();

    assert_eq!(client.next().await, r#"2["tick"]"#);
}

#[tokio::test]
async fn what_cannot_be_read_is_dropped_and_counted_and_the_next_good_message_arrives() {
    let hub = MemoryHub::default();
    let node = Node::start(hub.connect(), per_room());
    let space = node.serve("/").await;
    let client = space.member(&["room"]).await;
    let peer = hub.connect();
    let good = message("/", r#"["good"]"#);
    let with_type = |kind: u8| {
        let at = good
            .windows(5)
            .position(|bytes| bytes == b"type\x02")
            .unwrap();
        let mut bytes = good.to_vec();
        bytes[at + 4] = kind;
        Bytes::from(bytes)
    };
    let reserved = {
        let bytes = message("/", r#"["disconnecX"]"#);
        let at = bytes.iter().position(|byte| *byte == b'X').unwrap();
        let mut bytes = bytes.to_vec();
        bytes[at] = b't';
        Bytes::from(bytes)
    };

    let bad = [
        (DropCause::Malformed, Bytes::new()),
        (DropCause::Malformed, Bytes::from_static(b"{\"json\":1}")),
        (DropCause::Malformed, good.slice(..good.len() - 1)),
        (DropCause::UnknownType, with_type(3)),
        (DropCause::UnknownType, with_type(0)),
        (DropCause::Reserved, reserved),
        (DropCause::TooLarge, Bytes::from(vec![0; wire::MAX + 1])),
    ];
    for (cause, payload) in bad {
        let before = node.counts.dropped(cause);
        let channel = "socket.io#/#room#".to_owned();
        peer.publish(channel.clone(), payload).await.unwrap();
        peer.publish(channel, good.clone()).await.unwrap();

        assert_eq!(client.next().await, r#"2["good"]"#);
        assert_eq!(node.counts.dropped(cause), before + 1, "{cause:?}");
    }
}

#[tokio::test]
async fn what_is_meant_for_others_is_neither_read_nor_counted() {
    let hub = MemoryHub::default();
    let mut config = per_room();
    config.subscribe = Subscribe::Pattern;
    let node = Node::start(hub.connect(), config);
    let space = node.serve("/").await;
    let client = space.member(&["room"]).await;
    let peer = hub.connect();

    for (channel, payload) in [
        (
            "socket.io#/#nobody#",
            Bytes::from_static(b"not even MessagePack"),
        ),
        ("socket.io#/#room#", message("/other", r#"["other"]"#)),
        ("socket.io#/#room#", message("/", r#"["good"]"#)),
    ] {
        peer.publish(channel.to_owned(), payload).await.unwrap();
    }

    assert_eq!(client.next().await, r#"2["good"]"#);
    assert!(node.counts.all_dropped().is_empty());
}

#[tokio::test]
async fn a_flush_waits_until_the_bus_has_everything() {
    let [(one, a), (_two, b)] = nodes(&per_room()).await;
    let client = b.connect().await;
    for number in 0..1000 {
        a.emit(&format!("[\"n\",{number}]"), everyone()).unwrap();
    }

    one.cluster.flushed(common::PATIENCE).await;

    assert_eq!(one.counts.published(), 1000);
    client.take(1000).await;
}

/// A broadcast of some other publisher to everybody.
fn message(namespace: &str, event: &str) -> Bytes {
    let targets = Targets {
        rooms: Vec::new(),
        except: Vec::new(),
        flags: Flags::default(),
    };
    let data = Value::Str(event.to_owned().into(), None);
    wire::encode_broadcast("emitter", namespace, &data, &targets).unwrap()
}
