//! Both ways to a client, past the engine and through its channel, side by side over connections that are simulated: the
//! same bytes to each namespace, in the same order.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, header};
use http_body_util::BodyExt;
use proptest::prelude::*;
use roomcast_adapter::{Cluster, Config as ClusterConfig, Subscribe, bus::MemoryBus};
use roomcast_gateway::{Ack, Gateway, Raw, Server, Socket};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::JoinSet,
};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::Platform;
use crate::{
    Config,
    config::Parser,
    connection::{Carrier, Patience},
    http::Body,
    metrics::Metrics,
};

const NAMESPACES: [&str; 2] = ["/", "/chat"];

const PATIENCE: Patience = Patience {
    write_stall: Duration::from_secs(10),
    read_pause: Duration::from_secs(20),
};

/// What happens to one client.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// It asks for a seat.
    Connect(usize),
    /// It sends an event, which is answered by an event, a broadcast and an ack; perhaps with an attachment.
    Say(usize, bool),
    /// The server emits to everyone in a namespace; perhaps much.
    News(usize, bool),
    /// It leaves a namespace.
    Leave(usize),
    /// The server makes it leave.
    Expel(usize),
    /// It polls, if it does.
    Poll,
    /// It moves from polling to a WebSocket, if it has not.
    Move,
    /// Everything that is under way comes to its end.
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    let namespace = 0..NAMESPACES.len();
    prop_oneof![
        3 => namespace.clone().prop_map(Step::Connect),
        5 => (namespace.clone(), any::<bool>()).prop_map(|(namespace, binary)| Step::Say(namespace, binary)),
        6 => (namespace.clone(), prop::bool::weighted(0.2)).prop_map(|(namespace, much)| Step::News(namespace, much)),
        1 => namespace.clone().prop_map(Step::Leave),
        1 => namespace.prop_map(Step::Expel),
        3 => Just(Step::Poll),
        2 => Just(Step::Move),
        3 => Just(Step::Settle),
    ]
}

fn gateway(namespace: &str) -> Gateway {
    Gateway::new(namespace)
        .on("say", async |socket: Socket, server: Server, data: Raw| {
            socket.emit("one", &data).unwrap();
            server.emit("all", &data).unwrap();
            Ack(data)
        })
        .on("expel", async |socket: Socket| socket.disconnect())
}

/// One client, and the platform that serves it.
struct Client {
    platform: Platform,
    servers: Vec<Server>,
    carried: Option<DuplexStream>,
    /// The engine's id, once the session is open.
    sid: Option<String>,
    parser: Parser,
    asked: u32,
    /// What has come, in Engine.IO packets; attachments as they are.
    got: Vec<Vec<u8>>,
    unread: Vec<u8>,
    _running: JoinSet<()>,
}

impl Client {
    async fn new(is_direct: bool, parser: Parser, is_websocket: bool) -> Self {
        let mut config = Config::default();
        config.socketio.direct = is_direct;
        config.socketio.parser = parser;
        let metrics = Arc::new(Metrics::new("test"));
        let cluster_config = ClusterConfig {
            subscribe: Subscribe::PerRoom { limit: 1000 },
            ..ClusterConfig::default()
        };
        let observer = metrics.cluster.observer();
        let cluster = Cluster::new("node", MemoryBus::alone(), cluster_config, observer);
        let gate = crate::limit::Gate::new(&config.limits, metrics.clone());
        let platform = Platform::new(&config, cluster.clone(), metrics, TaskTracker::new(), gate);
        let mut running = JoinSet::new();
        running.spawn(async move { cluster.run().await });
        let writes = platform.clone();
        running.spawn(async move { writes.write().await });
        for namespace in NAMESPACES {
            platform.bind(gateway(namespace)).await;
        }
        let server = |namespace| Server::new(platform.0.cast.clone(), namespace);
        let mut client = Self {
            servers: NAMESPACES.map(server).into(),
            platform,
            carried: None,
            sid: None,
            parser,
            asked: 0,
            got: Vec::new(),
            unread: Vec::new(),
            _running: running,
        };
        if is_websocket {
            client.open_websocket(None);
        } else {
            let request = Request::get("/socket.io/?EIO=4&transport=polling");
            let mut request = request.body(Body::empty()).unwrap();
            let opened = client.platform.0.sessions.open();
            request.extensions_mut().insert(opened);
            let answer = client.ask(request).await;
            let open: serde_json::Value = serde_json::from_slice(&answer[1..]).unwrap();
            client.sid = Some(open["sid"].as_str().unwrap().to_owned());
        }
        client.settle().await;
        client
    }

    fn open_websocket(&mut self, sid: Option<&str>) {
        let sid = sid.map_or_else(String::new, |sid| {
            format!("&sid={}", self.platform.0.ids.signed(sid.parse().unwrap()))
        });
        let request = Request::get(format!("/socket.io/?EIO=4&transport=websocket{sid}"))
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let opening = self.platform.check(parts).unwrap();
        let (near, far) = tokio::io::duplex(1 << 20);
        let traffic = self.platform.0.metrics.traffic.clone();
        let carrier = Carrier::over(near, opening.session.clone(), traffic, PATIENCE);
        self.platform.run(opening.upgrade, opening.session, carrier);
        self.carried = Some(far);
    }

    async fn ask(&self, request: Request<Body>) -> Bytes {
        let service = self.platform.0.service.clone();
        let Ok(answer) = service.oneshot(request).await;
        answer.into_body().collect().await.unwrap().to_bytes()
    }

    /// Sends a Socket.IO packet, and an attachment behind it.
    async fn send(&mut self, packet: String, attachment: Option<&[u8]>) {
        if let Some(stream) = &mut self.carried {
            let mut bytes = Vec::new();
            put(&mut bytes, 0x81, format!("4{packet}").as_bytes());
            if let Some(attachment) = attachment {
                put(&mut bytes, 0x82, attachment);
            }
            // A client whose connection was closed meanwhile sends in vain.
            let _ = stream.write_all(&bytes).await;
            return;
        }
        let body = match attachment {
            None => format!("4{packet}"),
            Some(_) => format!("4{packet}\u{1e}bAAEC"),
        };
        let path = format!(
            "/socket.io/?EIO=4&transport=polling&sid={}",
            self.sid.as_deref().unwrap()
        );
        let request = Request::post(path).body(Body::from(body)).unwrap();
        self.ask(request).await;
    }

    async fn poll(&mut self) {
        if self.carried.is_some() {
            return;
        }
        let path = format!(
            "/socket.io/?EIO=4&transport=polling&sid={}",
            self.sid.as_deref().unwrap()
        );
        let request = Request::get(path).body(Body::empty()).unwrap();
        // One that finds nothing would wait; it takes nothing if it is dropped.
        let Some(answer) = self.ask(request).now_or_never() else {
            return;
        };
        for packet in answer.split(|byte| *byte == 0x1e) {
            self.got.push(packet.to_vec());
        }
    }

    async fn move_over(&mut self) {
        if self.carried.is_some() {
            return;
        }
        let sid = self.sid.clone();
        self.open_websocket(sid.as_deref());
        for message in ["2probe", "5"] {
            let mut bytes = Vec::new();
            put(&mut bytes, 0x81, message.as_bytes());
            if let Some(stream) = &mut self.carried {
                // The engine closes the session of a client that sends to a namespace where it has no seat.
                let _ = stream.write_all(&bytes).await;
            }
            self.settle().await;
        }
    }

    async fn settle(&mut self) {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        self.read();
    }

    /// Takes what has come over the WebSocket.
    fn read(&mut self) {
        let Some(stream) = &mut self.carried else {
            return;
        };
        let mut buffer = [0; 4096];
        while let Some(Ok(count @ 1..)) = stream.read(&mut buffer).now_or_never() {
            self.unread.extend_from_slice(&buffer[..count]);
        }
        let mut rest = &self.unread[..];
        while let Some((frame, len)) = frame(rest) {
            self.got.push(frame.to_vec());
            rest = &rest[len..];
        }
        self.unread = rest.to_vec();
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Connect(namespace) => self.send(packet("0", namespace, ""), None).await,
            Step::Leave(namespace) => self.send(packet("1", namespace, ""), None).await,
            Step::Expel(namespace) => {
                self.send(packet("2", namespace, r#"["expel"]"#), None)
                    .await;
            }
            Step::Say(namespace, binary) => {
                self.asked += 1;
                let asked = self.asked;
                if binary {
                    let event = format!(r#"{asked}["say",{{"_placeholder":true,"num":0}}]"#);
                    self.send(packet("51-", namespace, &event), Some(&[0, 1, 2]))
                        .await;
                } else {
                    let event = format!(r#"{asked}["say","{asked}"]"#);
                    self.send(packet("2", namespace, &event), None).await;
                }
            }
            Step::News(namespace, much) => {
                self.asked += 1;
                let text = self.asked.to_string().repeat(if much { 3000 } else { 1 });
                self.servers[namespace].emit("news", &text).unwrap();
            }
            Step::Poll => self.poll().await,
            Step::Move => self.move_over().await,
            Step::Settle => self.settle().await,
        }
    }

    /// What each namespace got, in order: packets with their attachments, ids of sockets left out.
    fn by_namespace(&self) -> BTreeMap<String, Vec<Vec<u8>>> {
        let mut all = BTreeMap::<String, Vec<Vec<u8>>>::new();
        let mut last = String::new();
        for packet in &self.got {
            match packet.first() {
                Some(b'4') if self.parser == Parser::Json => {
                    let text = std::str::from_utf8(packet).unwrap();
                    let head =
                        text[2..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
                    last = match head.strip_prefix('/') {
                        Some(rest) => format!("/{}", rest.split(',').next().unwrap()),
                        None => "/".to_owned(),
                    };
                    let is_answer = text.starts_with("40");
                    let shown = if is_answer {
                        b"40".to_vec()
                    } else {
                        packet.clone()
                    };
                    all.entry(last.clone()).or_default().push(shown);
                }
                // Open packets, pings, the move's own packets.
                Some(b'0' | b'2' | b'3' | b'6') => {}
                // An attachment, which polling has in base64.
                Some(b'b') => all.entry(last.clone()).or_default().push(vec![0, 1, 2]),
                _ => all.entry(last.clone()).or_default().push(packet.clone()),
            }
        }
        all
    }
}

/// A packet's text: its type, its namespace, and the rest.
fn packet(kind: &str, namespace: usize, rest: &str) -> String {
    match NAMESPACES[namespace] {
        "/" => format!("{kind}{rest}"),
        namespace => format!("{kind}{namespace},{rest}"),
    }
}

/// Appends a frame of a client, masked with zeros.
fn put(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    out.extend([
        opcode,
        0x80 | u8::try_from(payload.len()).unwrap(),
        0,
        0,
        0,
        0,
    ]);
    out.extend_from_slice(payload);
}

/// The payload of the first frame of a server, and its whole length.
fn frame(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let (head, len) = match *bytes.get(1)? {
        126 => (
            4,
            usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
        ),
        len => (2, usize::from(len)),
    };
    Some((bytes.get(head..head + len)?, head + len))
}

async fn played(
    is_direct: bool,
    is_websocket: bool,
    steps: &[Step],
) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut client = Client::new(is_direct, Parser::Json, is_websocket).await;
    for step in steps {
        client.take(*step).await;
    }
    client.settle().await;
    client.poll().await;
    client.settle().await;
    client.by_namespace()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn past_the_engine_clients_get_what_its_channel_would_bring(
        is_websocket: bool,
        steps in proptest::collection::vec(step(), 0..40),
    ) {
        let by_channel = runtime().block_on(played(false, is_websocket, &steps));
        let direct = runtime().block_on(played(true, is_websocket, &steps));

        prop_assert_eq!(direct, by_channel);
    }
}

#[test]
fn a_long_story_is_the_same_on_both_ways_and_not_empty() {
    let steps = [
        Step::Connect(0),
        Step::Settle,
        Step::Say(0, true),
        Step::News(0, true),
        Step::Connect(1),
        Step::Poll,
        Step::News(1, false),
        Step::Move,
        Step::News(0, false),
        Step::Say(1, false),
        Step::News(1, true),
        Step::Leave(1),
        Step::Connect(1),
        Step::Settle,
        Step::Say(1, true),
    ];

    let by_channel = runtime().block_on(played(false, false, &steps));
    let direct = runtime().block_on(played(true, false, &steps));

    assert_eq!(direct, by_channel);
    assert!(direct["/"].len() >= 6, "{direct:?}");
    assert!(direct["/chat"].len() >= 8, "{direct:?}");
}
