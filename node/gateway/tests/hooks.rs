//! The turns in a gateway's life, its shared state, and the mistakes made in building one.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use roomcast_gateway::{
    Ack, DisconnectReason, Exception, Gateway, Outcome, Refusal, Server, Socket, State,
    testing::{Client, Sent, block_on},
};
use serde_json::json;

#[test]
fn hooks_run_on_their_turn_with_what_they_ask_for() {
    type Diary = Arc<Mutex<Vec<String>>>;

    async fn init(server: Server, State(diary): State<Diary>) {
        let entry = format!("init {} on {}", server.namespace(), server.node_id());
        diary.lock().unwrap().push(entry);
    }

    async fn connect(socket: Socket, State(diary): State<Diary>) {
        diary
            .lock()
            .unwrap()
            .push(format!("connect {}", socket.id()));
    }

    async fn disconnect(socket: Socket, reason: DisconnectReason, State(diary): State<Diary>) {
        let entry = format!("disconnect {}: {reason}", socket.id());
        diary.lock().unwrap().push(entry);
    }

    let diary = Diary::default();
    let gateway = Gateway::new("/d")
        .state(Arc::clone(&diary))
        .on_init(init)
        .on_connection(connect)
        .on_disconnect(disconnect);
    let client = Client::of(gateway);

    block_on(async {
        assert_eq!(client.init().await, Outcome::Handled);
        assert_eq!(client.connect().await, Outcome::Handled);
        assert_eq!(
            client.disconnect(DisconnectReason::PingTimeout).await,
            Outcome::Handled
        );
    });

    assert_eq!(
        *diary.lock().unwrap(),
        [
            "init /d on test",
            "connect ~client0000000000001",
            "disconnect ~client0000000000001: ping timeout",
        ]
    );
}

#[test]
fn without_a_hook_a_turn_is_ignored() {
    let client = Client::of(Gateway::new("/"));

    block_on(async {
        assert_eq!(client.init().await, Outcome::Ignored);
        assert_eq!(client.connect().await, Outcome::Ignored);
        assert_eq!(
            client.disconnect(DisconnectReason::TransportClose).await,
            Outcome::Ignored
        );
    });
}

#[test]
fn an_exception_on_connection_is_told_and_the_socket_stays() {
    let gateway = Gateway::new("/").on_connection(async || Err::<(), _>(Exception::new("not now")));
    let client = Client::of(gateway);

    let outcome = block_on(client.connect());

    assert_eq!(outcome, Outcome::Exception);
    let told = json!({ "status": "error", "message": "not now" });
    assert_eq!(client.sent(), [Sent::event("exception", told)]);
    assert!(client.is_connected());
}

#[test]
fn a_panic_in_a_hook_is_a_failure() {
    async fn panics() {
        panic!("in a hook");
    }

    let gateway = Gateway::new("/")
        .on_init(panics)
        .on_connection(panics)
        .on_disconnect(panics);
    let client = Client::of(gateway);
    let failed = Outcome::Failed("the handler panicked: in a hook".to_owned());

    block_on(async {
        assert_eq!(client.init().await, failed);
        assert_eq!(client.sent(), []);
        assert_eq!(client.connect().await, failed);
        let told = json!({ "status": "error", "message": "Internal server error" });
        assert_eq!(client.sent(), [Sent::event("exception", told)]);
        assert_eq!(
            client.disconnect(DisconnectReason::TransportClose).await,
            failed
        );
        assert_eq!(client.sent(), []);
    });
}

#[test]
fn handlers_share_state_by_its_type() {
    async fn count(State(counter): State<Arc<AtomicU32>>, State(step): State<u32>) -> Ack<u32> {
        Ack(counter.fetch_add(step, Ordering::Relaxed))
    }

    let gateway = Gateway::new("/")
        .state(Arc::new(AtomicU32::new(1)))
        .state(10_u32)
        .on("e", count);
    let client = Client::of(gateway);

    block_on(client.emit_with_ack("e", &()));
    block_on(client.emit_with_ack("e", &()));

    assert_eq!(client.sent(), [Sent::ack(json!(1)), Sent::ack(json!(11))]);
}

#[test]
fn a_gateway_is_shared_between_threads_and_its_futures_move_between_them() {
    fn is_shared<T: Send + Sync + 'static>(_: &T) {}
    fn moves<T: Send + 'static>(_: &T) {}

    let client = Client::of(Gateway::new("/"));

    is_shared(&Gateway::new("/"));
    is_shared(client.socket());
    moves(&client.emit("e", &()));
    moves(&client.connect());
}

#[test]
fn a_gateway_knows_the_names_it_handles_and_emits() {
    let gateway = Gateway::new("chat")
        .on("b", async || {})
        .on("a", async || {})
        .emits(["x", "y"])
        .emits(["x", "z"]);

    assert_eq!(gateway.namespace(), "/chat");
    assert_eq!(gateway.events().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(gateway.emitted().collect::<Vec<_>>(), ["x", "y", "z"]);
    assert!(gateway.handles("a") && !gateway.handles("x"));
}

#[test]
fn the_longest_handler_takes_six_arguments() {
    async fn six(
        _: Socket,
        _: Server,
        _: Socket,
        _: Server,
        _: Socket,
        State(answer): State<u8>,
    ) -> Ack<u8> {
        Ack(answer)
    }

    let client = Client::of(Gateway::new("/").state(42_u8).on("e", six));

    block_on(client.emit_with_ack("e", &()));

    assert_eq!(client.sent(), [Sent::ack(json!(42))]);
}

#[test]
#[should_panic = "`e` on `/` has a handler already"]
fn an_event_has_one_handler() {
    let _ = Gateway::new("/").on("e", async || {}).on("e", async || {});
}

#[test]
#[should_panic = "no client can emit `disconnect`"]
fn a_reserved_name_cannot_be_handled() {
    let _ = Gateway::new("/").on("disconnect", async || {});
}

#[test]
#[should_panic = "`e` on `/`: there is no state of type `u32`: give it with .state(…) before the handlers"]
fn missing_state_shows_while_the_gateway_is_built() {
    let _ = Gateway::new("/")
        .on("e", async |_: Socket, _: State<u32>| {})
        .state(1_u32);
}

#[test]
#[should_panic = "`/` has an on_connection already"]
fn a_turn_has_one_hook() {
    let _ = Gateway::new("/")
        .on_connection(async || {})
        .on_connection(async || {});
}

#[test]
#[should_panic = "`/` has state of type `u8` already"]
fn state_is_known_by_its_type_alone() {
    let _ = Gateway::new("/").state(1_u8).state(2_u8);
}

#[test]
#[should_panic = "holds a comma or a question mark"]
fn a_namespace_that_no_client_can_name_is_refused() {
    let _ = Gateway::new("/a,b");
}

#[test]
fn the_first_admission_that_refuses_counts() {
    let gateway = |code: u32| {
        Gateway::new("/")
            .state(code)
            .admit(async |socket: Socket| {
                socket.set_data(1_u8);
                Ok::<_, Refusal>(())
            })
            .admit(async |State(code): State<u32>| match code {
                0 => Ok(()),
                code => Err(Refusal::new("no").with_data(&json!({ "code": code }))),
            })
            .admit(async |State(code): State<u32>| {
                assert_eq!(code, 0, "it must not be asked");
                Ok::<_, Refusal>(())
            })
    };

    let admitted = Client::of(gateway(0));
    assert_eq!(block_on(admitted.admission()), Ok(()));
    assert_eq!(admitted.socket().data::<u8>(), Some(1));

    let refused = block_on(Client::of(gateway(7)).admission()).unwrap_err();
    assert_eq!(refused.message(), "no");
    assert_eq!(refused.data(), Some(&json!({ "code": 7 })));
}

#[test]
fn an_admission_that_fails_lets_nobody_in_and_says_why_in_the_log_alone() {
    let failing = Gateway::new("/").admit(async || {
        std::fs::read("/no such file")?;
        Ok::<_, Refusal>(())
    });
    let panicking = Gateway::new("/").admit(async || -> Result<(), Refusal> { panic!("a bug") });

    for (gateway, reason) in [(failing, "No such file"), (panicking, "a bug")] {
        let refused = block_on(Client::of(gateway).admission()).unwrap_err();

        assert_eq!(refused.message(), "Internal server error");
        assert!(refused.failure().unwrap().contains(reason));
    }
}
