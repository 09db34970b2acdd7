//! Emits to many: what the gateway's `Server` stands on.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    convert::identity,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use prometheus::IntCounter;
use roomcast_adapter::{Cluster, Gathering, Namespace};
use roomcast_gateway::{
    Answers, Gathered, Missing, Raw, RemoteSocket,
    platform::{EmitError, Joined, Outgoing, Pending, Prepared, Selection, ServerPort},
};
use socketioxide_core::{
    Value,
    adapter::{BroadcastFlags, BroadcastOptions},
    packet::Packet,
};

use super::payload::{self, Encoding};
use crate::{
    metrics::NamespaceMetrics,
    platform::{profile, published, server_side},
};

/// Broadcasts in every namespace of this node.
pub(super) struct Cast {
    cluster: Cluster,
    encoding: Encoding,
    metrics: RwLock<HashMap<String, Arc<NamespaceMetrics>>>,
}

impl Cast {
    pub(super) fn new(cluster: Cluster, encoding: Encoding) -> Self {
        Self {
            cluster,
            encoding,
            metrics: RwLock::default(),
        }
    }

    pub(super) fn add(&self, namespace: &str, metrics: Arc<NamespaceMetrics>) {
        let mut all = self.metrics.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(namespace.to_owned(), metrics);
    }

    /// All that are served.
    pub(super) fn namespaces(&self) -> Vec<String> {
        let all = self.metrics.read().unwrap_or_else(PoisonError::into_inner);
        all.keys().cloned().collect()
    }

    fn target(&self, namespace: &str) -> Result<Namespace, EmitError> {
        let found = self.cluster.namespace(namespace);
        found.ok_or_else(|| EmitError::UnknownNamespace(namespace.to_owned()))
    }

    fn sent(&self, namespace: &str, event: &str) {
        if let Some(counter) = self.counter(namespace, event) {
            counter.inc();
        }
    }

    /// What counts emits of this event.
    fn counter(&self, namespace: &str, event: &str) -> Option<IntCounter> {
        let all = self.metrics.read().unwrap_or_else(PoisonError::into_inner);
        Some(all.get(namespace)?.emits(event).clone())
    }

    fn packet(&self, namespace: &str, event: Outgoing) -> Result<Packet, EmitError> {
        let (text, attachments) = event.into_parts();
        let value = self.encoding.value(text, attachments)?;
        Ok(Packet::event(namespace.to_owned(), value))
    }
}

impl ServerPort for Cast {
    fn node_id(&self) -> &str {
        self.cluster.node_id()
    }

    fn broadcast(
        &self,
        namespace: &str,
        selection: &Selection,
        event: Outgoing,
    ) -> Result<(), EmitError> {
        let target = self.target(namespace)?;
        self.sent(namespace, event.event());
        let packet = self.packet(namespace, event)?;
        published::note();
        target
            .broadcast(packet, options(selection))
            .map_err(EmitError::refused)
    }

    fn prepare(
        &self,
        namespace: &str,
        selection: &Selection,
        event: Outgoing,
    ) -> Result<Prepared, EmitError> {
        let target = self.target(namespace)?;
        let sent = self.counter(namespace, event.event());
        let packet = self.packet(namespace, event)?;
        let send = target
            .prepare(packet, options(selection))
            .map_err(EmitError::refused)?;
        Ok(Box::new(move || {
            if let Some(sent) = sent {
                sent.inc();
            }
            published::note();
            send();
        }))
    }

    fn ask(
        &self,
        namespace: &str,
        selection: &Selection,
        event: Outgoing,
        timeout: Duration,
    ) -> Result<Pending<Answers>, EmitError> {
        let target = self.target(namespace)?;
        self.sent(namespace, event.event());
        let packet = self.packet(namespace, event)?;
        published::note();
        let asking = target
            .ask(packet, options(selection), timeout)
            .map_err(EmitError::refused)?;
        Ok(Box::pin(async move {
            let asked = asking.await;
            let received = asked.answers.into_iter().map(first).collect();
            Answers::new(received, asked.silent, missing(asked.missing))
        }))
    }

    fn sockets_join(
        &self,
        namespace: &str,
        selection: &Selection,
        rooms: Vec<String>,
    ) -> Result<Joined, EmitError> {
        published::note();
        self.target(namespace)?
            .sockets_join(options(selection), rooms)
            .map_err(EmitError::refused)
    }

    fn sockets_leave(
        &self,
        namespace: &str,
        selection: &Selection,
        rooms: Vec<String>,
    ) -> Result<(), EmitError> {
        published::note();
        self.target(namespace)?
            .sockets_leave(options(selection), rooms)
            .map_err(EmitError::refused)
    }

    fn disconnect_sockets(
        &self,
        namespace: &str,
        selection: &Selection,
        close: bool,
    ) -> Result<(), EmitError> {
        published::note();
        self.target(namespace)?
            .disconnect_sockets(options(selection), close)
            .map_err(EmitError::refused)
    }

    fn fetch_sockets(
        &self,
        namespace: &str,
        selection: &Selection,
    ) -> Result<Pending<Gathered<Vec<RemoteSocket>>>, EmitError> {
        let found = self.target(namespace)?.fetch_sockets(options(selection));
        let found = found.map_err(EmitError::refused)?;
        Ok(gathered(found, remotes))
    }

    fn fetch_page(
        &self,
        namespace: &str,
        selection: &Selection,
        after: Option<String>,
        limit: usize,
    ) -> Result<Pending<Gathered<Vec<RemoteSocket>>>, EmitError> {
        let target = self.target(namespace)?;
        let found = target.fetch_page(options(selection), after, limit);
        Ok(gathered(found.map_err(EmitError::refused)?, remotes))
    }

    fn count(
        &self,
        namespace: &str,
        selection: &Selection,
    ) -> Result<Pending<Gathered<usize>>, EmitError> {
        let counted = self.target(namespace)?.count(options(selection));
        Ok(gathered(counted.map_err(EmitError::refused)?, identity))
    }

    fn rooms(&self, namespace: &str) -> Result<Pending<Gathered<BTreeSet<String>>>, EmitError> {
        Ok(gathered(self.target(namespace)?.all_rooms(), identity))
    }

    fn room_sizes(
        &self,
        namespace: &str,
    ) -> Result<Pending<Gathered<BTreeMap<String, usize>>>, EmitError> {
        Ok(gathered(self.target(namespace)?.room_sizes(), identity))
    }

    fn server_side_emit(&self, namespace: &str, event: Outgoing) -> Result<(), EmitError> {
        published::note();
        self.target(namespace)?
            .server_side_emit(server_side::event(event))
            .map_err(EmitError::refused)
    }

    fn server_side_ask(
        &self,
        namespace: &str,
        event: Outgoing,
        timeout: Duration,
    ) -> Result<Pending<Gathered<Vec<Raw>>>, EmitError> {
        published::note();
        let asked = self
            .target(namespace)?
            .server_side_ask(server_side::event(event), timeout)
            .map_err(EmitError::refused)?;
        Ok(gathered(asked, |values| {
            values.into_iter().map(server_side::answer).collect()
        }))
    }
}

/// What was gathered, in the gateway's words.
fn gathered<T: 'static, U: 'static>(
    gathering: Gathering<T>,
    translate: fn(T) -> U,
) -> Pending<Gathered<U>> {
    Box::pin(async move {
        let gathered = gathering.await;
        Gathered::new(translate(gathered.value), missing(gathered.missing))
    })
}

fn remotes(sockets: Vec<roomcast_adapter::RemoteSocket>) -> Vec<RemoteSocket> {
    sockets.into_iter().map(profile::remote).collect()
}

fn missing(missing: roomcast_adapter::Missing) -> Missing {
    Missing::new(missing.nodes, missing.others, missing.bus)
}

/// The first value of an ack; null where there is none, or it cannot be read.
fn first(values: Value) -> Raw {
    let answer =
        payload::text(values).and_then(|(text, attachments)| Raw::first_of(text, attachments).ok());
    answer.flatten().unwrap_or_default()
}

fn options(selection: &Selection) -> BroadcastOptions {
    let owned = |room: &String| Cow::Owned(room.clone());
    let mut options = BroadcastOptions::default();
    options.rooms = selection.rooms.iter().map(owned).collect();
    // Each socket is in a room of its own id, so leaving the sender out is leaving out that room, as in Node.
    options.except = selection
        .sender
        .iter()
        .chain(&selection.except)
        .map(owned)
        .collect();
    if options.rooms.is_empty() {
        options.add_flag(BroadcastFlags::Broadcast);
    }
    if selection.volatile {
        options.add_flag(BroadcastFlags::Volatile);
    }
    if selection.local {
        options.add_flag(BroadcastFlags::Local);
    }
    options
}
