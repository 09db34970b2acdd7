//! The server of a test: it has no other sockets, and keeps what is broadcast.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Sent, argument, lock};
use crate::{
    Answers, EmitError, Gathered, Raw, RemoteSocket,
    platform::{Joined, Outgoing, Pending, Prepared, Selection, ServerPort},
};

/// Keeps what is sent, by whoever it is.
#[derive(Default, Clone)]
pub(super) struct RecordingServer {
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl RecordingServer {
    pub(super) fn push(&self, sent: Sent) {
        lock(&self.sent).push(sent);
    }

    /// What was sent since this was last asked.
    pub(super) fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut lock(&self.sent))
    }

    fn record(&self, namespace: &str, selection: Selection, event: Outgoing) {
        let name = event.event().to_owned();
        let (text, attachments) = event.into_parts();
        let sent = Sent::broadcast(namespace, selection, name, argument(&text, 1));
        self.push(sent.with_attachments(attachments));
    }
}

impl ServerPort for RecordingServer {
    fn node_id(&self) -> &str {
        "test"
    }

    fn broadcast(
        &self,
        namespace: &str,
        selection: &Selection,
        event: Outgoing,
    ) -> Result<(), EmitError> {
        self.record(namespace, selection.clone(), event);
        Ok(())
    }

    fn prepare(
        &self,
        namespace: &str,
        selection: &Selection,
        event: Outgoing,
    ) -> Result<Prepared, EmitError> {
        let server = self.clone();
        let (namespace, selection) = (namespace.to_owned(), selection.clone());
        Ok(Box::new(move || {
            server.record(&namespace, selection, event);
        }))
    }

    /// Nobody is there to answer.
    fn ask(
        &self,
        namespace: &str,
        selection: &Selection,
        event: Outgoing,
        _timeout: Duration,
    ) -> Result<Pending<Answers>, EmitError> {
        self.broadcast(namespace, selection, event)?;
        Ok(Box::pin(std::future::ready(Answers::default())))
    }

    fn sockets_join(
        &self,
        _namespace: &str,
        _selection: &Selection,
        _rooms: Vec<String>,
    ) -> Result<Joined, EmitError> {
        Ok(Box::pin(std::future::ready(())))
    }

    fn sockets_leave(
        &self,
        _namespace: &str,
        _selection: &Selection,
        _rooms: Vec<String>,
    ) -> Result<(), EmitError> {
        Ok(())
    }

    fn disconnect_sockets(
        &self,
        _namespace: &str,
        _selection: &Selection,
        _close: bool,
    ) -> Result<(), EmitError> {
        Ok(())
    }

    fn fetch_sockets(
        &self,
        _namespace: &str,
        _selection: &Selection,
    ) -> Result<Pending<Gathered<Vec<RemoteSocket>>>, EmitError> {
        Ok(nothing())
    }

    fn fetch_page(
        &self,
        _namespace: &str,
        _selection: &Selection,
        _after: Option<String>,
        _limit: usize,
    ) -> Result<Pending<Gathered<Vec<RemoteSocket>>>, EmitError> {
        Ok(nothing())
    }

    fn count(
        &self,
        _namespace: &str,
        _selection: &Selection,
    ) -> Result<Pending<Gathered<usize>>, EmitError> {
        Ok(nothing())
    }

    fn rooms(&self, _namespace: &str) -> Result<Pending<Gathered<BTreeSet<String>>>, EmitError> {
        Ok(nothing())
    }

    fn room_sizes(
        &self,
        _namespace: &str,
    ) -> Result<Pending<Gathered<BTreeMap<String, usize>>>, EmitError> {
        Ok(nothing())
    }

    fn server_side_emit(&self, _namespace: &str, _event: Outgoing) -> Result<(), EmitError> {
        Ok(())
    }

    fn server_side_ask(
        &self,
        _namespace: &str,
        _event: Outgoing,
        _timeout: Duration,
    ) -> Result<Pending<Gathered<Vec<Raw>>>, EmitError> {
        Ok(nothing())
    }
}

/// There is no other server, and no other socket.
fn nothing<T: Default + Send + 'static>() -> Pending<Gathered<T>> {
    Box::pin(std::future::ready(Gathered::default()))
}
