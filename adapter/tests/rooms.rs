//! Joining and leaving: what a node is subscribed to, and when a join is confirmed.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::{future::pending, pin::Pin, time::Duration};

use bytes::Bytes;
use common::{Node, eventually, everyone, limited, nodes, per_room, to};
use roomcast_adapter::{
    Inbox,
    bus::{Bus, BusFuture, CountFuture, Link, MemoryBus, MemoryHub, Topic},
};
use socketioxide_core::adapter::CoreAdapter;
use tokio::{sync::watch, time::Instant};

/// What a node is subscribed to, but for its own channel.
fn broadcasts(bus: &MemoryBus) -> Vec<String> {
    let mut topics = bus.subscribed();
    topics.retain(|topic| topic.starts_with("socket.io#"));
    topics
}

#[tokio::test]
async fn a_room_is_subscribed_from_its_first_member_to_its_last() {
    let hub = MemoryHub::default();
    let bus = hub.connect();
    let redis = bus.handle();
    let node = Node::start(bus, per_room());
    let space = node.serve("/").await;
    assert_eq!(broadcasts(&redis), ["socket.io#/#"]);

    let first = space.member(&["room"]).await;
    let second = space.member(&["room"]).await;
    let mut expected = ["room".to_owned(), first.id(), second.id()]
        .map(|room| format!("socket.io#/#{room}#"))
        .to_vec();
    expected.push("socket.io#/#".to_owned());
    expected.sort();
    assert_eq!(broadcasts(&redis), expected);
    assert_eq!(node.counts.subscriptions().rooms, 3);

    first.leave(&["room", "never joined"]);
    second.leave(&["room"]);
    expected.retain(|topic| topic != "socket.io#/#room#");
    eventually("the room's subscription ends", || {
        broadcasts(&redis) == expected
    })
    .await;
    assert_eq!(node.counts.subscriptions().rooms, 2);
}

#[tokio::test]
async fn one_member_that_leaves_does_not_end_the_room_for_the_other() {
    let [(_one, a), (_two, b)] = nodes(&per_room()).await;
    let (leaves, stays) = (b.member(&["room"]).await, b.member(&["room"]).await);

    leaves.leave(&["room"]);
    leaves.leave(&["room"]);
    a.emit(r#"["hi"]"#, to(&["room"])).unwrap();
    a.emit(r#"["end"]"#, everyone()).unwrap();

    assert_eq!(stays.take(2).await, [r#"2["hi"]"#, r#"2["end"]"#]);
    assert_eq!(leaves.next().await, r#"2["end"]"#);
}

#[tokio::test]
async fn a_held_room_is_subscribed_until_the_hold_and_its_members_are_gone() {
    let hub = MemoryHub::default();
    let bus = hub.connect();
    let redis = bus.handle();
    let node = Node::start(bus, per_room());
    let space = node.serve("/").await;
    let namespace = node.cluster.namespace("/").unwrap();
    let is_subscribed = || broadcasts(&redis).contains(&"socket.io#/#room#".to_owned());

    let (hold, confirmed) = namespace.hold("room");
    confirmed.await;
    assert!(is_subscribed(), "before anybody is in it");
    let member = space.member(&["room"]).await;
    drop(hold);
    assert_eq!(node.counts.subscriptions().rooms, 2);
    assert!(is_subscribed(), "its member is still there");

    member.leave(&["room"]);
    eventually("the room's subscription ends", || !is_subscribed()).await;
    drop(namespace.hold("room"));
    eventually("a hold alone leaves nothing", || !is_subscribed()).await;
    assert_eq!(node.counts.subscriptions().rooms, 1);
}

#[tokio::test]
async fn a_disconnected_socket_is_out_of_everything_and_joins_nothing_any_more() {
    let hub = MemoryHub::default();
    let bus = hub.connect();
    let redis = bus.handle();
    let node = Node::start(bus, per_room());
    let space = node.serve("/").await;
    let client = space.member(&["a", "b"]).await;

    client.disconnect();
    client.join(&["c"]).await;

    assert!(client.rooms().is_empty());
    eventually("all its subscriptions end", || {
        broadcasts(&redis) == ["socket.io#/#"]
    })
    .await;
    client.disconnect();
    assert_eq!(node.counts.subscriptions().rooms, 0);
}

#[tokio::test]
async fn sockets_are_moved_between_rooms_by_their_selection() {
    let [(_one, a), (_two, b)] = nodes(&per_room()).await;
    let (moved, other) = (b.member(&["old"]).await, b.connect().await);

    let rooms = vec!["new".to_owned()];
    b.adapter.add_sockets(to(&["old"]), rooms).await.unwrap();
    b.adapter.del_sockets(to(&["new"]), "old").await.unwrap();
    a.emit(r#"["old"]"#, to(&["old"])).unwrap();
    a.emit(r#"["new"]"#, to(&["new"])).unwrap();
    a.emit(r#"["end"]"#, everyone()).unwrap();

    assert_eq!(moved.take(2).await, [r#"2["new"]"#, r#"2["end"]"#]);
    assert_eq!(other.next().await, r#"2["end"]"#);
}

#[tokio::test]
async fn after_a_confirmed_join_no_message_to_the_room_is_missed() {
    let [(_one, a), (two, b)] = nodes(&per_room()).await;
    let client = b.connect().await;

    for round in 0..100 {
        let room = format!("room {round}");
        client.join(&[&room]).await;
        a.emit(&format!("[\"hi\",{round}]"), to(&[&room])).unwrap();
    }

    for round in 0..100 {
        assert_eq!(client.next().await, format!("2[\"hi\",{round}]"));
    }
    assert_eq!(two.counts.unconfirmed_joins(), 0);
}

#[tokio::test]
async fn a_namespace_is_ready_only_when_its_broadcasts_arrive() {
    let hub = MemoryHub::default();
    let one = Node::start(hub.connect(), per_room());
    let a = one.serve("/").await;
    for config in common::both() {
        let two = Node::start(hub.connect(), config);

        let b = two.serve("/").await;
        let client = b.connect().await;
        a.emit(r#"["hi"]"#, everyone()).unwrap();

        assert_eq!(client.next().await, r#"2["hi"]"#);
        assert_eq!(two.counts.unconfirmed_joins(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_resolves_at_once_while_the_bus_is_away() {
    let hub = MemoryHub::default();
    let bus = hub.connect();
    let cable = bus.handle();
    let node = Node::start(bus, per_room());
    let space = node.serve("/").await;
    let client = space.connect().await;
    cable.set_connected(false);
    eventually("the node notices", || !*node.cluster.hears().borrow()).await;

    let start = Instant::now();
    client.join(&["room"]).await;

    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(node.counts.unconfirmed_joins(), 1);
    assert!(client.rooms().contains(&"room".to_owned()));
}

/// A bus that never confirms the subscription of a room.
struct Unconfirming(MemoryBus);

impl Bus for Unconfirming {
    fn publish(&self, channel: String, payload: Bytes) -> BusFuture {
        self.0.publish(channel, payload)
    }

    fn subscribe(&self, topics: Vec<Topic>) -> BusFuture {
        let room =
            |topic: &Topic| matches!(topic, Topic::Channel(name) if name.ends_with("#room#"));
        if topics.iter().any(room) {
            return Box::pin(pending());
        }
        self.0.subscribe(topics)
    }

    fn unsubscribe(&self, topics: Vec<Topic>) -> BusFuture {
        self.0.unsubscribe(topics)
    }

    fn subscribers(&self, channels: Vec<String>) -> CountFuture {
        self.0.subscribers(channels)
    }

    fn reopen(&self) -> BusFuture {
        self.0.reopen()
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.0.link()
    }

    fn listen(&self, inbox: Inbox) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.listen(inbox)
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_waits_two_seconds_and_then_counts_as_unconfirmed() {
    let node = Node::start(Unconfirming(MemoryBus::alone()), per_room());
    let space = node.serve("/").await;
    let client = space.connect().await;
    let confirmed = node.counts.unconfirmed_joins();

    let start = Instant::now();
    let first = client.join(&["room", "one more#room"]);
    let second = client.join(&["room"]);
    let (first, second) = tokio::join!(async { (first.await, start.elapsed()).1 }, async {
        (second.await, start.elapsed()).1
    },);

    for waited in [first, second] {
        assert!(waited >= Duration::from_secs(2), "{waited:?}");
        assert!(waited < Duration::from_millis(2100), "{waited:?}");
    }
    assert_eq!(node.counts.unconfirmed_joins(), confirmed + 3);
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_ends_the_wait_of_joins() {
    let bus = MemoryBus::alone();
    let cable = bus.handle();
    let node = Node::start(Unconfirming(bus), per_room());
    let space = node.serve("/").await;
    let client = space.connect().await;

    let start = Instant::now();
    let join = client.join(&["room"]);
    cable.set_connected(false);
    join.await;

    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(node.counts.unconfirmed_joins(), 1);
}

#[tokio::test]
async fn a_join_that_crosses_the_limit_is_confirmed_by_the_pattern() {
    let hub = MemoryHub::default();
    let (one, two) = (
        Node::start(hub.connect(), per_room()),
        Node::start(hub.connect(), limited(5)),
    );
    let (a, b) = (one.serve("/").await, two.serve("/").await);
    let client = b.connect().await;

    for round in 0..20 {
        let rooms = [0, 1, 2].map(|index| format!("room {round} {index}"));
        client.join(&[&rooms[0], &rooms[1], &rooms[2]]).await;
        a.emit(&format!("[\"hi\",{round}]"), to(&[&rooms[0]]))
            .unwrap();
    }

    for round in 0..20 {
        assert_eq!(client.next().await, format!("2[\"hi\",{round}]"));
    }
    assert_eq!(two.counts.unconfirmed_joins(), 0);
    assert_eq!(two.counts.subscriptions().patterns, 1);
}

#[tokio::test]
async fn a_closed_namespace_ends_its_subscriptions_and_no_other() {
    let hub = MemoryHub::default();
    let bus = hub.connect();
    let redis = bus.handle();
    let node = Node::start(bus, per_room());
    let (closed, open) = (node.serve("/closed").await, node.serve("/open").await);
    let gone = closed.member(&["room"]).await;
    let stays = open.member(&["room"]).await;

    closed.adapter.close().await.unwrap();
    gone.disconnect();

    let mut expected = [
        "socket.io#/open#".to_owned(),
        "socket.io#/open#room#".to_owned(),
    ]
    .to_vec();
    expected.push(format!("socket.io#/open#{}#", stays.id()));
    expected.sort();
    eventually("the namespace's subscriptions end", || {
        broadcasts(&redis) == expected
    })
    .await;
    assert!(node.cluster.namespace("/closed").is_none());
}
