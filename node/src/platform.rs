//! What carries gateways: binds a [`Gateway`] to something that has sockets.

mod expiry;
mod goodbye;
mod handshake;
mod intake;
mod job;
mod membership;
mod profile;
mod public_id;
mod published;
mod queue;
mod server_side;
pub(crate) mod socketio;
mod streams;
mod user;
pub(crate) mod ws;

use std::sync::Arc;

use roomcast_adapter::{Cluster, Namespace};
use roomcast_gateway::{Gateway, Server, platform::ServerPort};
use tokio_util::task::TaskTracker;

use crate::{
    config::{self, Config},
    limit::{Gate, InForce},
    metrics::{Metrics, NamespaceMetrics},
};

/// All platforms of a node, as one. A cheap handle.
#[derive(Clone)]
pub(crate) struct Platforms {
    socketio: socketio::Platform,
    ws: Option<ws::Platform>,
    gate: Gate,
}

/// A gateway that is served, and what its sockets on all platforms share.
#[derive(Clone)]
pub(crate) struct Served {
    gateway: Arc<Gateway>,
    namespace: Namespace,
    metrics: Arc<NamespaceMetrics>,
    server: Server,
    in_force: InForce,
}

impl Platforms {
    pub(crate) fn new(
        config: &Config,
        cluster: Cluster,
        metrics: Arc<Metrics>,
        tasks: TaskTracker,
    ) -> Self {
        let gate = Gate::new(&config.limits, metrics.clone());
        let ws = config.ws.enabled.then(|| {
            let (cluster, tasks) = (cluster.clone(), tasks.clone());
            ws::Platform::new(config, cluster, &metrics, tasks, gate.clone())
        });
        Self {
            socketio: socketio::Platform::new(config, cluster, metrics, tasks, gate.clone()),
            ws,
            gate,
        }
    }

    /// Has these limits, and these keys of session ids, hold from now on.
    pub(crate) fn take(&self, limits: &config::Limits, session: &config::Session) {
        self.gate.take(limits);
        self.socketio.take_keys(session);
    }

    /// Lets clients in.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(crate) fn socketio(&self) -> &socketio::Platform {
        &self.socketio
    }

    /// All sockets of all nodes.
    pub(crate) fn server(&self) -> Arc<dyn ServerPort> {
        self.socketio.server()
    }

    /// The namespaces that are served.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        self.socketio.namespaces()
    }

    /// The raw WebSockets, unless they are turned off.
    pub(crate) fn ws(&self) -> Option<&ws::Platform> {
        self.ws.as_ref()
    }

    /// Serves `gateway` on all platforms from when the future resolves.
    pub(crate) async fn bind(&self, gateway: Gateway) {
        let served = self.socketio.bind(gateway).await;
        if let (Some(ws), Some(served)) = (&self.ws, served) {
            ws.serve(served);
        }
    }

    /// Writes to clients what is sent to them, for as long as it is polled.
    pub(crate) async fn write(&self) {
        match &self.ws {
            Some(ws) => {
                tokio::join!(self.socketio.write(), ws.write());
            }
            None => self.socketio.write().await,
        }
    }

    /// Takes no new sessions from now on; those that exist go on.
    pub(crate) fn refuse_new(&self) {
        self.socketio.refuse_new();
        if let Some(ws) = &self.ws {
            ws.refuse_new();
        }
    }

    /// Takes new sessions again.
    pub(crate) fn accept_new(&self) {
        self.socketio.accept_new();
        if let Some(ws) = &self.ws {
            ws.accept_new();
        }
    }

    /// Ends every WebSocket at once.
    pub(crate) fn end(&self) {
        self.socketio.end();
        if let Some(ws) = &self.ws {
            ws.end();
        }
    }

    /// Sessions that have a socket.
    pub(crate) fn remaining(&self) -> usize {
        self.socketio.remaining() + self.ws.as_ref().map_or(0, ws::Platform::remaining)
    }

    /// Counts them, for as long as the node is there; keeps nothing of it alive.
    pub(crate) fn counter(&self) -> impl Fn() -> usize + Send + Sync + 'static {
        let socketio = self.socketio.counter();
        let ws = self.ws.as_ref().map(ws::Platform::counter);
        move || socketio() + ws.as_ref().map_or(0, |ws| ws())
    }

    /// Closes up to `most` more sessions, of each platform its share, in a way after which clients connect again.
    pub(crate) async fn close_some(&self, most: usize) {
        let Some(ws) = &self.ws else {
            self.socketio.close_some(most).await;
            return;
        };
        let raw = share(most, ws.remaining(), self.socketio.remaining());
        let closed = self.socketio.close_some(most - raw).await;
        ws.close_some(most.saturating_sub(closed));
    }
}

/// How much of `most` falls to the first of two, by how many each has; never nothing while it has any.
fn share(most: usize, first: usize, second: usize) -> usize {
    let all = first.saturating_add(second).max(1);
    most.saturating_mul(first).div_ceil(all).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_platform_closes_its_share() {
        assert_eq!(share(50, 100, 100), 25);
        assert_eq!(share(50, 1, 100_000), 1);
        assert_eq!(share(50, 0, 7), 0);
        assert_eq!(share(50, 7, 0), 50);
        assert_eq!(share(0, 7, 7), 0);
        assert_eq!(share(1, 0, 0), 0);
    }
}
