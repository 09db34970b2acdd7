//! The client against a tiny server that speaks just enough of the protocol, over WebSocket.
//!
//! What the server does is decided by the event's name; see [`event`].

#![expect(
    clippy::unwrap_used,
    reason = "the lint leaves out test functions, but not what they call"
)]

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use roomcast_loadtest::client::{Client, ClientError, CloseReason, ConnectError};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

/// What the server saw of one connection's end.
#[derive(Debug, PartialEq)]
enum End {
    /// The client left the namespace and closed the WebSocket.
    Goodbye,
    /// The TCP connection was gone.
    Gone,
}

struct Server {
    url: String,
    /// The ends of connections, and the pongs that came.
    ends: mpsc::Receiver<End>,
    pongs: mpsc::Receiver<()>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(ping_interval: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (end, ends) = mpsc::channel(16);
        let (pong, pongs) = mpsc::channel(16);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (end, pong) = (end.clone(), pong.clone());
                connections.spawn(async move {
                    let result = serve(stream, ping_interval, pong).await;
                    end.send(result.unwrap_or(End::Gone)).await.unwrap();
                });
            }
        });
        Self {
            url,
            ends,
            pongs,
            _tasks: tasks,
        }
    }

    async fn end(&mut self) -> End {
        let end = timeout(Duration::from_secs(5), self.ends.recv()).await;
        end.expect("the connection ends in time").unwrap()
    }
}

/// Serves one connection until it ends.
async fn serve(
    stream: TcpStream,
    ping_interval: u64,
    pong: mpsc::Sender<()>,
) -> Result<End, Error> {
    let mut socket = tokio_tungstenite::accept_async(stream).await?;
    let open = json!({"sid": "connection", "upgrades": [], "pingInterval": ping_interval, "pingTimeout": 200, "maxPayload": 1_000_000});
    say(&mut socket, format!("0{open}")).await?;
    loop {
        let text = match socket.next().await {
            Some(message) => match message? {
                Message::Text(text) => text.to_string(),
                Message::Close(_) | Message::Binary(_) => return Ok(End::Gone),
                _ => continue,
            },
            None => return Ok(End::Gone),
        };
        if text == "3" {
            pong.send(()).await.unwrap();
        } else if let Some(auth) = text.strip_prefix("40/private,") {
            let error = json!({"message": "who are you?", "data": {"auth": auth}});
            say(&mut socket, format!("44/private,{error}")).await?;
        } else if text.starts_with("40") {
            // A broadcast may overtake the answer to CONNECT.
            say(&mut socket, r#"42["early",0]"#).await?;
            say(&mut socket, r#"40{"sid":"socket"}"#).await?;
        } else if text == "41" {
            let next = socket.next().await;
            let closed = matches!(next, Some(Ok(Message::Close(_))));
            return Ok(if closed { End::Goodbye } else { End::Gone });
        } else {
            event(&mut socket, &text).await?;
        }
    }
}

async fn event(socket: &mut WebSocketStream<TcpStream>, text: &str) -> Result<(), Error> {
    let start = text.find('[').unwrap();
    let (head, json) = text.split_at(start);
    let values: Vec<Value> = serde_json::from_str(json).unwrap();
    let id = head.rsplit_once('-').map_or(&head[2..], |(_, id)| id);
    match values[0].as_str().unwrap() {
        "echo" if head.starts_with("45") => {
            let Some(attachment) = socket.next().await else {
                return Ok(());
            };
            let args = Value::from(&values[1..]);
            say(socket, format!("461-{id}{args}")).await?;
            socket.send(attachment?).await
        }
        "echo" => {
            let args = Value::from(&values[1..]);
            say(socket, format!("43{id}{args}")).await
        }
        "echoTwice" => {
            say(socket, format!("43{id}[]")).await?;
            say(socket, format!("43{id}[]")).await
        }
        "count" => {
            for number in 0..values[1].as_u64().unwrap() {
                say(socket, format!(r#"42["odd or even",{number}]"#)).await?;
                if number % 2 == 0 {
                    say(socket, format!(r#"42["even",{number}]"#)).await?;
                }
            }
            Ok(())
        }
        "ask" => say(socket, r#"427["question","?"]"#).await,
        "ping" => say(socket, "2").await,
        "interleave" => {
            say(socket, r#"451-["a",{"_placeholder":true,"num":0}]"#).await?;
            say(socket, r#"42["b"]"#).await
        }
        "disconnect" => say(socket, "41").await,
        "crash" => Err(Error::AlreadyClosed),
        _ if text.starts_with("437") => say(socket, format!("42[\"answered\",{json}]")).await,
        _ => Ok(()),
    }
}

async fn say(
    socket: &mut WebSocketStream<TcpStream>,
    text: impl Into<String>,
) -> Result<(), Error> {
    socket.send(Message::text(text.into())).await
}

async fn client(server: &Server) -> Client {
    Client::connect(&server.url).await.unwrap()
}

#[tokio::test]
async fn a_client_learns_its_id_and_keeps_what_overtook_the_answer() {
    let server = Server::start(25_000).await;

    let mut client = client(&server).await;

    assert_eq!(client.id(), "socket");
    assert_eq!(client.connection_id(), "connection");
    assert_eq!(client.expect("early").await.unwrap().args, [0]);
}

#[tokio::test]
async fn an_ack_answers_the_event_that_asked_for_it() {
    let server = Server::start(25_000).await;
    let client = client(&server).await;

    let args = [json!({"n": 2}), json!(null)];

    let (first, second) = tokio::join!(
        client.emit_with_ack("echo", "first"),
        client.emit_args_with_ack("echo", &args),
    );

    assert_eq!(first.unwrap(), ["first"]);
    assert_eq!(second.unwrap(), args);
}

#[tokio::test]
async fn events_are_read_by_name_and_none_is_lost() {
    let server = Server::start(25_000).await;
    let mut client = client(&server).await;

    client.emit("count", &3).await.unwrap();

    assert_eq!(client.expect("even").await.unwrap().args, [0]);
    assert_eq!(client.expect("even").await.unwrap().args, [2]);
    let mut others = Vec::new();
    while others.len() < 4 {
        others.push(client.next_event().await.unwrap().name);
    }
    assert_eq!(
        others,
        ["early", "odd or even", "odd or even", "odd or even"]
    );
    assert_eq!(client.try_event(), None);
}

#[tokio::test]
async fn binary_values_go_there_and_back() {
    let server = Server::start(25_000).await;
    let client = client(&server).await;
    let data = json!({"file": {"_placeholder": true, "num": 0}});
    let bytes = Bytes::from_static(&[0, 255, 7]);

    let ack = client
        .emit_binary_with_ack("echo", &data, std::slice::from_ref(&bytes))
        .await
        .unwrap();

    assert_eq!(ack.args, [data]);
    assert_eq!(ack.attachments, [bytes]);
}

#[tokio::test]
async fn a_client_answers_what_the_server_asks() {
    let server = Server::start(25_000).await;
    let mut client = client(&server).await;
    client.emit_args("ask", &[]).await.unwrap();
    let question = client.expect("question").await.unwrap();
    assert!(question.wants_ack());

    client.answer(&question, &[json!("!")]).await.unwrap();

    assert_eq!(
        client.expect("answered").await.unwrap().args,
        [json!(["!"])]
    );
}

#[tokio::test]
async fn pings_are_answered_while_nobody_looks() {
    let mut server = Server::start(25_000).await;
    let client = client(&server).await;

    client.emit_args("ping", &[]).await.unwrap();

    let pong = timeout(Duration::from_secs(5), server.pongs.recv()).await;
    pong.expect("a pong comes in time").unwrap();
    assert!(client.is_open());
}

#[tokio::test]
async fn a_server_that_sends_no_ping_is_given_up() {
    let server = Server::start(50).await;
    let mut client = client(&server).await;

    assert_eq!(client.closed().await.unwrap(), CloseReason::PingTimeout);
}

#[tokio::test]
async fn a_paused_client_reads_nothing_until_it_goes_on() {
    let server = Server::start(25_000).await;
    let mut client = client(&server).await;
    client.expect("early").await.unwrap();
    client.pause_reading();
    client.set_deadline(Duration::from_millis(100));
    client.emit("count", &1).await.unwrap();

    let error = client.expect("even").await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error}");

    client.resume_reading();
    client.set_deadline(Duration::from_secs(5));
    assert_eq!(client.expect("even").await.unwrap().args, [0]);
}

#[tokio::test]
async fn a_deadline_names_what_was_waited_for_and_what_came_instead() {
    let server = Server::start(25_000).await;
    let mut client = client(&server).await;
    client.set_deadline(Duration::from_millis(50));

    let error = client.expect("never").await.unwrap_err().to_string();
    assert!(error.contains(r#"no event "never" within 50ms"#), "{error}");
    assert!(error.contains("early"), "{error}");

    let error = client.emit_with_ack("mute", "").await.unwrap_err();
    assert!(error.to_string().contains(r#"ack of "mute""#), "{error}");
}

#[tokio::test]
async fn a_refused_namespace_is_an_error_with_the_servers_words() {
    let server = Server::start(25_000).await;

    let error = Client::builder(&server.url)
        .namespace("private")
        .auth(json!({"token": "x"}))
        .connect()
        .await
        .unwrap_err();

    let ConnectError::Refused {
        namespace,
        message,
        data,
    } = error
    else {
        panic!("{error}")
    };
    assert_eq!(
        (namespace.as_str(), message.as_str()),
        ("/private", "who are you?")
    );
    assert_eq!(data, Some(json!({"auth": r#"{"token":"x"}"#})));
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_ends_the_connection() {
    let server = Server::start(25_000).await;
    for event in ["interleave", "echoTwice"] {
        let mut client = client(&server).await;

        // Where the server is quick, the connection ends before the emit is done.
        let _ = client.emit_with_ack(event, "").await;

        let reason = client.closed().await.unwrap();
        assert!(
            matches!(reason, CloseReason::Protocol(_)),
            "{event}: {reason}"
        );
    }
}

#[tokio::test]
async fn a_disconnect_by_the_server_is_told_to_everyone_who_waits() {
    let server = Server::start(25_000).await;
    let mut client = client(&server).await;

    let error = client.emit_with_ack("disconnect", "").await.unwrap_err();

    assert!(
        matches!(
            error,
            ClientError::Closed {
                reason: CloseReason::ServerDisconnect,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(
        client.closed().await.unwrap(),
        CloseReason::ServerDisconnect
    );
    assert!(client.emit("echo", "").await.is_err());
}

#[tokio::test]
async fn a_server_that_crashes_closes_the_transport_without_a_goodbye() {
    let server = Server::start(25_000).await;
    let mut client = client(&server).await;

    client.emit("crash", "").await.unwrap();

    assert_eq!(
        client.closed().await.unwrap(),
        CloseReason::TransportClose("without a goodbye".to_owned())
    );
}

#[tokio::test]
async fn a_disconnect_says_goodbye() {
    let mut server = Server::start(25_000).await;

    client(&server).await.disconnect().await;

    assert_eq!(server.end().await, End::Goodbye);
}

#[tokio::test]
async fn a_killed_client_is_gone_without_a_goodbye() {
    let mut server = Server::start(25_000).await;

    client(&server).await.kill();

    assert_eq!(server.end().await, End::Gone);
}
