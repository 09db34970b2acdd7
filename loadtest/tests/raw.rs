//! Scenarios over raw WebSockets, against a tiny server of `/ws` and `/ws/chat` that does its work, or does not.

#![expect(
    clippy::unwrap_used,
    reason = "the lint leaves out test functions, but not what they call"
)]

use std::collections::HashMap;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// What the server does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// The third message to a room goes missing at one member.
    Lose,
    /// The third answer is that of another question.
    Confuse,
    /// Whoever leaves the chat is announced twice.
    AnnounceTwice,
    /// The first client is not told who leaves.
    ForgetOne,
    /// Nobody's token is good enough.
    Refuse,
}

/// What all connections share.
struct Shared {
    fault: Fault,
    /// Path and token of every connection.
    came: Mutex<Vec<(String, String)>>,
    everyone: Mutex<HashMap<String, mpsc::Sender<Message>>>,
    rooms: Mutex<HashMap<String, Vec<String>>>,
    /// Id and name of everyone in the chat.
    chat: Mutex<HashMap<String, String>>,
    messages: AtomicU64,
}

struct Server {
    url: String,
    shared: Arc<Shared>,
    _task: JoinSet<()>,
}

impl Server {
    async fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            fault,
            came: Mutex::default(),
            everyone: Mutex::default(),
            rooms: Mutex::default(),
            chat: Mutex::default(),
            messages: AtomicU64::new(0),
        });
        let mut task = JoinSet::new();
        let serving = Arc::clone(&shared);
        task.spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (id, shared) = (format!("~{number}"), Arc::clone(&serving));
                connections.spawn(async move {
                    shared.serve(stream, &id).await;
                    shared.leave(&id);
                });
            }
        });
        Self {
            url,
            shared,
            _task: task,
        }
    }

    /// Runs the binary over raw WebSockets; its output is JSON.
    async fn run(&self, scenario: &str, options: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomcast-loadtest"));
        command
            .args([scenario, "--json", "--url", &self.url])
            .args(["--transport", "raw", "--connect-timeout", "5s"])
            .args(options.split_whitespace());
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }
}

fn message(event: &str, data: &Value) -> Message {
    Message::text(json!({"event": event, "data": data}).to_string())
}

impl Shared {
    async fn serve(&self, stream: TcpStream, id: &str) {
        #[expect(clippy::result_large_err, reason = "the callback's type is given")]
        let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            let token = request.headers().get("authorization");
            let token = token.map_or("", |token| token.to_str().unwrap());
            let path = request.uri().to_string();
            self.came.lock().unwrap().push((path, token.to_owned()));
            Ok(response)
        };
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, look)
            .await
            .unwrap();
        if self.fault == Fault::Refuse {
            let frame = CloseFrame {
                code: 4401.into(),
                reason: "no".into(),
            };
            let _ = socket.close(Some(frame)).await;
            return;
        }
        let (into, mut queue) = mpsc::channel(4096);
        self.everyone
            .lock()
            .unwrap()
            .insert(id.to_owned(), into.clone());
        let users: Vec<_> = self.chat.lock().unwrap().clone().into_iter().collect();
        let is_chat = self.came.lock().unwrap()[0].0 == "/ws/chat";
        if is_chat {
            into.try_send(message("onlineUsers", &json!(users)))
                .unwrap();
        }
        loop {
            let text = tokio::select! {
                Some(message) = queue.recv() => {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                    continue;
                }
                message = socket.next() => match message {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(Message::Ping(_))) => continue,
                    _ => return,
                },
            };
            let event: Value = serde_json::from_str(&text).unwrap();
            let name = event["event"].as_str().unwrap();
            if let Some(answer) = self.answer(id, name, &event["data"]) {
                into.try_send(message(name, &answer)).unwrap();
            }
        }
    }

    /// What a handler of this event returns.
    fn answer(&self, id: &str, name: &str, data: &Value) -> Option<Value> {
        match name {
            "joinRoom" => {
                let room = data.as_str().unwrap().to_owned();
                let mut rooms = self.rooms.lock().unwrap();
                rooms.entry(room).or_default().push(id.to_owned());
                Some(json!({"room": data, "joined": true}))
            }
            "echo" => {
                let number = self.messages.fetch_add(1, Ordering::Relaxed);
                let confuses = self.fault == Fault::Confuse && number == 2;
                Some(if confuses { json!("7:x") } else { data.clone() })
            }
            "sendToRoom" => {
                self.say(&data["room"], &message("roomMsg", &data["data"]));
                Some(json!({"ok": true}))
            }
            "sendMessage" => {
                let said = json!({"username": "a", "message": data["message"], "timestamp": "T"});
                self.say(&data["room"], &message("newMessage", &said));
                None
            }
            "joinChat" => {
                let user = data["username"].as_str().unwrap();
                let mut chat = self.chat.lock().unwrap();
                chat.insert(id.to_owned(), user.to_owned());
                let seen = json!({"username": user, "clientId": id});
                self.tell_everyone(&message("userOnline", &seen), None);
                let into = self.everyone.lock().unwrap()[id].clone();
                into.try_send(message("joined", &json!({"username": user})))
                    .unwrap();
                None
            }
            "typing" => {
                self.tell_everyone(&message("userTyping", &json!({})), None);
                None
            }
            other => panic!("{other} is no event of ours"),
        }
    }

    fn say(&self, room: &Value, message: &Message) {
        let number = self.messages.fetch_add(1, Ordering::Relaxed);
        let loses = self.fault == Fault::Lose && number == 2;
        let rooms = self.rooms.lock().unwrap();
        let everyone = self.everyone.lock().unwrap();
        let members = rooms[room.as_str().unwrap()].iter();
        for member in members.skip(usize::from(loses)) {
            if let Some(member) = everyone.get(member) {
                let _ = member.try_send(message.clone());
            }
        }
    }

    fn tell_everyone(&self, message: &Message, but: Option<&str>) {
        let everyone = self.everyone.lock().unwrap();
        for (_, member) in everyone.iter().filter(|(id, _)| Some(&***id) != but) {
            let _ = member.try_send(message.clone());
        }
    }

    fn leave(&self, id: &str) {
        self.everyone.lock().unwrap().remove(id);
        let mut chat = self.chat.lock().unwrap();
        let Some(user) = chat.remove(id) else { return };
        let offline = message("userOffline", &json!({"username": user, "clientId": id}));
        let but = (self.fault == Fault::ForgetOne).then_some("~0");
        self.tell_everyone(&offline, but);
        if self.fault == Fault::AnnounceTwice {
            self.tell_everyone(&offline, None);
        }
    }
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

const FANOUT: &str = "--clients 9 --rooms 3 --messages 30 --rate 1000 --grace 200ms";

/// Users of whom some leave and come back.
const CHAT: &str = "--clients 12 --rooms 3 --rate 100 --duration 800ms --grace 200ms \
                    --every 200ms --away 50ms --one-in 2 --connect-concurrency 1";

#[tokio::test]
async fn deliveries_are_counted_and_an_answer_that_nobody_asked_for_is_none() {
    let output = Server::start(Fault::None).await.run("fanout", FANOUT).await;

    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert_eq!(report["deliveries"]["delivered"], 90);
}

#[tokio::test]
async fn a_lost_delivery_fails_the_run() {
    let output = Server::start(Fault::Lose).await.run("fanout", FANOUT).await;

    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report(&output)["deliveries"]["lost"], 1);
}

#[tokio::test]
async fn an_event_of_the_same_name_is_the_ack() {
    let options = "--clients 3 --rate 100 --duration 300ms";

    let output = Server::start(Fault::None).await.run("echo", options).await;
    assert_eq!(output.status.code(), Some(0), "{:#}", report(&output));
    assert_eq!(report(&output)["deliveries"]["delivered"], 30);

    let output = Server::start(Fault::Confuse)
        .await
        .run("echo", options)
        .await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(report(&output)["deliveries"]["corrupted"], 1);
}

#[tokio::test]
async fn the_path_names_the_namespace_and_a_header_brings_the_token() {
    let server = Server::start(Fault::None).await;
    let file = std::env::temp_dir().join(format!("loadtest-tokens-{}", std::process::id()));
    std::fs::write(&file, "one\n\ntwo\n").unwrap();

    let options = format!(
        "--clients 4 --hold 0s --namespace /members --token-file {} --connect-concurrency 1",
        file.display()
    );
    let output = server.run("connect", &options).await;

    std::fs::remove_file(&file).unwrap();
    let came = server.shared.came.lock().unwrap();
    assert_eq!(output.status.code(), Some(0), "{:#}", report(&output));
    assert!(came.iter().all(|(path, _)| path == "/ws/members"));
    let tokens: Vec<_> = came.iter().map(|(_, token)| &**token).collect();
    assert_eq!(
        tokens,
        ["Bearer one", "Bearer two", "Bearer one", "Bearer two"]
    );
    let said = [output.stdout, output.stderr].concat();
    assert!(!String::from_utf8(said).unwrap().contains("two"));
}

#[tokio::test]
async fn a_client_that_is_not_let_in_has_no_seat() {
    let server = Server::start(Fault::Refuse).await;

    let output = server.run("connect", "--clients 1 --token secret").await;

    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        error.contains("4401") && !error.contains("secret"),
        "{error}"
    );
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_refused_before_anything_is_sent() {
    let server = Server::start(Fault::None).await;
    for (options, reason) in [
        ("--auth {}", "there is --token"),
        ("--parser msgpack", "needs --transport websocket"),
        ("--token secret --auth {}", "cannot be used with"),
        ("--token sécret", "no token has"),
        ("--token-file /nowhere", "cannot be read"),
        ("--payload 4097", "longest message"),
    ] {
        let output = server.run("chat", options).await;

        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{options:?}");
        assert!(error.contains(reason), "{error}");
        assert!(!error.contains("cret"), "{error}");
    }
}

#[tokio::test]
async fn users_of_the_chat_come_and_go_and_agree_on_who_is_there() {
    let output = Server::start(Fault::None).await.run("chat", CHAT).await;

    let report = report(&output);
    assert_eq!(output.status.code(), Some(0), "{report:#}");
    assert!(
        report["returns"]["count"].as_u64().unwrap() > 0,
        "{report:#}"
    );
    assert!(
        report["presence"]["typing"].as_u64().unwrap() > 0,
        "{report:#}"
    );
    assert_eq!(report["presence"]["online"], 12);
    assert_eq!(report["presence"]["views"], 12);
}

#[tokio::test]
async fn every_fault_of_presence_fails_the_run_by_its_name() {
    for (fault, name) in [
        (Fault::AnnounceTwice, "presence duplicated"),
        (Fault::ForgetOne, "see others online"),
        (Fault::Lose, "deliveries lost"),
    ] {
        let output = Server::start(fault).await.run("chat", CHAT).await;

        let report = report(&output);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let faults = report["faults"].to_string();
        assert!(faults.contains(name), "{report:#}");
    }
}
