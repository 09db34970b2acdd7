//! Events between the applications of servers, for a gateway.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use roomcast_adapter::ServerSide;
use roomcast_gateway::{
    Gateway, Raw, Server,
    platform::{AckPayload, Incoming, Outgoing, inline},
};

use crate::metrics::NamespaceMetrics;

/// A gateway as the application that other servers talk to.
pub(super) struct Application {
    pub(super) gateway: Arc<Gateway>,
    pub(super) server: Server,
    pub(super) metrics: Arc<NamespaceMetrics>,
}

impl ServerSide for Application {
    fn handle(
        &self,
        event: String,
        wants_answer: bool,
    ) -> Pin<Box<dyn Future<Output = Option<String>> + Send>> {
        let Ok(incoming) = Incoming::parse(event, Vec::new(), wants_answer) else {
            // An event whose name is a number: no gateway has a handler for it.
            return Box::pin(std::future::ready(None));
        };
        let answering = self.gateway.server_side(self.server.clone(), incoming);
        let metrics = self.metrics.clone();
        Box::pin(async move {
            let (answer, outcome) = answering.await;
            metrics.ended(&outcome);
            answer.map(told)
        })
    }
}

/// An event as other servers get it: JSON, as JavaScript writes it.
pub(super) fn event(event: Outgoing) -> String {
    let (text, attachments) = event.into_parts();
    inline(&text, &attachments, buffer)
}

/// An answer as other servers get it.
fn told(answer: AckPayload) -> String {
    let (text, attachments) = answer.into_parts();
    let text = inline(&text, &attachments, buffer);
    // The one value of a list.
    text[1..text.len() - 1].to_owned()
}

/// An answer of another server.
pub(super) fn answer(value: Option<String>) -> Raw {
    let first = value.and_then(|text| Raw::first_of(format!("[{text}]"), Vec::new()).ok());
    first.flatten().unwrap_or_default()
}

/// Bytes as Node.js writes them into JSON.
fn buffer(bytes: &Bytes) -> String {
    serde_json::json!({ "type": "Buffer", "data": **bytes }).to_string()
}
