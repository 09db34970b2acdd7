//! What nodes say of themselves and tell each other, beside their heartbeats.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Node, eventually, per_room};
use roomcast_adapter::{Cluster, Config, DropCause, bus::MemoryBus, bus::MemoryHub};
use serde_json::{Value, json};

/// What `node` knows of another.
fn known(node: &Node, of: &Node) -> Option<Option<Value>> {
    let described = node.cluster.described().into_iter();
    let mut found = described.filter(|(name, _)| name == of.cluster.node_id());
    found.next().map(|(_, about)| about)
}

#[tokio::test(start_paused = true)]
async fn what_a_node_says_of_itself_reaches_the_others_and_those_that_say_nothing_are_listed() {
    let hub = MemoryHub::default();
    let one = Node::start(hub.connect(), per_room());
    let two = Node::start(hub.connect(), per_room());

    one.cluster.describe(|| json!({"state": "serving"}));
    eventually("each knows the other", || {
        known(&one, &two) == Some(None)
            && known(&two, &one) == Some(Some(json!({"state": "serving"})))
    })
    .await;
    assert_eq!(
        known(&one, &one),
        Some(Some(json!({"state": "serving"}))),
        "itself, too"
    );

    one.cluster.describe(|| json!({"state": "draining"}));
    eventually("the news arrive", || {
        known(&two, &one) == Some(Some(json!({"state": "draining"})))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_too_long_is_not_sent() {
    let hub = MemoryHub::default();
    let one = Node::start(hub.connect(), per_room());
    let two = Node::start(hub.connect(), per_room());
    let long = "x".repeat(5000);
    one.cluster.describe({
        let long = long.clone();
        move || json!(long)
    });

    eventually("the node is there all the same", || {
        known(&two, &one) == Some(None)
    })
    .await;
    one.cluster.tell(two.cluster.node_id(), &json!(long));

    assert_eq!(one.counts.dropped(DropCause::TooLarge), 1);
}

#[tokio::test(start_paused = true)]
async fn a_note_reaches_the_one_node_that_it_is_for() {
    let hub = MemoryHub::default();
    let [one, two, three] = [(); 3].map(|()| Node::start(hub.connect(), per_room()));
    let mut notes = two.cluster.notes().unwrap();
    let mut others = three.cluster.notes().unwrap();
    assert!(two.cluster.notes().is_none(), "there is one receiver");
    eventually("all are there", || one.cluster.nodes().len() == 3).await;

    one.cluster
        .tell(two.cluster.node_id(), &json!({"kind": "x"}));
    one.cluster.tell(three.cluster.node_id(), &json!(2));

    let note = notes.recv().await.unwrap();
    assert_eq!(
        (&*note.from, note.value),
        (one.cluster.node_id(), json!({"kind": "x"}))
    );
    assert_eq!(others.recv().await.unwrap().value, json!(2));
    assert!(notes.is_empty() && others.is_empty());
}

#[tokio::test(start_paused = true)]
async fn notes_that_nobody_takes_are_dropped_and_counted() {
    let hub = MemoryHub::default();
    let one = Node::start(hub.connect(), per_room());
    let two = Node::start(hub.connect(), per_room());
    eventually("both are there", || one.cluster.nodes().len() == 2).await;

    for number in 0..66 {
        one.cluster.tell(two.cluster.node_id(), &json!(number));
    }

    eventually("two were too many", || {
        two.counts.dropped(DropCause::Busy) == 2
    })
    .await;
}

#[tokio::test]
async fn a_node_alone_knows_itself() {
    let cluster = Cluster::new("n1", MemoryBus::alone(), Config::default(), ());
    cluster.describe(|| json!(1));

    cluster.tell("n2", &json!("nobody hears it"));

    assert_eq!(cluster.described(), [("n1".to_owned(), Some(json!(1)))]);
}
