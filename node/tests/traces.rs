//! The way of an event through the cluster, as a collector of traces is told.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::sync::{Arc, Mutex};

use common::{TestNode, config, wait_for};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    trace::v1::{ResourceSpans, Span},
};
use prost::Message as _;
use roomcast_adapter::bus::MemoryHub;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A collector that keeps what it is told, and where it listens.
struct Collector {
    address: String,
    told: Arc<Mutex<Vec<ResourceSpans>>>,
    _serving: JoinSet<()>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::<Mutex<Vec<ResourceSpans>>>::default();
        let mut serving = JoinSet::new();
        let keeps = told.clone();
        serving.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let request = take(stream).await;
                keeps.lock().unwrap().extend(request.resource_spans);
            }
        });
        Self {
            address,
            told,
            _serving: serving,
        }
    }

    /// Each span, with the id of the node that made it.
    fn spans(&self) -> Vec<(String, Span)> {
        let told = self.told.lock().unwrap();
        let spans = told.iter().flat_map(|told| {
            let node = told.resource.iter().flat_map(|it| &it.attributes);
            let node = node
                .filter(|attribute| attribute.key == "service.instance.id")
                .find_map(
                    |attribute| match attribute.value.as_ref()?.value.as_ref()? {
                        Value::StringValue(text) => Some(text.clone()),
                        _ => None,
                    },
                );
            let spans = told.scope_spans.iter().flat_map(|scope| &scope.spans);
            spans.map(move |span| (node.clone().unwrap_or_default(), span.clone()))
        });
        spans.collect()
    }
}

/// Reads one request, and answers it.
async fn take(stream: TcpStream) -> ExportTraceServiceRequest {
    let mut stream = BufReader::new(stream);
    let (mut length, mut line) = (0, String::new());
    stream.read_line(&mut line).await.unwrap();
    assert_eq!(line, "POST /v1/traces HTTP/1.1\r\n");
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(answer).await.unwrap();
    ExportTraceServiceRequest::decode(&body[..]).unwrap()
}

#[tokio::test]
async fn an_event_is_followed_to_the_clients_of_another_node() {
    let collector = Collector::start().await;
    let mut traced = config();
    traced.traces.endpoint = Some(collector.address.parse().unwrap());
    traced.traces.one_in = 1;
    let hub = MemoryHub::default();
    let mut one = TestNode::on(&hub, traced.clone(), vec![]).await;
    let mut two = TestNode::on(&hub, traced, vec![]).await;
    let sender = one.client().await;
    let mut far = two.client().await;

    sender.emit_with_ack("broadcast", &"hello").await.unwrap();
    far.expect("msgToAll").await.unwrap();
    drop((sender, far));
    one.shut_down();
    two.shut_down();
    tokio::join!(one.ended(), two.ended());

    wait_for("the spans of both nodes", async || {
        collector.spans().len() == 2
    })
    .await;
    let spans = collector.spans();
    let named = |name: &str| spans.iter().find(|(_, span)| span.name == name).unwrap();
    let (sent_by, event) = named("event");
    let (delivered_by, deliver) = named("deliver");
    assert_eq!(deliver.trace_id, event.trace_id);
    assert_eq!(deliver.parent_span_id, event.span_id);
    assert_ne!(sent_by, delivered_by);
    assert!(event.parent_span_id.is_empty());
    let attribute = |key: &str| event.attributes.iter().any(|it| it.key == key);
    assert!(attribute("socketio.event") && attribute("socketio.namespace"));
}

#[tokio::test]
async fn a_node_ends_although_the_collector_is_not_there() {
    let mut traced = config();
    traced.traces.endpoint = Some("http://127.0.0.1:9".parse().unwrap());
    traced.traces.one_in = 1;
    let mut node = TestNode::start(traced, vec![]).await;
    let client = node.client().await;
    client.emit_with_ack("echo", &1).await.unwrap();
    drop(client);

    node.shut_down();

    node.ended().await;
}
