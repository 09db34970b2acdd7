//! A client with a token is told that it is connected when what is sent to its user arrives, and not before.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use common::{TestNode, config};
use futures_util::FutureExt as _;
use jsonwebtoken::{EncodingKey, Header, encode};
use roomcast_adapter::{
    Inbox,
    bus::{Bus, BusFuture, CountFuture, Link, MemoryBus, MemoryHub, Topic},
};
use roomcast_loadtest::client::{Client, Transport};
use roomcast_node::{Config, gateway::Gateway};
use serde_json::json;
use tokio::sync::{Notify, Semaphore, watch};

const SECRET: &str = "a secret of more than thirty-two bytes";

/// A bus that confirms the rooms of users only when it is let.
struct Gated {
    bus: MemoryBus,
    asked: Arc<Notify>,
    gate: Arc<Semaphore>,
}

impl Bus for Gated {
    fn publish(&self, channel: String, payload: Bytes) -> BusFuture {
        self.bus.publish(channel, payload)
    }

    fn subscribe(&self, topics: Vec<Topic>) -> BusFuture {
        let is_users =
            |topic: &Topic| matches!(topic, Topic::Channel(name) if name.contains("#~user/"));
        let is_held = topics.iter().any(is_users);
        let (asked, gate) = (self.asked.clone(), self.gate.clone());
        let subscribed = self.bus.subscribe(topics);
        Box::pin(async move {
            if is_held {
                asked.notify_one();
                let _open = gate.acquire().await.unwrap();
            }
            subscribed.await
        })
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
async fn the_connect_is_answered_once_the_users_room_is_confirmed() {
    for transport in [Transport::WebSocket, Transport::Polling] {
        let (asked, gate) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
        let bus = Gated {
            bus: MemoryHub::default().connect(),
            asked: asked.clone(),
            gate: gate.clone(),
        };
        let args = ["--jwt-secret", SECRET, "--jwt-namespaces", "/members"];
        let mut guarded = config();
        guarded.jwt = Config::load(args.map(Into::into), []).unwrap().jwt;
        let node = TestNode::on_bus(bus, guarded, vec![Gateway::new("/members")]).await;
        let expires = SystemTime::now() + Duration::from_secs(600);
        let expires = expires.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let token = encode(
            &Header::default(),
            &json!({ "sub": "alice", "exp": expires.as_secs() }),
            &EncodingKey::from_secret(SECRET.as_bytes()),
        );

        let mut connecting = pin!(
            Client::builder(&node.url())
                .namespace("/members")
                .transport(transport)
                .auth(json!({ "token": token.unwrap() }))
                .connect()
        );
        tokio::select! {
            _ = &mut connecting => panic!("answered before the room was subscribed to"),
            () = asked.notified() => {}
        }
        // Long enough for an answer that does not wait: another client comes in and is answered.
        let another = node.client_of("/", transport).await;
        another.emit_with_ack("echo", &1).await.unwrap();
        assert!((&mut connecting).now_or_never().is_none(), "{transport:?}");

        gate.add_permits(1);
        let client = connecting.await.unwrap();
        assert!(client.is_open());
    }
}
