//! Emits to many: what the gateway's `Server` stands on.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use roomcast_adapter::Cluster;
use roomcast_gateway::platform::{EmitError, Outgoing, Selection, ServerPort};
use socketioxide_core::{
    adapter::{BroadcastFlags, BroadcastOptions},
    packet::Packet,
};

use super::{payload::Encoding, published};
use crate::metrics::NamespaceMetrics;

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

    fn count(&self, namespace: &str, event: &str) {
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
        let Some(target) = self.cluster.namespace(namespace) else {
            return Err(EmitError::UnknownNamespace(namespace.to_owned()));
        };
        self.count(namespace, event.event());
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
