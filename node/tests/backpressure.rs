//! A client whose broadcasts come faster than the bus takes them waits; nothing of what it sends is dropped.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use common::{TestNode, config, wait_for};
use roomcast_adapter::{
    Inbox,
    bus::{Bus, BusFuture, CountFuture, Link, MemoryBus, MemoryHub, Topic},
};
use serde_json::json;
use tokio::sync::{Semaphore, watch};

/// A bus that takes a message only when it is let. The node's messages to itself pass, so that it hears itself.
struct Gated {
    bus: MemoryBus,
    gate: Arc<Semaphore>,
}

impl Bus for Gated {
    fn publish(&self, channel: String, payload: Bytes) -> BusFuture {
        let gate = self.gate.clone();
        let is_own = channel.starts_with("roomcast:");
        let published = self.bus.publish(channel, payload);
        Box::pin(async move {
            if !is_own {
                gate.acquire().await.unwrap().forget();
            }
            published.await
        })
    }

    fn subscribe(&self, topics: Vec<Topic>) -> BusFuture {
        self.bus.subscribe(topics)
    }

    fn unsubscribe(&self, topics: Vec<Topic>) -> BusFuture {
        self.bus.unsubscribe(topics)
    }

    fn subscribers(&self, channels: Vec<String>) -> CountFuture {
        self.bus.subscribers(channels)
    }

    fn reopen(&self) -> BusFuture {
        self.bus.reopen()
    }

    fn link(&self) -> watch::Receiver<Link> {
        self.bus.link()
    }

    fn listen(&self, inbox: Inbox) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.bus.listen(inbox)
    }
}

#[tokio::test]
async fn who_publishes_faster_than_the_bus_waits_and_others_do_not() {
    const MESSAGES: usize = 400;
    let gate = Arc::new(Semaphore::new(0));
    let bus = Gated {
        bus: MemoryHub::default().connect(),
        gate: gate.clone(),
    };
    let node = TestNode::on_bus(bus, config(), vec![]).await;
    let publisher = node.client().await;
    let bystander = node.client().await;
    let body = json!({ "room": "r", "data": "x".repeat(100_000) });
    let received = r#"socket_io_events_received_total{event="sendToRoom",namespace="/"}"#;

    let start = std::time::Instant::now();
    // 40 MB, of which the node may keep 16 and has 4 under way.
    let publishing = async {
        for _ in 0..MESSAGES {
            publisher.emit("sendToRoom", &body).await.unwrap();
        }
        publisher.emit_with_ack("echo", &1).await
    };
    let watching = async {
        wait_for("the node to read no more of the publisher", async || {
            let before = node.metric(received).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            let after = node.metric(received).await;
            before > 50.0 && (after - before).abs() < 0.5
        })
        .await;
        assert!(
            node.metric(received).await < 200.0,
            "it takes what it can keep"
        );
        let answer = bystander.emit_with_ack("echo", &2).await;
        assert_eq!(
            answer.unwrap(),
            [json!(2)],
            "who publishes nothing is served"
        );
        gate.add_permits(10 * MESSAGES);
        start.elapsed()
    };
    let (published, stood_still) = tokio::join!(publishing, watching);

    assert_eq!(published.unwrap(), [json!(1)]);
    for cause in ["outbox_full", "expired", "publish_failed"] {
        // A message may wait for 5 s: on a machine so busy that the bus stood still for longer, some have to go.
        if cause == "expired" && stood_still > Duration::from_secs(5) {
            continue;
        }
        let dropped = format!("socket_io_cluster_dropped_total{{cause=\"{cause}\"}}");
        assert!(node.metric(&dropped).await < 0.5, "{cause}");
    }
}
