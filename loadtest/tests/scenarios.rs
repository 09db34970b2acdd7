//! The binary's scenarios against a tiny server that delivers, or does not: the exit code tells which.

#![expect(
    clippy::unwrap_used,
    reason = "the lint leaves out test functions, but not what they call"
)]

use std::collections::HashMap;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;

/// What the server does wrong, once.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// One delivery goes missing.
    Lose,
    /// One delivery comes twice.
    Repeat,
    /// One message also goes to every other room.
    Misroute,
    /// One delivery is changed.
    Corrupt,
    /// One member is disconnected.
    Disconnect,
    /// The first node lets go of whoever has got three deliveries.
    Drain,
    /// No room can be joined.
    Refuse,
}

/// The members of each room.
type Rooms = Arc<Mutex<HashMap<String, Vec<mpsc::Sender<String>>>>>;

/// Two nodes, of which only the first has the fault where it is about connections.
struct Server {
    url: String,
    second: String,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(fault: Fault) -> Self {
        let rooms = Rooms::default();
        let mut tasks = JoinSet::new();
        let second = match fault {
            Fault::Drain => Fault::None,
            fault => fault,
        };
        Self {
            url: node(&mut tasks, &rooms, fault).await,
            second: node(&mut tasks, &rooms, second).await,
            _tasks: tasks,
        }
    }
}

/// Starts one; its URL.
async fn node(tasks: &mut JoinSet<()>, rooms: &Rooms, fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let rooms = Arc::clone(rooms);
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, Arc::clone(&rooms), fault));
        }
    });
    url
}

async fn serve(stream: TcpStream, rooms: Rooms, fault: Fault) {
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    let open =
        json!({"sid": "x", "pingInterval": 25_000, "pingTimeout": 20_000, "maxPayload": 1_000_000});
    let (into, mut queue) = mpsc::channel(4096);
    into.try_send(format!("0{open}")).unwrap();
    let (mut delivered, mut received) = (0, 0);
    loop {
        let text = tokio::select! {
            Some(text) = queue.recv() => {
                received += u32::from(text.starts_with("42"));
                let lets_go = fault == Fault::Drain && received == 3;
                if lets_go || socket.send(Message::text(text)).await.is_err() {
                    return;
                }
                continue;
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => text,
                _ => return,
            },
        };
        if text.starts_with("40") {
            rooms
                .lock()
                .unwrap()
                .entry(String::new())
                .or_default()
                .push(into.clone());
            into.try_send(r#"40{"sid":"x"}"#.to_owned()).unwrap();
            continue;
        }
        let event = text.strip_prefix("42").unwrap();
        let (id, event) = event.split_at(event.find('[').unwrap());
        let event: Value = serde_json::from_str(event).unwrap();
        let data = &event[1];
        match event[0].as_str().unwrap() {
            "joinRoom" => {
                let room = data.as_str().unwrap().to_owned();
                let ack = match fault {
                    Fault::Refuse => r#"42["exception",{"message":"no"}]"#.to_owned(),
                    _ => format!("43{id}{}", json!([{"room": room, "joined": true}])),
                };
                rooms
                    .lock()
                    .unwrap()
                    .entry(room)
                    .or_default()
                    .push(into.clone());
                into.try_send(ack).unwrap();
            }
            "leaveRoom" => {
                let joined = fault == Fault::Corrupt && id == "3";
                let ack = json!([{"room": data, "joined": joined}]);
                into.try_send(format!("43{id}{ack}")).unwrap();
            }
            "echo" => {
                let mut ack = format!("43{id}{}", json!([data]));
                if fault == Fault::Corrupt && id == "2" {
                    ack = ack.replacen("xx", "xy", 1);
                }
                if fault != Fault::Lose || id != "2" {
                    into.try_send(ack).unwrap();
                }
            }
            name => {
                let (room, reply, data) = match name {
                    "broadcast" => ("", "msgToAll", data),
                    _ => (data["room"].as_str().unwrap(), "roomMsg", &data["data"]),
                };
                let message = format!("42{}", json!([reply, data]));
                deliver(&rooms.lock().unwrap(), room, &message, delivered, fault);
                delivered += 1;
            }
        }
    }
}

/// Delivers the message with this number of one publisher; the fault shows in the third, at the room's first member.
fn deliver(
    rooms: &HashMap<String, Vec<mpsc::Sender<String>>>,
    room: &str,
    message: &str,
    number: u32,
    fault: Fault,
) {
    let say = |member: &mpsc::Sender<String>, text: &str| {
        // A member that has gone gets nothing.
        let _ = member.try_send(text.to_owned());
    };
    for (index, member) in rooms[room].iter().enumerate() {
        match fault {
            _ if index > 0 || number != 2 => say(member, message),
            Fault::Lose => {}
            Fault::Repeat => [message; 2].iter().for_each(|text| say(member, text)),
            Fault::Corrupt => say(member, &message.replacen("abc", "abd", 1)),
            Fault::Disconnect => say(member, "41"),
            Fault::None | Fault::Misroute | Fault::Drain | Fault::Refuse => say(member, message),
        }
    }
    if fault == Fault::Misroute && number == 2 {
        let is_other = |name: &str| !name.is_empty() && name != room;
        let others = rooms.iter().filter(|(name, _)| is_other(name));
        for member in others.flat_map(|(_, members)| members) {
            say(member, message);
        }
    }
}

/// Runs the binary against a server with this fault; its output is JSON. The option `SECOND` stands for the URL of its
/// second node.
async fn run(scenario: &str, fault: Fault, options: &[&str]) -> Output {
    let server = Server::start(fault).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomcast-loadtest"));
    command
        .args([scenario, "--json", "--url", &server.url])
        .args(["--connect-timeout", "5s"])
        .args(options.iter().map(|option| match *option {
            "SECOND" => &server.second,
            option => option,
        }));
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

/// Nine clients in three rooms, and thirty messages.
async fn fanout(fault: Fault, options: &[&str]) -> Output {
    let few = "--clients 9 --rooms 3 --messages 30 --grace 200ms";
    let all: Vec<_> = few.split(' ').chain(options.iter().copied()).collect();
    run("fanout", fault, &all).await
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_server_that_delivers_passes_on_a_schedule() {
    let output = fanout(Fault::None, &["--rate", "1000"]).await;

    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["traffic"]["sent"], 30);
    assert_eq!(report["deliveries"]["expected"], 90);
    assert_eq!(report["deliveries"]["delivered"], 90);
    assert_eq!(report["traffic"]["latency_us"]["count"], 90);
}

#[tokio::test]
async fn a_server_that_delivers_passes_at_its_own_pace() {
    let output = fanout(Fault::None, &["--in-flight", "4"]).await;

    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["deliveries"]["delivered"], 90);
}

#[tokio::test]
async fn time_ends_a_run_before_its_messages_are_spent() {
    let options = ["--duration", "100ms", "--messages", "1000000"];
    let output = fanout(Fault::None, &options).await;

    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["traffic"]["sent"], 10);
}

#[tokio::test]
async fn every_fault_of_a_server_fails_the_run_by_its_name() {
    for (fault, name, count) in [
        (Fault::Lose, "lost", 3),
        (Fault::Repeat, "duplicated", 3),
        (Fault::Misroute, "misrouted", 18),
        (Fault::Corrupt, "corrupted", 3),
    ] {
        let output = fanout(fault, &["--rate", "1000"]).await;

        let report = report(&output);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert_eq!(report["deliveries"][name], count, "{report:#}");
        assert_eq!(report["passed"], false);
    }
}

#[tokio::test]
async fn a_lost_connection_fails_the_run() {
    let output = fanout(Fault::Disconnect, &["--rate", "1000"]).await;

    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report(&output)["traffic"]["disconnected"], 3);
}

#[tokio::test]
async fn a_room_that_cannot_be_joined_is_an_error_with_the_servers_words() {
    let output = fanout(Fault::Refuse, &["--connect-timeout", "500ms"]).await;

    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("9 of 9 clients to their rooms"), "{error}");
    assert!(error.contains("exception"), "{error}");
}

#[tokio::test]
async fn a_missed_threshold_fails_the_run() {
    let output = fanout(Fault::None, &["--max-p99", "0ms"]).await;

    assert_eq!(output.status.code(), Some(1));
    assert!(
        report(&output)["faults"][0]
            .as_str()
            .unwrap()
            .contains("p99")
    );
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_refused_before_anything_is_sent() {
    for (options, reason) in [
        (["--rooms", "10"], "some rooms would be empty"),
        (["--publishers", "10"], "publishers are clients"),
        (["--url", "http://192.0.2.1:3000"], "--allow-remote"),
        (["--duration", "10"], "is no duration"),
        (["--rate", "none"], "invalid value"),
    ] {
        let output = fanout(Fault::None, &options).await;

        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{options:?}");
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn a_broadcast_is_owed_to_everyone() {
    let options = "--clients 9 --publishers 1 --messages 10 --rate 1000 --grace 200ms";
    let options: Vec<_> = options.split(' ').collect();

    let output = run("broadcast", Fault::None, &options).await;
    assert_eq!(output.status.code(), Some(0), "{:#}", report(&output));
    assert_eq!(report(&output)["deliveries"]["delivered"], 90);

    let output = run("broadcast", Fault::Lose, &options).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report(&output)["deliveries"]["lost"], 1);
}

#[tokio::test]
async fn every_echo_is_checked() {
    let options = ["--clients", "3", "--rate", "100", "--duration", "300ms"];

    let output = run("echo", Fault::None, &options).await;
    assert_eq!(output.status.code(), Some(0), "{:#}", report(&output));

    let output = run("echo", Fault::Corrupt, &options).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report(&output)["deliveries"]["corrupted"], 3);
}

#[tokio::test]
async fn every_join_and_leave_is_checked() {
    let options = "--clients 3 --held 2 --rate 100 --duration 300ms";
    let options: Vec<_> = options.split(' ').collect();

    let output = run("rooms", Fault::None, &options).await;
    assert_eq!(output.status.code(), Some(0), "{:#}", report(&output));
    assert_eq!(report(&output)["deliveries"]["delivered"], 30);

    let output = run("rooms", Fault::Corrupt, &options).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report(&output)["deliveries"]["corrupted"], 3);
}

#[tokio::test]
async fn clients_that_drop_come_back_and_those_that_stay_are_owed_everything() {
    let options = "--clients 9 --rooms 3 --rate 200 --duration 1s --grace 200ms \
                   --every 200ms --away 50ms --one-in 2";
    let options: Vec<_> = options.split_whitespace().collect();

    let output = run("churn", Fault::None, &options).await;

    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert!(
        report["returns"]["count"].as_u64().unwrap() > 0,
        "{report:#}"
    );
}

#[tokio::test]
async fn whoever_a_server_lets_go_in_a_drain_goes_to_the_next() {
    let options = "--url SECOND --clients 9 --rooms 3 --rate 200 --duration 500ms --grace 200ms";
    let options: Vec<_> = options.split_whitespace().collect();

    let output = run("drain", Fault::Drain, &options).await;

    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert!(
        report["returns"]["count"].as_u64().unwrap() > 0,
        "{report:#}"
    );
}

#[tokio::test]
async fn who_stops_reading_is_left_out_and_the_others_are_owed_everything() {
    let options = "--clients 9 --rooms 3 --slow 3 --messages 30 --rate 1000 --grace 200ms";
    let options: Vec<_> = options.split_whitespace().collect();

    let output = run("slow", Fault::None, &options).await;

    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["deliveries"]["delivered"], 60, "{report:#}");
    assert_eq!(report["returns"]["stalled"], 3, "{report:#}");
}

#[tokio::test]
async fn the_msgpack_parser_is_for_websockets() {
    let options = ["--parser", "msgpack", "--transport", "polling"];

    let output = fanout(Fault::None, &options).await;

    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(error.contains("needs --transport websocket"), "{error}");
}

#[tokio::test]
async fn connections_that_idle_are_counted_and_none_may_end() {
    let options = ["--clients", "20", "--hold", "100ms"];

    let output = run("connect", Fault::None, &options).await;

    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["connects"]["latency_us"]["count"], 20);
}
