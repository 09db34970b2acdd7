//! What stands before and around handlers: guards, interceptors, filters.

#![expect(
    clippy::unwrap_used,
    reason = "the lint leaves out test functions, but not what they call"
)]

use std::sync::{Arc, Mutex};

use roomcast_gateway::{
    Ack, Data, Exception, Gateway, Next, Outcome, Reply, Route, Socket, SocketData, State, Valid,
    Validate, Violation,
    occasion::Event,
    testing::{Client, Sent, block_on},
};
use serde::Deserialize;
use serde_json::json;

/// What has run, in order.
type Log = Arc<Mutex<Vec<&'static str>>>;

fn note(log: &Log, what: &'static str) {
    log.lock().unwrap().push(what);
}

/// A guard that notes that it ran.
macro_rules! passes {
    ($name:literal) => {
        async |State(log): State<Log>| {
            note(&log, $name);
            true
        }
    };
}

fn around(
    log: &Log,
    before: &'static str,
    after: &'static str,
) -> impl roomcast_gateway::Interceptor + use<> {
    let log = log.clone();
    move |_: Event, next: Next| {
        let log = log.clone();
        async move {
            note(&log, before);
            let result = next.await;
            note(&log, after);
            result
        }
    }
}

#[derive(Deserialize)]
struct Picky;

impl Validate for Picky {
    fn violations(&self) -> Vec<Violation> {
        vec![
            Violation::new("name", "must not be empty"),
            Violation::new("", "is too old"),
        ]
    }
}

#[test]
fn guards_run_before_interceptors_and_those_of_the_gateway_before_those_of_the_event() {
    let log = Log::default();
    let gateway = Gateway::new("/")
        .state(log.clone())
        .guard(passes!("guard 1"))
        .interceptor(around(&log, "in 1", "out 1"))
        .route(
            "e",
            Route::to(async |State(log): State<Log>| note(&log, "handler"))
                .interceptor(around(&log, "in 2", "out 2"))
                .guard(passes!("guard 3")),
        )
        .guard(passes!("guard 2"));

    let outcome = block_on(Client::of(gateway).emit("e", &7));

    assert_eq!(outcome, Outcome::Handled);
    assert_eq!(
        *log.lock().unwrap(),
        [
            "guard 1", "guard 2", "guard 3", "in 1", "in 2", "handler", "out 2", "out 1"
        ]
    );
}

#[test]
fn a_guard_refuses_before_the_body_is_looked_at() {
    let gateway = Gateway::new("/")
        .exception_cause(false)
        .route(
            "no",
            Route::to(async |Data(()): Data<()>| -> () { panic!("it must not run") })
                .guard(async || false),
        )
        .route(
            "why",
            Route::to(async || {}).guard(async || Err::<(), _>(Exception::new("not today"))),
        );
    let client = Client::of(gateway);

    for (event, message) in [("no", "Forbidden resource"), ("why", "not today")] {
        assert_eq!(block_on(client.emit(event, &7)), Outcome::Exception);
        let told = json!({ "status": "error", "message": message });
        assert_eq!(client.sent(), [Sent::event("exception", told)]);
    }
}

#[test]
fn a_guard_that_panics_lets_nothing_through() {
    let gateway = Gateway::new("/")
        .guard(async |_: Socket| -> bool { panic!("a bug") })
        .on("e", async || Ack(1));
    let client = Client::of(gateway);

    let outcome = block_on(client.emit_with_ack("e", &7));

    assert!(matches!(outcome, Outcome::Failed(why) if why.contains("a bug")));
    assert!(matches!(&client.sent()[..], [Sent::Event { event, .. }] if event == "exception"));
}

#[test]
fn an_interceptor_sees_a_panic_as_an_exception_and_may_answer_in_its_place() {
    async fn instead(event: Event, next: Next) -> Result<Reply, Exception> {
        let failed = next.await.unwrap_err();
        assert!(failed.source().unwrap().to_string().contains("a bug"));
        Reply::of(Ack(event.name().to_owned()))
    }
    let gateway = Gateway::new("/")
        .interceptor(instead)
        .on("e", async |_: Data<u8>| -> Ack<()> { panic!("a bug") });
    let client = Client::of(gateway);

    assert_eq!(block_on(client.emit_with_ack("e", &7)), Outcome::Handled);

    assert_eq!(client.sent(), [Sent::ack(json!("e"))]);
}

#[test]
fn an_interceptor_may_leave_the_handler_out() {
    let gateway = Gateway::new("/")
        .interceptor(|_: Event, _: Next| async { Reply::of(()) })
        .on("e", async || -> () { panic!("it must not run") });

    assert_eq!(
        block_on(Client::of(gateway).emit("e", &7)),
        Outcome::Handled
    );
}

#[test]
fn the_nearest_filter_sees_an_exception_first() {
    fn named(name: &'static str) -> impl roomcast_gateway::ExceptionFilter {
        move |exception: Exception, _: &Event| {
            let message = exception.message().unwrap_or_default();
            Some(Exception::new(format!("{message} {name}")))
        }
    }
    let gateway = Gateway::new("/")
        .exception_cause(false)
        .filter(named("3"))
        .route(
            "e",
            Route::to(async || Err::<(), _>(Exception::new("0")))
                .filter(named("1"))
                .filter(named("2")),
        )
        .route(
            "quiet",
            Route::to(async || Err::<(), _>(Exception::new("0"))).filter(|_, _: &Event| None),
        );
    let client = Client::of(gateway);

    let _ = block_on(client.emit("e", &7));
    let told = json!({ "status": "error", "message": "0 1 2 3" });
    assert_eq!(client.sent(), [Sent::event("exception", told)]);

    assert_eq!(block_on(client.emit("quiet", &7)), Outcome::Handled);
    assert_eq!(client.sent(), []);
}

#[test]
fn every_broken_rule_is_listed() {
    let gateway = Gateway::new("/")
        .exception_cause(false)
        .on("e", async |_: Valid<Picky>| -> () {
            panic!("it must not run")
        });
    let client = Client::of(gateway);

    let _ = block_on(client.emit("e", &()));

    let message = "name: must not be empty; body: is too old";
    let told = json!({ "status": "error", "message": message });
    assert_eq!(client.sent(), [Sent::event("exception", told)]);
}

#[test]
fn data_stays_with_its_socket() {
    let gateway = || {
        Gateway::new("/")
            .on("set", async |socket: Socket, Data(number): Data<u64>| {
                socket.set_data(number);
            })
            .on("get", async |SocketData(number): SocketData<u64>| {
                Ack(number)
            })
            .on("look", async |number: Option<SocketData<u64>>| {
                Ack(number.is_some())
            })
    };
    let (one, other) = (Client::of(gateway()), Client::of(gateway()));

    let _ = block_on(one.emit("set", &1));
    let _ = block_on(one.emit("set", &2));

    let _ = block_on(one.emit_with_ack("get", &()));
    assert_eq!(one.sent(), [Sent::ack(json!(2))]);
    let _ = block_on(other.emit_with_ack("look", &()));
    assert_eq!(other.sent(), [Sent::ack(json!(false))]);
    let outcome = block_on(other.emit_with_ack("get", &()));
    assert!(matches!(outcome, Outcome::Failed(why) if why.contains("u64")));
}

#[test]
fn only_what_is_said_to_be_is_concurrent() {
    let gateway = Gateway::new("/")
        .route("beside", Route::to(async || {}).concurrent())
        .on("in turn", async || {});

    assert!(gateway.is_concurrent("beside"));
    assert!(!gateway.is_concurrent("in turn") && !gateway.is_concurrent("unknown"));
}

#[test]
#[should_panic(expected = "`e` on `/`: there is no state of type")]
fn a_guard_that_asks_for_state_that_is_not_there_is_found_at_once() {
    let guarded = Route::to(async || {}).guard(async |_: State<u64>| true);

    let _ = Gateway::new("/").route("e", guarded);
}
