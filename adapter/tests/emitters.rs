//! What emitters of other programs publish: clients get it, or the log says why they do not.

#![expect(
    clippy::unwrap_used,
    reason = "the lint knows tests, but not the functions that they share"
)]

mod common;

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use common::{Node, both, eventually};
use roomcast_adapter::{
    Config, DropCause,
    bus::{Bus, MemoryHub},
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

const EVERYBODY: &str = "socket.io#/#";

async fn publish(bus: &impl Bus, channel: &str, payload: impl AsRef<[u8]>) {
    let payload = Bytes::copy_from_slice(payload.as_ref());
    bus.publish(channel.to_owned(), payload).await.unwrap();
}

/// The event of this name for everybody, with a sender and without one.
fn messages(name: &str) -> [Vec<u8>; 2] {
    let head = 0xa0 | u8::try_from(name.len()).unwrap();
    let packet = [
        &b"\x83\xa4type\x02\xa4data\x91"[..],
        &[head],
        name.as_bytes(),
        b"\xa3nsp\xa1/\x82\xa5rooms\xa0\xa5flags\x90",
    ]
    .concat();
    [
        [&b"\x93\xa7emitter"[..], &packet].concat(),
        [&b"\x92"[..], &packet].concat(),
    ]
}

#[tokio::test]
async fn clients_get_what_emitters_with_and_without_a_name_publish() {
    for config in both() {
        let hub = MemoryHub::default();
        let node = Node::start(hub.connect(), config);
        let space = node.serve("/").await;
        let client = space.connect().await;

        for message in messages("old") {
            publish(&hub.connect(), EVERYBODY, message).await;
        }

        assert_eq!(client.take(2).await, [r#"2["old"]"#, r#"2["old"]"#]);
        assert!(node.counts.all_dropped().is_empty());
    }
}

#[tokio::test]
async fn a_room_whose_channel_lacks_its_end_is_reached_where_nodes_subscribe_to_a_pattern() {
    let hub = MemoryHub::default();
    let node = Node::start(hub.connect(), Config::default());
    let space = node.serve("/").await;
    let client = space.member(&["red"]).await;
    let [message, _] = messages("forgot");

    publish(&hub.connect(), "socket.io#/#red", message).await;

    assert_eq!(client.next().await, r#"2["forgot"]"#);
}

/// Keeps what is told at `warn`, on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN && metadata.target().starts_with("roomcast")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_says_once_a_minute_why_nothing_arrives() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let hub = MemoryHub::default();
    let node = Node::start(hub.connect(), Config::default());
    node.serve("/").await;
    let emitter = hub.connect();
    let dropped = async |cause: DropCause, count| {
        eventually("it is dropped", || node.counts.dropped(cause) == count).await;
    };

    for _ in 0..3 {
        publish(&emitter, EVERYBODY, r#"["hello"]"#).await;
    }
    publish(&emitter, "socket.io-request#/#", r#"{"type":99}"#).await;
    publish(&emitter, "socket.io-response#/#", "no json").await;
    dropped(DropCause::UnknownType, 1).await;
    dropped(DropCause::Malformed, 3).await;

    let lines = log.lines();
    let [malformed, unknown] = &lines[..] else {
        panic!("one line of each cause: {lines:#?}")
    };
    for part in [
        r#"channel="socket.io#/#""#,
        "reason=no valid message: ",
        r#"remedy="find its publisher"#,
        "untold=0",
    ] {
        assert!(malformed.contains(part), "{malformed}");
    }
    assert!(
        unknown.contains(r#"channel="socket.io-request#/#""#),
        "{unknown}"
    );

    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    let [reserved, _] = messages("disconnect");
    publish(&emitter, EVERYBODY, reserved).await;
    publish(&emitter, EVERYBODY, r#"["hello"]"#).await;
    dropped(DropCause::Malformed, 4).await;

    let lines = log.lines();
    assert!(
        lines[2].contains(r#"the event name "disconnect""#),
        "{lines:#?}"
    );
    assert!(lines[3].contains("untold=2"), "{lines:#?}");
    assert_eq!(lines.len(), 4);
}
