//! What a node promises to handlers: order, patience, and a life after their panics.

mod common;

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use common::{TestNode, config, wait_for};
use futures_util::{StreamExt as _, stream};
use roomcast_loadtest::client::Transport;
use roomcast_node::gateway::{
    Ack, Data, Exception, Gateway, Replies, Route, Server, Socket, State,
};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};

#[tokio::test]
async fn one_sockets_events_are_handled_in_order_also_when_handlers_wait() {
    let gateway = Gateway::new("/order")
        .state(Arc::new(tokio::sync::Mutex::new(Vec::<u32>::new())))
        .on(
            "number",
            async |State(seen): State<Arc<tokio::sync::Mutex<Vec<u32>>>>,
                   Data(number): Data<u32>| {
                // The earlier an event, the longer it takes.
                tokio::time::sleep(Duration::from_millis(u64::from(20 - number % 20))).await;
                seen.lock().await.push(number);
            },
        )
        .on(
            "seen",
            async |State(seen): State<Arc<tokio::sync::Mutex<Vec<u32>>>>| {
                Ack(seen.lock().await.clone())
            },
        );
    let node = TestNode::start(config(), vec![gateway]).await;
    let client = node.client_of("/order", Transport::WebSocket).await;

    for number in 0..40u32 {
        client.emit("number", &number).await.unwrap();
    }
    let seen = client.emit_with_ack("seen", &()).await.unwrap();

    assert_eq!(seen, [json!((0..40).collect::<Vec<u32>>())]);
}

#[tokio::test]
async fn a_handler_that_waits_holds_back_nobody_else() {
    let gateway = Gateway::new("/wait")
        .state(Arc::new(Notify::new()))
        .on("wait", async |State(go): State<Arc<Notify>>| {
            go.notified().await;
            Ack("done")
        })
        .on("go", async |State(go): State<Arc<Notify>>| go.notify_one());
    let node = TestNode::start(config(), vec![gateway]).await;
    let waiting = node.client_of("/wait", Transport::WebSocket).await;
    let other = node.client_of("/wait", Transport::WebSocket).await;

    let (answer, ()) = tokio::join!(waiting.emit_with_ack("wait", &()), async {
        other.emit("go", &()).await.unwrap();
    });

    assert_eq!(answer.unwrap(), [json!("done")]);
}

async fn panics() {
    panic!("with a secret");
}

async fn panics_later() {
    tokio::task::yield_now().await;
    panic!("with a secret");
}

#[tokio::test]
async fn a_panic_in_a_handler_is_an_exception_and_the_node_lives_on() {
    let gateway = Gateway::new("/panic")
        .on_connection(panics)
        .on("now", panics)
        .on("later", panics_later)
        .on("fine", async || Ack(1));
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut client = node.client_of("/panic", Transport::WebSocket).await;
    client.expect("exception").await.unwrap();

    for event in ["now", "later"] {
        client.emit(event, &"body").await.unwrap();
        let exception = client.expect("exception").await.unwrap();
        assert_eq!(
            exception.args,
            [json!({
                "status": "error",
                "message": "Internal server error",
                "cause": { "pattern": event, "data": "body" },
            })]
        );
    }
    assert_eq!(client.emit_with_ack("fine", &()).await.unwrap(), [json!(1)]);
    let errors = node
        .metric("socket_io_errors_total{namespace=\"/panic\"}")
        .await;
    assert!((errors - 3.0).abs() < 0.1, "{errors} errors were counted");
}

fn gate() -> (Gateway, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let gateway = Gateway::new("/gate").state(gate.clone()).on(
        "pass",
        async |State(gate): State<Arc<Semaphore>>, Data(number): Data<u32>| {
            gate.acquire().await.expect("never closed").forget();
            Ack(number)
        },
    );
    (gateway, gate)
}

#[tokio::test]
async fn reading_pauses_while_too_many_events_wait_and_goes_on_with_none_lost() {
    for transport in [Transport::WebSocket, Transport::Polling] {
        let (gateway, gate) = gate();
        let node = TestNode::start(config(), vec![gateway]).await;
        let mut client = node.client_of("/gate", transport).await;
        client.set_deadline(Duration::from_secs(20));
        let client = client;
        let flood = async {
            for number in 0..2000u32 {
                client.emit("pass", &number).await.unwrap();
            }
            client.emit_with_ack("pass", &2000u32).await.unwrap()
        };

        let open = async {
            // All that is read while the handlers stand still: what may wait, and what one read brought along.
            let mut read = -1.0;
            wait_for("reading to pause", async || {
                tokio::time::sleep(Duration::from_millis(200)).await;
                let now = node.metric("socket_io_receive_bytes").await;
                std::mem::replace(&mut read, now).total_cmp(&now).is_eq()
            })
            .await;
            if matches!(transport, Transport::WebSocket) {
                assert!(
                    read < 30_000.0,
                    "{read} of more than 50,000 bytes were read"
                );
            }
            gate.add_permits(2001);
        };
        let (last, ()) = tokio::join!(flood, open);

        assert_eq!(last, [json!(2000)]);
        let counted = node
            .metric("socket_io_slow_consumer_total{action=\"backlog\"}")
            .await;
        assert!(counted.abs() < 0.1);
    }
}

#[tokio::test]
async fn a_pause_longer_than_the_ping_timeout_is_a_counted_disconnect() {
    for transport in [Transport::WebSocket, Transport::Polling] {
        let (gateway, _gate) = gate();
        let mut config = config();
        config.socketio.ping_interval = Duration::from_secs(60);
        config.socketio.ping_timeout = Duration::from_secs(1);
        let node = TestNode::start(config, vec![gateway]).await;
        let mut client = node.client_of("/gate", transport).await;

        for number in 0..1000u32 {
            if client.emit("pass", &number).await.is_err() {
                break;
            }
        }

        client.set_deadline(common::DEADLINE);
        client.closed().await.unwrap();
        wait_for("the disconnect to be counted", async || {
            node.metric("socket_io_slow_consumer_total{action=\"backlog\"}")
                .await
                > 0.5
        })
        .await;
    }
}

/// A gateway whose event `forever` streams one number and then nothing, and counts the streams that are there.
fn streaming(count: &Arc<()>) -> Gateway {
    Gateway::new("/stream").state(Arc::downgrade(count)).on(
        "forever",
        async |State(count): State<Weak<()>>| {
            let held = count.upgrade();
            let first = stream::iter([Ack(1)]);
            Replies(first.chain(stream::pending()).map(move |item| {
                let _held = &held;
                item
            }))
        },
    )
}

#[tokio::test]
async fn a_stream_holds_back_no_event_and_ends_with_its_client() {
    let count = Arc::new(());
    let node = TestNode::start(config(), vec![streaming(&count)]).await;
    let client = node.client_of("/stream", Transport::WebSocket).await;

    for _ in 0..3 {
        let answer = client.emit_with_ack("forever", &()).await.unwrap();
        assert_eq!(answer, [json!(1)]);
    }
    assert_eq!(Arc::strong_count(&count), 4, "three streams are under way");

    client.kill();
    wait_for("the streams to be dropped", async || {
        Arc::strong_count(&count) == 1
    })
    .await;
}

#[tokio::test]
async fn streams_are_bounded() {
    let count = Arc::new(());
    let node = TestNode::start(config(), vec![streaming(&count)]).await;
    let mut client = node.client_of("/stream", Transport::WebSocket).await;

    for _ in 0..1001 {
        client.emit("forever", &()).await.unwrap();
    }

    let told = client.expect("exception").await.unwrap();
    assert_eq!(told.args[0]["message"], "too many streams under way");
    assert_eq!(Arc::strong_count(&count), 1001);
}

#[tokio::test]
async fn concurrent_events_start_in_order_and_wait_for_nobody() {
    let gateway = Gateway::new("/beside")
        .state(Arc::new(Notify::new()))
        .route(
            "wait",
            Route::to(async |State(go): State<Arc<Notify>>| {
                go.notified().await;
                Ack("done")
            })
            .concurrent(),
        )
        .on("go", async |State(go): State<Arc<Notify>>| go.notify_one());
    let node = TestNode::start(config(), vec![gateway]).await;
    let client = node.client_of("/beside", Transport::WebSocket).await;

    // One client alone: in its turn, the second event would wait for the first for ever.
    let (answer, ()) = tokio::join!(client.emit_with_ack("wait", &()), async {
        client.emit("go", &()).await.unwrap();
    });

    assert_eq!(answer.unwrap(), [json!("done")]);
}

#[tokio::test]
async fn a_selection_is_asked_moved_counted_and_disconnected() {
    let gateway = Gateway::new("/many")
        .on("join", async |socket: Socket, Data(room): Data<String>| {
            socket.join(room).await.unwrap();
            Ack(())
        })
        .on("count", async |server: Server, Data(room): Data<String>| {
            let count = server.to(room).count().await?;
            Ok::<_, Exception>(Ack(count.value))
        })
        .on("ask", async |server: Server| {
            let asked = server
                .to("red")
                .emit_with_ack("how old", &(), Duration::from_secs(5));
            let answers = asked.await?;
            Ok::<_, Exception>(Ack((answers.values::<u32>()?, answers.silent)))
        })
        .on("move", async |server: Server| {
            server.to("red").sockets_join("blue")?.await;
            server.to("red").sockets_leave("red")?;
            Ok::<_, Exception>(Ack(()))
        })
        .on("end", async |server: Server| {
            Ok::<_, Exception>(server.to("blue").disconnect_sockets(false)?)
        });
    let node = TestNode::start(config(), vec![gateway]).await;
    let mut members = Vec::new();
    for _ in 0..2 {
        let member = node.client_of("/many", Transport::WebSocket).await;
        member.emit_with_ack("join", "red").await.unwrap();
        members.push(member);
    }
    let other = node.client_of("/many", Transport::WebSocket).await;
    let count = async |room: &str| other.emit_with_ack("count", room).await.unwrap()[0].clone();
    assert_eq!(count("red").await, 2);

    // The one who asks waits for the two who answer.
    let (answers, ()) = tokio::join!(other.emit_with_ack("ask", &()), async {
        for (age, member) in members.iter_mut().enumerate() {
            let asked = member.expect("how old").await.unwrap();
            member.answer(&asked, &[json!(age + 40)]).await.unwrap();
        }
    });
    let answers = answers.unwrap()[0].clone();
    assert_eq!(answers[1], 0, "nobody is missing");
    assert_eq!(answers[0].as_array().unwrap().len(), 2);

    other.emit_with_ack("move", &()).await.unwrap();
    assert_eq!(
        (count("red").await, count("blue").await),
        (json!(0), json!(2))
    );

    other.emit("end", &()).await.unwrap();
    for mut member in members {
        member.closed().await.unwrap();
    }
    assert_eq!(count("blue").await, 0);
}
