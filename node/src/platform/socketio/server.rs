//! Emits to many: what the gateway's `Server` stands on.

use std::{
    borrow::Cow,
    collections::HashMap,
    future::ready,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use roomcast_adapter::{Cluster, Namespace};
use roomcast_gateway::{
    Answers, Raw,
    platform::{EmitError, Joined, Outgoing, Pending, Selection, ServerPort},
};
use socketioxide_core::{
    Value,
    adapter::{BroadcastFlags, BroadcastOptions},
    packet::Packet,
};

use super::payload::{self, Encoding};
use crate::{metrics::NamespaceMetrics, platform::published};

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

    fn target(&self, namespace: &str) -> Result<Namespace, EmitError> {
        let found = self.cluster.namespace(namespace);
        found.ok_or_else(|| EmitError::UnknownNamespace(namespace.to_owned()))
    }

    fn sent(&self, namespace: &str, event: &str) {
        let all = self.metrics.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(metrics) = all.get(namespace) {
            metrics.sent(event);
        }
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
        let (text, attachments) = event.into_parts();
        let value = self.encoding.value(text, attachments)?;
        published::note();
        target
            .broadcast(
                Packet::event(namespace.to_owned(), value),
                options(selection),
            )
            .map_err(EmitError::refused)
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
        let (text, attachments) = event.into_parts();
        let value = self.encoding.value(text, attachments)?;
        let packet = Packet::event(namespace.to_owned(), value);
        let asking = target.ask(packet, options(selection), timeout);
        Ok(Box::pin(async move {
            let asked = asking.await;
            Answers::new(
                asked.answers.into_iter().map(first).collect(),
                asked.missing,
            )
        }))
    }

    fn join(&self, namespace: &str, selection: &Selection, rooms: Vec<String>) -> Joined {
        let Ok(target) = self.target(namespace) else {
            return Box::pin(ready(()));
        };
        let selected = target.recipients(&options(selection)).into_iter();
        let joins: Vec<_> = selected
            .map(|(socket, _)| target.join(socket, rooms.clone()))
            .collect();
        Box::pin(async move {
            for join in joins {
                join.await;
            }
        })
    }

    fn leave(&self, namespace: &str, selection: &Selection, rooms: &[String]) {
        if let Ok(target) = self.target(namespace) {
            for (socket, _) in target.recipients(&options(selection)) {
                target.leave(socket, rooms);
            }
        }
    }

    fn disconnect(&self, namespace: &str, selection: &Selection) {
        if let Ok(target) = self.target(namespace) {
            for (_, recipient) in target.recipients(&options(selection)) {
                recipient.disconnect();
            }
        }
    }

    fn count(&self, namespace: &str, selection: &Selection) -> Pending<usize> {
        let count = self
            .target(namespace)
            .map_or(0, |target| target.recipients(&options(selection)).len());
        Box::pin(ready(count))
    }
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
