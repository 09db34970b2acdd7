//! Stands in for socketioxide's sockets of one namespace: keeps what each is sent.

use std::{
    collections::{HashMap, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, RwLock},
    time::Duration,
};

use futures_util::stream::{FusedStream, FuturesUnordered};
use roomcast_adapter::wire;
use socketioxide::AckError;
use socketioxide_core::{
    Sid, Str, Uid, Value,
    adapter::{AckStreamItem, BroadcastIter, RemoteSocketData, SocketEmitter, errors::SocketError},
    packet::Packet,
    parser::Parse,
};
use tokio::sync::Notify;

/// The sockets of one namespace, which speak parser `P`.
#[derive(Clone)]
pub(crate) struct Clients<P> {
    path: Str,
    server: Uid,
    parser: P,
    sockets: Arc<RwLock<HashMap<Sid, Arc<Log>>>>,
}

/// What one socket was sent, and what it answers.
#[derive(Default)]
pub(crate) struct Log {
    packets: Mutex<VecDeque<String>>,
    filled: Notify,
    answer: Mutex<Option<Value>>,
    answered: Notify,
}

impl<P: Parse> Clients<P> {
    pub(crate) fn new(path: &str) -> Self {
        Self {
            path: path.to_owned().into(),
            server: Uid::new(),
            parser: P::default(),
            sockets: Arc::default(),
        }
    }

    pub(crate) fn add(&self, socket: Sid) -> Arc<Log> {
        let log = Arc::<Log>::default();
        self.sockets.write().unwrap().insert(socket, log.clone());
        log
    }
}

impl Log {
    pub(crate) async fn next(&self) -> String {
        loop {
            let filled = self.filled.notified();
            if let Some(packet) = self.lock().pop_front() {
                return packet;
            }
            filled.await;
        }
    }

    pub(crate) fn drain(&self) -> Vec<String> {
        self.lock().drain(..).collect()
    }

    /// Answers one event that waits for it, or the next.
    pub(crate) fn acknowledge(&self, values: &str) {
        *self.answer.lock().unwrap() = Some(Value::Str(values.to_owned().into(), None));
        self.answered.notify_one();
    }

    async fn answer(&self) -> Value {
        loop {
            let answered = self.answered.notified();
            if let Some(values) = self.answer.lock().unwrap().take() {
                return values;
            }
            answered.await;
        }
    }

    fn push(&self, packet: String) {
        self.lock().push_back(packet);
        self.filled.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.packets.lock().unwrap()
    }
}

impl<P: Parse + Send + Sync + 'static> SocketEmitter for Clients<P> {
    type AckError = AckError;
    type AckStream = Pin<Box<dyn FusedStream<Item = AckStreamItem<AckError>> + Send>>;

    fn get_all_sids(&self, filter: impl Fn(&Sid) -> bool) -> Vec<Sid> {
        let sockets = self.sockets.read().unwrap();
        sockets.keys().copied().filter(|sid| filter(sid)).collect()
    }

    fn get_remote_sockets(&self, sids: BroadcastIter<'_>) -> Vec<RemoteSocketData> {
        let sockets = self.sockets.read().unwrap();
        sids.filter(|sid| sockets.contains_key(sid))
            .map(|id| RemoteSocketData {
                id,
                server_id: self.server,
                ns: self.path.clone(),
            })
            .collect()
    }

    fn send_many(&self, sids: BroadcastIter<'_>, data: Value) -> Result<(), Vec<SocketError>> {
        let sockets = self.sockets.read().unwrap();
        let packet = readable(&data);
        for log in sids.filter_map(|sid| sockets.get(&sid)) {
            log.push(packet.clone());
        }
        Ok(())
    }

    fn send_many_volatile(&self, sids: BroadcastIter<'_>, data: Value) {
        // The adapter sends volatile events in their turn, so nothing may come this way.
        let _ = (sids, data);
        unreachable!("a volatile event overtakes others");
    }

    fn send_many_with_ack(
        &self,
        sids: BroadcastIter<'_>,
        packet: Packet,
        timeout: Option<Duration>,
    ) -> (Self::AckStream, u32) {
        let sockets = self.sockets.read().unwrap();
        let packet = readable(&self.parser.encode(packet));
        let asked: FuturesUnordered<_> = sids
            .filter_map(|sid| sockets.get(&sid).map(|log| (sid, log.clone())))
            .map(|(sid, log)| {
                log.push(packet.clone());
                let patience = timeout.unwrap_or(self.ack_timeout());
                async move {
                    let answer = tokio::time::timeout(patience, log.answer()).await;
                    (sid, answer.map_err(|_| AckError::Timeout))
                }
            })
            .collect();
        let count = asked.len() as u32;
        (Box::pin(asked), count)
    }

    fn disconnect_many(&self, sids: Vec<Sid>) -> Result<(), Vec<SocketError>> {
        let mut sockets = self.sockets.write().unwrap();
        sockets.retain(|sid, _| !sids.contains(sid));
        Ok(())
    }

    fn path(&self) -> &Str {
        &self.path
    }

    fn parser(&self) -> impl Parse {
        self.parser
    }

    fn server_id(&self) -> Uid {
        self.server
    }

    fn ack_timeout(&self) -> Duration {
        Duration::from_secs(5)
    }
}

/// A packet as text: binary values in hexadecimal behind it, MessagePack as JSON.
fn readable(packet: &Value) -> String {
    let (mut text, attachments) = match packet {
        Value::Str(text, attachments) => {
            let attachments = attachments.iter().flatten().cloned().collect();
            (text.to_string(), attachments)
        }
        Value::Bytes(bytes) => wire::msgpack_to_json(bytes).unwrap(),
    };
    for bytes in attachments {
        text.push(' ');
        text.extend(bytes.iter().map(|byte| format!("{byte:02x}")));
    }
    text
}
