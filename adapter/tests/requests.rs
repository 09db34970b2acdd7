//! What nodes ask of each other: about the sockets of all, each operation on two nodes, and beside a Node.js server.

#![expect(
    clippy::unwrap_used,
    reason = "the lint knows tests, but not the functions that they share"
)]

mod common;

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Node, eventually, everyone, nodes, per_room, to};
use roomcast_adapter::{Config, ServerSide, Wire, bus::MemoryHub};
use socketioxide_core::{
    Value,
    adapter::{BroadcastFlags, BroadcastOptions, CoreAdapter},
    packet::Packet,
};
use tokio::time::Instant;

const REQUESTS: &str = "socket.io-request#/#";
const TIMEOUT: Duration = Duration::from_secs(2);

/// Both wires, and both ways to subscribe.
fn all_ways() -> [Config; 4] {
    let sharded = |config| Config {
        wire: Wire::Sharded,
        ..config
    };
    let [rooms, all] = common::both();
    [rooms.clone(), all.clone(), sharded(rooms), sharded(all)]
}

fn texts(rooms: &[&str]) -> Vec<String> {
    rooms.iter().map(ToString::to_string).collect()
}

fn here(mut options: BroadcastOptions) -> BroadcastOptions {
    options.add_flag(BroadcastFlags::Local);
    options
}

/// Both nodes know of each other.
async fn acquainted(nodes: &[&Node]) {
    eventually("the nodes hear each other", || {
        nodes
            .iter()
            .all(|node| node.cluster.nodes().len() == nodes.len())
    })
    .await;
}

fn event(text: &str) -> Packet {
    Packet::event("/", Value::Str(text.to_owned().into(), None))
}

#[tokio::test]
async fn sockets_of_all_nodes_are_listed_and_counted() {
    for config in all_ways() {
        let [(one, a), (two, b)] = nodes(&config).await;
        acquainted(&[&one, &two]).await;
        let (first, second) = (a.member(&["red"]).await, b.member(&["red", "blue"]).await);
        b.connect().await;

        let red = a.namespace.fetch_sockets(to(&["red"])).unwrap().await;
        let everybody = b.namespace.fetch_sockets(everyone()).unwrap().await;
        let count = a.namespace.count(everyone()).unwrap().await;
        let own = a.namespace.count(here(everyone())).unwrap().await;

        assert!(red.missing.is_nobody());
        let ids: Vec<_> = red.value.iter().map(|socket| socket.id.clone()).collect();
        assert_eq!(
            ids,
            [first.id(), second.id()],
            "those of the node itself come first"
        );
        let mut rooms = red.value[1].rooms.clone();
        rooms.sort();
        assert_eq!(rooms, second.rooms());
        assert_eq!(everybody.value.len(), 3);
        assert_eq!((count.value, count.missing.is_nobody()), (3, true));
        assert_eq!(own.value, 1);
    }
}

#[tokio::test]
async fn rooms_of_all_nodes_are_listed() {
    for config in all_ways() {
        let [(one, a), (two, b)] = nodes(&config).await;
        acquainted(&[&one, &two]).await;
        let (first, second) = (a.member(&["red"]).await, b.member(&["blue"]).await);

        let all = a.namespace.all_rooms().await;

        assert!(all.missing.is_nobody());
        let mut expected = [first.id(), second.id(), "blue".to_owned(), "red".to_owned()];
        expected.sort();
        assert_eq!(all.value.into_iter().collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn a_selection_joins_and_leaves_on_every_node_in_the_order_of_the_calls() {
    for config in all_ways() {
        let [(_one, a), (_two, b)] = nodes(&config).await;
        let (first, second) = (a.member(&["old"]).await, b.member(&["old"]).await);

        a.namespace
            .sockets_join(to(&["old"]), texts(&["new"]))
            .unwrap()
            .await;
        a.emit(r#"["to new"]"#, to(&["new"])).unwrap();
        a.namespace
            .sockets_leave(everyone(), texts(&["old", "new"]))
            .unwrap();
        a.emit(r#"["to nobody"]"#, to(&["old", "new"])).unwrap();
        a.emit(r#"["end"]"#, everyone()).unwrap();

        for client in [&first, &second] {
            assert_eq!(client.take(2).await, [r#"2["to new"]"#, r#"2["end"]"#]);
            assert_eq!(client.rooms(), [client.id()]);
        }
    }
}

#[tokio::test]
async fn a_selection_is_disconnected_on_every_node() {
    for config in all_ways() {
        let [(_one, a), (_two, b)] = nodes(&config).await;
        let (first, second) = (a.member(&["out"]).await, b.member(&["out"]).await);
        let stays = b.connect().await;

        a.emit(r#"["bye"]"#, to(&["out"])).unwrap();
        a.namespace.disconnect_sockets(to(&["out"]), true).unwrap();

        assert_eq!(first.next().await, r#"2["bye"]"#);
        assert_eq!(second.next().await, r#"2["bye"]"#);
        eventually("the others are gone", || {
            !a.namespace.is_connected(first.sid) && !b.namespace.is_connected(second.sid)
        })
        .await;
        assert!(b.namespace.is_connected(stays.sid));
    }
}

#[tokio::test]
async fn clients_of_all_nodes_acknowledge_an_event() {
    for config in all_ways() {
        let [(one, a), (two, b)] = nodes(&config).await;
        acquainted(&[&one, &two]).await;
        let (first, second) = (a.connect().await, b.connect().await);
        first.acknowledge(r#"[1,"more"]"#);
        second.acknowledge("[]");

        let asking = a
            .namespace
            .ask(event(r#"["q"]"#), everyone(), TIMEOUT)
            .unwrap();
        let asked = asking.await;

        let mut answers: Vec<_> = asked
            .answers
            .iter()
            .map(|values| values.as_str().unwrap().to_string())
            .collect();
        answers.sort();
        assert_eq!(answers, [r#"[1,"more"]"#, "[]"]);
        assert_eq!((asked.silent, asked.missing.is_nobody()), (0, true));
    }
}

#[tokio::test]
async fn the_servers_own_call_gathers_the_acks_of_all_nodes() {
    for config in all_ways() {
        use futures_util::StreamExt as _;

        let [(one, a), (two, b)] = nodes(&config).await;
        acquainted(&[&one, &two]).await;
        let (first, second) = (a.connect().await, b.connect().await);
        first.acknowledge("[1]");
        second.acknowledge("[2]");

        let acks = a
            .adapter
            .broadcast_with_ack(event(r#"["q"]"#), everyone(), Some(TIMEOUT));
        let acks: Vec<_> = acks.await.unwrap().collect().await;

        let mut values: Vec<_> = acks
            .into_iter()
            .map(|(_, values)| values.unwrap().as_str().unwrap().to_string())
            .collect();
        values.sort();
        assert_eq!(values, ["[1]", "[2]"]);
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_do_not_answer_are_counted_at_the_deadline() {
    let [(one, a), (two, b)] = nodes(&per_room()).await;
    acquainted(&[&one, &two]).await;
    let (answers, _silent, _silent_too) = (b.connect().await, a.connect().await, b.connect().await);
    answers.acknowledge("[1]");

    let asked = a
        .namespace
        .ask(event(r#"["q"]"#), everyone(), TIMEOUT)
        .unwrap()
        .await;

    assert_eq!((asked.answers.len(), asked.silent), (1, 2));
    assert!(asked.missing.is_nobody());
}

/// An application that answers how often it was asked, and keeps what it heard.
#[derive(Default)]
struct Application(Mutex<Vec<String>>);

impl ServerSide for Application {
    fn handle(
        &self,
        event: String,
        wants_answer: bool,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + Send>> {
        let mut heard = self.0.lock().unwrap();
        heard.push(event);
        let answer = wants_answer.then(|| heard.len().to_string());
        Box::pin(std::future::ready(answer))
    }
}

#[tokio::test]
async fn applications_of_other_nodes_get_events_and_answer() {
    for config in all_ways() {
        let [(one, a), (two, b), (three, _c)] = nodes(&config).await;
        acquainted(&[&one, &two, &three]).await;
        let application = Arc::<Application>::default();
        b.namespace.on_server_side(application.clone());

        a.namespace.server_side_emit(r#"["hi",1]"#).unwrap();
        let asked = a
            .namespace
            .server_side_ask(r#"["how many"]"#, TIMEOUT)
            .unwrap()
            .await;

        assert!(asked.missing.is_nobody());
        let mut values = asked.value;
        values.sort();
        assert_eq!(
            values,
            [None, Some("2".to_owned())],
            "who has no application answers with nothing"
        );
        assert_eq!(
            *application.0.lock().unwrap(),
            [r#"["hi",1]"#, r#"["how many"]"#]
        );
        for refused in ["no event", "{}", "[]", "[{}]", r#"["connection"]"#] {
            assert!(a.namespace.server_side_emit(refused).is_err(), "{refused}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_hangs_is_waited_for_until_its_heartbeat_lapses() {
    let hub = MemoryHub::default();
    let one = Node::start(hub.connect(), per_room());
    let a = one.serve("/").await;
    let bus = hub.connect();
    let still_subscribed = bus.handle();
    let two = Node::start(bus, per_room());
    two.serve("/").await;
    acquainted(&[&one, &two]).await;
    let name = two.cluster.node_id().to_owned();
    let start = Instant::now();
    drop(two);

    let fetched = a.namespace.fetch_sockets(everyone()).unwrap().await;

    assert!(still_subscribed.subscribed().contains(&REQUESTS.to_owned()));
    assert_eq!(fetched.missing.nodes, [name]);
    assert!(
        start.elapsed() < Duration::from_millis(4500),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn without_the_bus_the_answer_is_that_of_this_node() {
    let hub = MemoryHub::default();
    let bus = hub.connect();
    let cable = bus.handle();
    let node = Node::start(bus, per_room());
    let space = node.serve("/").await;
    space.connect().await;
    cable.set_connected(false);

    let fetched = space.namespace.fetch_sockets(everyone()).unwrap().await;

    assert_eq!((fetched.value.len(), fetched.missing.bus), (1, true));
}

#[tokio::test]
async fn what_follows_a_join_of_others_goes_where_every_node_hears_it() {
    let hub = MemoryHub::default();
    let node = Node::start(hub.connect(), per_room());
    let space = node.serve("/").await;
    let mut tap = hub.tap();

    space
        .namespace
        .sockets_join(to(&["some"]), texts(&["new"]))
        .unwrap()
        .await;
    space.emit(r#"["hi"]"#, to(&["new"])).unwrap();
    space.emit(r#"["hi"]"#, to(&["old"])).unwrap();

    let mut channels = Vec::new();
    while channels.len() < 3 {
        let (channel, _) = tap.recv().await.unwrap();
        if channel.starts_with("socket.io") {
            channels.push(channel);
        }
    }
    assert_eq!(channels, [REQUESTS, "socket.io#/#", "socket.io#/#old#"]);
}

#[tokio::test]
async fn sockets_of_all_nodes_are_listed_in_pages() {
    for config in all_ways() {
        let [(one, a), (two, b)] = nodes(&config).await;
        acquainted(&[&one, &two]).await;
        let mut ids = Vec::new();
        for space in [&a, &b, &a, &b, &b] {
            ids.push(space.member(&["red"]).await.id());
        }
        a.connect().await;
        ids.sort();

        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = a.namespace.fetch_page(to(&["red"]), after.take(), 2);
            let page = page.unwrap().await;
            assert!(page.missing.is_nobody());
            let Some(last) = page.value.last() else { break };
            assert!(page.value.len() <= 2);
            after = Some(last.id.clone());
            seen.extend(page.value.into_iter().map(|socket| socket.id));
        }

        assert_eq!(seen, ids);
        let own = a.namespace.fetch_page(here(to(&["red"])), None, 9).unwrap();
        let nodes: Vec<_> = own.await.value.into_iter().map(|it| it.node).collect();
        assert_eq!(nodes, [one.cluster.node_id(), one.cluster.node_id()]);
    }
}

#[tokio::test]
async fn rooms_are_counted_without_those_of_single_sockets() {
    for config in all_ways() {
        let [(one, a), (two, b)] = nodes(&config).await;
        acquainted(&[&one, &two]).await;
        let _members = [
            a.member(&["red"]).await,
            b.member(&["red", "blue"]).await,
            b.member(&["red"]).await,
        ];

        let sizes = a.namespace.room_sizes().await;

        assert!(sizes.missing.is_nobody());
        let expected = [("blue".to_owned(), 1), ("red".to_owned(), 3)];
        assert_eq!(sizes.value, expected.into());
    }
}

#[tokio::test]
async fn what_is_prepared_is_sent_once_it_is_called_or_never() {
    let [config, ..] = all_ways();
    let [(_one, a), (_two, b)] = nodes(&config).await;
    let (near, far) = (a.member(&["red"]).await, b.member(&["red"]).await);

    let send = a
        .namespace
        .prepare(event(r#"["late"]"#), to(&["red"]))
        .unwrap();
    drop(
        a.namespace
            .prepare(event(r#"["never"]"#), to(&["red"]))
            .unwrap(),
    );
    let refused = a
        .namespace
        .prepare(event(r#"["disconnect"]"#), to(&["red"]));
    a.emit(r#"["early"]"#, to(&["red"])).unwrap();
    send();

    assert!(refused.is_err(), "clients would close their connections");
    for member in [near, far] {
        assert_eq!(member.next().await, r#"2["early"]"#);
        assert_eq!(member.next().await, r#"2["late"]"#);
    }
}
