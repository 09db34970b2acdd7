//! The client over long polling, against a tiny HTTP server that knows one session.
//!
//! The server closes its connection after every POST, as servers do with idle ones, and wants its cookie back, as load
//! balancers do.

#![expect(
    clippy::unwrap_used,
    reason = "the lint leaves out test functions, but not what they call"
)]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, COOKIE, SET_COOKIE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use roomcast_loadtest::client::{Client, CloseReason, ConnectError, Transport};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

const OPEN: &str =
    r#"0{"sid":"one","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}"#;

/// What waits for the next poll, and where to put it.
struct Session {
    into: mpsc::Sender<String>,
    queue: Mutex<mpsc::Receiver<String>>,
    /// Told when the client closes the connection.
    goodbye: Notify,
}

struct Server {
    url: String,
    session: Arc<Session>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (into, queue) = mpsc::channel(64);
        let session = Arc::new(Session {
            into,
            queue: Mutex::new(queue),
            goodbye: Notify::new(),
        });
        let sessions = Arc::clone(&session);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let session = Arc::clone(&sessions);
                connections.spawn(async move {
                    let service = service_fn(|request| answer(Arc::clone(&session), request));
                    let http = hyper::server::conn::http1::Builder::new();
                    // A client may go at any time.
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self {
            url,
            session,
            _tasks: tasks,
        }
    }

    fn client(&self) -> roomcast_loadtest::client::Builder {
        Client::builder(&self.url).transport(Transport::Polling)
    }
}

async fn answer(
    session: Arc<Session>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let respond = |text: String| Response::new(Full::new(Bytes::from(text)));
    let query = request.uri().query().unwrap().to_owned();
    assert!(query.starts_with("EIO=4&transport=polling"), "{query}");
    if !query.contains("&sid=") {
        let mut response = respond(OPEN.to_owned());
        let cookie = "node=a; Path=/; HttpOnly".parse().unwrap();
        response.headers_mut().append(SET_COOKIE, cookie);
        return Ok(response);
    }
    let cookie = request.headers().get(COOKIE).cloned();
    if cookie.is_none_or(|cookie| cookie != "node=a") {
        let mut response = respond("another node".to_owned());
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    }
    if request.method() == Method::GET {
        let mut queue = session.queue.lock().await;
        let mut body = queue.recv().await.unwrap();
        while let Ok(more) = queue.try_recv() {
            body = format!("{body}\u{1e}{more}");
        }
        return Ok(respond(body));
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    for packet in std::str::from_utf8(&body).unwrap().split('\u{1e}') {
        session.packet(packet).await;
    }
    let mut response = respond("ok".to_owned());
    let close = "close".parse().unwrap();
    response.headers_mut().append(CONNECTION, close);
    Ok(response)
}

impl Session {
    /// Acks events with their arguments, and sends attachments back.
    async fn packet(&self, packet: &str) {
        let say = |text: String| async { self.into.send(text).await.unwrap() };
        if packet.starts_with("40") {
            say(r#"40{"sid":"socket"}"#.to_owned()).await;
        } else if let Some(event) = packet.strip_prefix("420[\"echo\",") {
            say(format!("430[{event}")).await;
        } else if let Some(event) = packet.strip_prefix("451-0[\"echo\",") {
            say(format!("461-0[{event}")).await;
        } else if packet.starts_with('b') {
            say(packet.to_owned()).await;
        } else if packet == "1" {
            self.goodbye.notify_one();
        }
    }
}

#[tokio::test]
async fn an_ack_comes_back_although_the_server_closes_idle_connections() {
    let server = Server::start().await;
    let client = server.client().connect().await.unwrap();
    assert_eq!((client.id(), client.connection_id()), ("socket", "one"));

    let ack = client.emit_with_ack("echo", "hällo").await.unwrap();

    assert_eq!(ack, ["hällo"]);
}

#[tokio::test]
async fn binary_values_go_there_and_back_as_base64() {
    let server = Server::start().await;
    let client = server.client().connect().await.unwrap();
    let placeholder = json!({"_placeholder": true, "num": 0});
    // Larger than what the server takes with the packet in one body.
    let bytes = Bytes::from(vec![7; 100]);

    let ack = client
        .emit_binary_with_ack("echo", &placeholder, std::slice::from_ref(&bytes))
        .await
        .unwrap();

    assert_eq!(
        (ack.args, ack.attachments),
        (vec![placeholder], vec![bytes])
    );
}

#[tokio::test]
async fn several_packets_of_one_body_arrive_in_order() {
    let server = Server::start().await;
    let mut client = server.client().connect().await.unwrap();
    let body = "42[\"a\",1]\u{1e}42[\"b\",2]\u{1e}42[\"a\",3]".to_owned();

    server.session.into.send(body).await.unwrap();

    for (name, value) in [("a", 1), ("b", 2), ("a", 3)] {
        let event = client.next_event().await.unwrap();
        assert_eq!(
            (event.name.as_str(), event.args),
            (name, vec![json!(value)])
        );
    }
}

#[tokio::test]
async fn a_close_packet_ends_the_connection() {
    let server = Server::start().await;
    let mut client = server.client().connect().await.unwrap();

    server.session.into.send("1".to_owned()).await.unwrap();

    let reason = client.closed().await.unwrap();
    assert!(matches!(reason, CloseReason::TransportClose(_)), "{reason}");
}

#[tokio::test]
async fn a_disconnect_says_goodbye_and_does_not_wait_for_a_poll_that_never_ends() {
    let server = Server::start().await;
    let client = server.client().connect().await.unwrap();

    client.disconnect().await;

    let goodbye = timeout(Duration::from_secs(5), server.session.goodbye.notified()).await;
    goodbye.expect("the server is told in time");
}

#[tokio::test]
async fn an_http_error_is_told_with_its_status_and_body() {
    let server = Server::start().await;

    // The cookie of our own comes first, and the server does not know it.
    let result = server.client().header("cookie", "node=b").connect().await;

    let error = result.unwrap_err();
    assert!(matches!(error, ConnectError::Closed(_)), "{error}");
    let error = error.to_string();
    assert!(
        error.contains("400") && error.contains("another node"),
        "{error}"
    );
}
