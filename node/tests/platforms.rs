//! What handlers are promised on every platform: one suite, run over Socket.IO and over raw WebSockets.

#![expect(
    clippy::unwrap_used,
    reason = "tests, which the macro makes of these functions"
)]

mod common;

use std::{
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use common::{TestNode, config, raw::Raw, wait_for};
use futures_util::{StreamExt as _, stream};
use roomcast_loadtest::client::{Client, Transport};
use roomcast_node::gateway::{
    Ack, Data, DisconnectReason, Exception, Gateway, Replies, Route, Socket, State, WsResponse,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// A client of one of the platforms.
trait Peer: Sized {
    async fn connect(node: &TestNode, namespace: &str) -> Self;
    async fn emit(&mut self, event: &str, data: Value);
    /// The data of the next event of this name.
    async fn expect(&mut self, event: &str) -> Value;
    /// The value that a handler returns.
    async fn ask(&mut self, event: &str, data: Value) -> Value;
    /// Ends the connection without a word.
    fn cut(self);
    /// Waits for the end of the connection or the seat.
    async fn ended(&mut self);
}

impl Peer for Client {
    async fn connect(node: &TestNode, namespace: &str) -> Self {
        node.client_of(namespace, Transport::WebSocket).await
    }

    async fn emit(&mut self, event: &str, data: Value) {
        Self::emit(self, event, &data).await.unwrap();
    }

    async fn expect(&mut self, event: &str) -> Value {
        let mut event = Self::expect(self, event).await.unwrap();
        event.args.remove(0)
    }

    async fn ask(&mut self, event: &str, data: Value) -> Value {
        self.emit_with_ack(event, &data).await.unwrap().remove(0)
    }

    fn cut(self) {
        self.kill();
    }

    async fn ended(&mut self) {
        self.closed().await.unwrap();
    }
}

impl Peer for Raw {
    async fn connect(node: &TestNode, namespace: &str) -> Self {
        Self::connect(node, &format!("/ws{namespace}")).await
    }

    async fn emit(&mut self, event: &str, data: Value) {
        Self::emit(self, event, data).await;
    }

    async fn expect(&mut self, event: &str) -> Value {
        Self::expect(self, event).await
    }

    async fn ask(&mut self, event: &str, data: Value) -> Value {
        Self::emit(self, event, data).await;
        Self::expect(self, event).await
    }

    fn cut(self) {
        drop(self);
    }

    async fn ended(&mut self) {
        self.closed().await;
    }
}

/// Makes a test of each function, for each platform.
macro_rules! on_both_platforms {
    ($($promise:ident,)*) => {
        mod over_socketio {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise::<super::Client>().await;
            })*
        }

        mod over_raw_websockets {
            $(#[tokio::test]
            async fn $promise() {
                super::$promise::<super::Raw>().await;
            })*
        }
    };
}

on_both_platforms! {
    one_clients_events_are_handled_in_order,
    a_handler_that_waits_holds_back_nobody_else,
    concurrent_events_wait_for_nobody,
    guards_run_before_extraction_and_in_order,
    exceptions_name_their_cause_and_end_nothing,
    replies_of_every_kind_arrive,
    streams_end_with_their_client,
    hooks_run_once_and_in_order,
    rooms_reach_their_members_and_spare_the_sender,
    a_handler_can_disconnect_its_client,
    a_flood_is_held_back_and_none_of_it_lost,
}

type Log<T> = Arc<Mutex<Vec<T>>>;

async fn one_clients_events_are_handled_in_order<P: Peer>() {
    let seen = Log::<u64>::default();
    let gateway = Gateway::new("/order")
        .state(seen.clone())
        .on(
            "number",
            async |State(seen): State<Log<u64>>, Data(number): Data<u64>| {
                // The earlier an event, the longer it takes.
                tokio::time::sleep(Duration::from_millis(20 - number)).await;
                seen.lock().unwrap().push(number);
            },
        )
        .on("done", async || Ack(true));
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = P::connect(&node, "/order").await;

    for number in 0..20 {
        client.emit("number", json!(number)).await;
    }
    client.ask("done", json!(null)).await;

    assert_eq!(*seen.lock().unwrap(), (0..20).collect::<Vec<_>>());
}

async fn a_handler_that_waits_holds_back_nobody_else<P: Peer>() {
    let node = TestNode::start(config(), vec![waiting(false)]).await;
    let mut waiting = P::connect(&node, "/wait").await;
    let mut other = P::connect(&node, "/wait").await;

    waiting.emit("wait", json!(null)).await;
    other.emit("go", json!(null)).await;

    assert_eq!(waiting.expect("waited").await, json!("done"));
}

async fn concurrent_events_wait_for_nobody<P: Peer>() {
    let node = TestNode::start(config(), vec![waiting(true)]).await;
    let mut client = P::connect(&node, "/wait").await;

    // In its turn, the second event would wait for the first for ever.
    client.emit("wait", json!(null)).await;
    client.emit("go", json!(null)).await;

    assert_eq!(client.expect("waited").await, json!("done"));
}

fn waiting(concurrent: bool) -> Gateway {
    let route = Route::to(async |State(go): State<Arc<Notify>>| {
        go.notified().await;
        WsResponse::new("waited", "done")
    });
    let route = if concurrent {
        route.concurrent()
    } else {
        route
    };
    Gateway::new("/wait")
        .state(Arc::new(Notify::new()))
        .route("wait", route)
        .on("go", async |State(go): State<Arc<Notify>>| go.notify_one())
}

async fn guards_run_before_extraction_and_in_order<P: Peer>() {
    let gateway = Gateway::new("/guarded")
        .guard(async || Ok::<_, Exception>(()))
        .route(
            "closed",
            Route::to(async |Data(number): Data<u32>| Ack(number))
                .guard(async || Err::<(), _>(Exception::new("first")))
                .guard(async || Err::<(), _>(Exception::new("second"))),
        );
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = P::connect(&node, "/guarded").await;

    client.emit("closed", json!("not a number")).await;

    assert_eq!(client.expect("exception").await["message"], "first");
}

async fn exceptions_name_their_cause_and_end_nothing<P: Peer>() {
    let gateway = Gateway::new("/fails")
        .on("panic", async || -> Ack<()> { panic!("with a secret") })
        .on("number", async |Data(number): Data<u32>| Ack(number));
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = P::connect(&node, "/fails").await;

    client.emit("panic", json!({ "a": 1 })).await;
    assert_eq!(
        client.expect("exception").await,
        json!({
            "status": "error",
            "message": "Internal server error",
            "cause": { "pattern": "panic", "data": { "a": 1 } },
        })
    );
    client.emit("number", json!("one")).await;
    let told = client.expect("exception").await;
    assert_eq!(told["cause"], json!({ "pattern": "number", "data": "one" }));
    assert_eq!(client.ask("number", json!(1)).await, json!(1));
}

async fn replies_of_every_kind_arrive<P: Peer>() {
    let gateway = Gateway::new("/replies")
        .on("value", async |Data(data): Data<Value>| Ack(data))
        .on("nothing", async || {})
        .on("response", async |Data(data): Data<Value>| {
            WsResponse::new("responded", data)
        })
        .on("several", async || {
            Replies(stream::iter([
                WsResponse::new("item", 1),
                WsResponse::new("item", 2),
            ]))
        });
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = P::connect(&node, "/replies").await;

    assert_eq!(client.ask("value", json!(null)).await, json!(null));
    client.emit("nothing", json!(1)).await;
    client.emit("response", json!([1, "二"])).await;
    assert_eq!(client.expect("responded").await, json!([1, "二"]));
    client.emit("several", json!(null)).await;
    assert_eq!(client.expect("item").await, json!(1));
    assert_eq!(client.expect("item").await, json!(2));
}

async fn streams_end_with_their_client<P: Peer>() {
    let count = Arc::new(());
    let gateway = Gateway::new("/stream").state(Arc::downgrade(&count)).on(
        "forever",
        async |State(count): State<Weak<()>>| {
            let held = count.upgrade();
            let first = stream::iter([WsResponse::new("first", 1)]);
            Replies(first.chain(stream::pending()).map(move |item| {
                let _held = &held;
                item
            }))
        },
    );
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = P::connect(&node, "/stream").await;
    for _ in 0..3 {
        client.emit("forever", json!(null)).await;
        client.expect("first").await;
    }
    assert_eq!(Arc::strong_count(&count), 4, "three streams are under way");

    client.cut();

    wait_for("the streams to be dropped", async || {
        Arc::strong_count(&count) == 1
    })
    .await;
}

async fn hooks_run_once_and_in_order<P: Peer>() {
    let log = Log::<String>::default();
    let gateway = Gateway::new("/hooks")
        .state(log.clone())
        .on_connection(async |State(log): State<Log<String>>, socket: Socket| {
            tokio::time::sleep(Duration::from_millis(20)).await;
            log.lock().unwrap().push("connected".to_owned());
            socket.emit("welcome", socket.id()).ok();
        })
        .on("event", async |State(log): State<Log<String>>| {
            tokio::time::sleep(Duration::from_millis(20)).await;
            log.lock().unwrap().push("event".to_owned());
        })
        .on_disconnect(
            async |State(log): State<Log<String>>, reason: DisconnectReason| {
                log.lock().unwrap().push(reason.to_string());
            },
        );
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = P::connect(&node, "/hooks").await;

    client.emit("event", json!(null)).await;
    let id = client.expect("welcome").await;
    assert!(id.is_string());
    client.cut();

    wait_for("the last hook", async || log.lock().unwrap().len() == 3).await;
    let log = log.lock().unwrap().clone();
    assert_eq!(log[..2], ["connected", "event"]);
    // The engine calls the end of a stream without a goodbye an error.
    assert!(
        ["transport close", "transport error"].contains(&&*log[2]),
        "{log:?}"
    );
    let connected = node.metric("socket_io_connected").await;
    assert!(connected.abs() < 0.1, "{connected} sockets are left");
}

async fn rooms_reach_their_members_and_spare_the_sender<P: Peer>() {
    let gateway = Gateway::new("/rooms")
        .on("join", async |socket: Socket, Data(room): Data<String>| {
            socket.join(room).await.unwrap();
            let mut rooms = socket.rooms();
            rooms.retain(|room| room != socket.id());
            Ack(rooms)
        })
        .on("leave", async |socket: Socket, Data(room): Data<String>| {
            socket.leave(room);
            Ack(true)
        })
        .on("say", async |socket: Socket| {
            socket.to("red").emit("said", "hello")?;
            Ok::<_, Exception>(Ack(true))
        });
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut sender = P::connect(&node, "/rooms").await;
    let mut member = P::connect(&node, "/rooms").await;
    let mut left = P::connect(&node, "/rooms").await;

    for client in [&mut sender, &mut member, &mut left] {
        assert_eq!(client.ask("join", json!("red")).await, json!(["red"]));
    }
    left.ask("leave", json!("red")).await;
    sender.ask("say", json!(null)).await;

    assert_eq!(member.expect("said").await, json!("hello"));
    assert_eq!(left.ask("join", json!("blue")).await, json!(["blue"]));
}

async fn a_handler_can_disconnect_its_client<P: Peer>() {
    let gateway = Gateway::new("/out").on("out", async |socket: Socket| socket.disconnect());
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = P::connect(&node, "/out").await;

    client.emit("out", json!(null)).await;
    client.ended().await;

    let reason =
        "socket_io_disconnect_total{namespace=\"/out\",reason=\"server namespace disconnect\"}";
    wait_for("the disconnect to be counted", async || {
        node.metric(reason).await > 0.5
    })
    .await;
}

async fn a_flood_is_held_back_and_none_of_it_lost<P: Peer>() {
    let seen = Log::<u64>::default();
    let gateway = Gateway::new("/flood")
        .state((Arc::new(Notify::new()), seen.clone()))
        .on(
            "first",
            async |State((go, _)): State<(Arc<Notify>, Log<u64>)>| go.notified().await,
        )
        .on(
            "number",
            async |State((_, seen)): State<(Arc<Notify>, Log<u64>)>, Data(number): Data<u64>| {
                seen.lock().unwrap().push(number);
            },
        )
        .on(
            "go",
            async |State((go, _)): State<(Arc<Notify>, Log<u64>)>| {
                go.notify_one();
                Ack(true)
            },
        );
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = P::connect(&node, "/flood").await;
    let mut other = P::connect(&node, "/flood").await;

    client.emit("first", json!(null)).await;
    for number in 0..2000 {
        client.emit("number", json!(number)).await;
    }
    other.ask("go", json!(null)).await;

    wait_for("all of them", async || seen.lock().unwrap().len() == 2000).await;
    assert!(seen.lock().unwrap().is_sorted());
}
