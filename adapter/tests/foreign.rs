//! Beside a server of Node.js, whose part is written by hand: what it asks is answered in its shapes, and what it says is
//! understood, bounded, and kept in order.

#![expect(
    clippy::unwrap_used,
    reason = "the lint knows tests, but not the functions that they share"
)]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Node, PATIENCE, Space, eventually, everyone, per_room};
use roomcast_adapter::{
    DropCause,
    bus::{Bus, MemoryBus, MemoryHub, Topic},
};
use tokio::{sync::broadcast, time::Instant};

const REQUESTS: &str = "socket.io-request#/#";

/// A server of Node.js: what it says is written here by hand.
struct Foreign {
    bus: MemoryBus,
    tap: broadcast::Receiver<(String, Bytes)>,
}

impl Foreign {
    async fn join(hub: &MemoryHub) -> Self {
        let (bus, tap) = (hub.connect(), hub.tap());
        bus.subscribe(vec![Topic::Channel(REQUESTS.to_owned())])
            .await
            .unwrap();
        Self { bus, tap }
    }

    async fn say(&self, channel: &str, text: &str) {
        let payload = Bytes::copy_from_slice(text.as_bytes());
        self.bus.publish(channel.to_owned(), payload).await.unwrap();
    }

    /// The next message on a channel that begins so.
    async fn hear(&mut self, channel: &str) -> (String, String) {
        let next = async {
            loop {
                let (name, payload) = self.tap.recv().await.unwrap();
                if name.starts_with(channel) {
                    return (name, String::from_utf8_lossy(&payload).into_owned());
                }
            }
        };
        tokio::time::timeout(PATIENCE, next)
            .await
            .expect("a message should have come")
    }
}

async fn beside_node() -> (Node, Space, Foreign) {
    let hub = MemoryHub::default();
    let node = Node::start(hub.connect(), per_room());
    let space = node.serve("/").await;
    let foreign = Foreign::join(&hub).await;
    (node, space, foreign)
}

#[tokio::test]
async fn what_a_node_server_asks_is_answered_in_its_shapes() {
    let (_node, space, mut foreign) = beside_node().await;
    let client = space.member(&["room1"]).await;
    let id = client.id();
    let mut answers = Vec::new();

    for question in [
        r#"{"uid":"Zw1ZQN","requestId":"r1","type":1}"#,
        r#"{"uid":"Zw1ZQN","requestId":"r5","type":5,"opts":{"rooms":["none"],"except":[]}}"#,
        r#"{"requestId":"r0","type":0,"rooms":["room1"]}"#,
        r#"{"uid":"Zw1ZQN","requestId":"r6","type":6,"data":["ask"]}"#,
    ] {
        foreign.say(REQUESTS, question).await;
        answers.push(foreign.hear("socket.io-response#").await);
    }
    let old = format!(r#"{{"uid":"abcdef","requestId":"r2","type":2,"sid":"{id}","room":"lr"}}"#);
    foreign.say(REQUESTS, &old).await;
    answers.push(foreign.hear("socket.io-response#").await);

    let specific = "socket.io-response#/#Zw1ZQN#".to_owned();
    let (channel, rooms) = answers.remove(0);
    assert_eq!(channel, specific);
    let either = [
        format!(r#"{{"requestId":"r1","rooms":["{id}","room1"]}}"#),
        format!(r#"{{"requestId":"r1","rooms":["room1","{id}"]}}"#),
    ];
    assert!(either.contains(&rooms), "{rooms}");
    let shared = "socket.io-response#/#".to_owned();
    assert_eq!(
        answers,
        [
            (
                specific.clone(),
                r#"{"requestId":"r5","sockets":[]}"#.to_owned()
            ),
            (
                shared,
                format!(r#"{{"requestId":"r0","sockets":["{id}"]}}"#)
            ),
            (specific, r#"{"type":6,"requestId":"r6"}"#.to_owned()),
            (
                "socket.io-response#/#abcdef#".to_owned(),
                r#"{"requestId":"r2"}"#.to_owned()
            ),
        ]
    );
    assert!(client.rooms().contains(&"lr".to_owned()));
}

#[tokio::test]
async fn what_a_node_server_answers_is_understood() {
    let (_node, space, mut foreign) = beside_node().await;
    let fetching = space.namespace.fetch_sockets(everyone()).unwrap();
    let answering = async {
        let (_, question) = foreign.hear(REQUESTS).await;
        let question: serde_json::Value = serde_json::from_str(&question).unwrap();
        let answer = serde_json::json!({
            "requestId": question["requestId"],
            "sockets": [{ "id": "rq4n", "handshake": { "auth": { "token": "x" } }, "rooms": ["rq4n"], "data": { "name": "Ada" } }],
        });
        foreign
            .say("socket.io-response#/#", &answer.to_string())
            .await;
    };

    let (fetched, ()) = tokio::join!(fetching, answering);

    assert!(fetched.missing.is_nobody());
    assert_eq!(fetched.value[0].id, "rq4n");
    assert_eq!(fetched.value[0].data["name"], "Ada");
    assert_eq!(fetched.value[0].handshake.auth["token"], "x");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_silent_is_missing_at_the_deadline() {
    let (_node, space, _foreign) = beside_node().await;
    space.connect().await;
    let start = Instant::now();

    let fetched = space.namespace.fetch_sockets(everyone()).unwrap().await;

    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(fetched.value.len(), 1, "what there is is returned");
    assert_eq!(fetched.missing.others, 1);
}

#[tokio::test]
async fn an_event_of_a_node_server_is_acknowledged_by_clients_here() {
    let (_node, space, mut foreign) = beside_node().await;
    let client = space.member(&["room1"]).await;
    client.acknowledge(r#"["one","two"]"#);
    let request = serde_json::json!({
        "uid": "zO-z6J", "requestId": "A6vB28", "type": 7,
        "packet": { "type": 2, "data": ["q", "x"], "nsp": "/" },
        "opts": { "rooms": ["room1"], "except": [], "flags": { "timeout": 800 } },
    });

    foreign.say(REQUESTS, &request.to_string()).await;

    assert_eq!(client.next().await, r#"20["q","x"]"#.replace('0', ""));
    let (channel, count) = foreign.hear("socket.io-response#").await;
    assert_eq!(channel, "socket.io-response#/#zO-z6J#");
    assert_eq!(count, r#"{"type":8,"requestId":"A6vB28","clientCount":1}"#);
    let (_, ack) = foreign.hear("socket.io-response#").await;
    assert!(ack.ends_with("\u{FFFD}packet\u{FFFD}one"), "{ack}");
}

#[tokio::test]
async fn a_join_and_an_emit_of_a_node_server_keep_their_order() {
    let (_node, space, foreign) = beside_node().await;
    let client = space.connect().await;
    let join = format!(
        r#"{{"type":2,"opts":{{"rooms":["{}"],"except":[]}},"rooms":"fresh"}}"#,
        client.id()
    );

    foreign.say(REQUESTS, &join).await;
    let event = [
        &b"\x93\xa1x\x83\xa4type\x02\xa4data\x91\xa2hi\xa3nsp\xa1/\x81\xa5rooms\x92\xa5fresh\xa1y"
            [..],
    ]
    .concat();
    foreign
        .bus
        .publish("socket.io#/#".to_owned(), event.into())
        .await
        .unwrap();

    assert_eq!(client.next().await, r#"2["hi"]"#);
}

#[tokio::test]
async fn a_flood_of_questions_is_bounded_and_clients_feel_nothing() {
    let (node, space, foreign) = beside_node().await;
    for _ in 0..50 {
        space.connect().await;
    }
    let client = space.connect().await;
    let fetch = r#"{"uid":"Zw1ZQN","requestId":"r5","type":5,"opts":{"rooms":[],"except":[]}}"#;

    for _ in 0..2000 {
        foreign.say(REQUESTS, fetch).await;
    }
    foreign.say(REQUESTS, r#"{"type":99}"#).await;
    foreign.say(REQUESTS, "garbage").await;
    space.emit(r#"["still here"]"#, everyone()).unwrap();

    assert_eq!(client.next().await, r#"2["still here"]"#);
    eventually("what is too much is counted", || {
        node.counts.dropped(DropCause::Busy) > 0
    })
    .await;
    eventually("what is unknown is counted", || {
        node.counts.dropped(DropCause::UnknownType) == 1
            && node.counts.dropped(DropCause::Malformed) == 1
    })
    .await;
}

#[tokio::test]
async fn beside_a_node_server_rooms_are_heard_before_they_are_joined() {
    let hub = MemoryHub::default();
    let bus = hub.connect();
    let cable = bus.handle();
    let node = Node::start(bus, per_room());
    let space = node.serve("/").await;
    space.member(&["room"]).await;
    let pattern = "socket.io#/#*".to_owned();
    assert!(!cable.subscribed().contains(&pattern));

    let _foreign = Foreign::join(&hub).await;

    eventually("the pattern alone is subscribed", || {
        let subscribed = cable.subscribed();
        subscribed.contains(&pattern) && !subscribed.contains(&"socket.io#/#room#".to_owned())
    })
    .await;
    assert_eq!(node.counts.subscriptions().patterns, 1);
}
