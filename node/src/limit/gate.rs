//! Who is let in: each session of a client, and each connection that carries none yet.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{sync::watch, time::Instant};

use super::{
    in_force::InForce,
    ledger::{Bounds, Ledger, Refused},
    network::Network,
};
use crate::{config, metrics::Metrics, repetition::Repetition};

/// Connections that are no WebSocket, beside two for each session that may be: pages are loaded over some.
const BESIDE: u32 = 1024;

/// The same of one address.
const BESIDE_OF_ONE: u32 = 64;

/// Lets clients in, as many as the limits say. A cheap handle.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<Doors>);

#[derive(Debug)]
struct Doors {
    /// Sessions of either platform, whatever carries them.
    sessions: Mutex<Ledger>,
    /// TCP connections over which HTTP is spoken, or nothing yet.
    requests: Mutex<Ledger>,
    is_full: watch::Sender<bool>,
    in_force: InForce,
    metrics: Arc<Metrics>,
    /// Lines of the log on proxies that are not trusted.
    strangers: Repetition,
}

/// Counts as long as it is held and not given back.
#[derive(Debug)]
pub(crate) struct Permit {
    gate: Gate,
    kind: Kind,
    network: Option<Network>,
    is_over: AtomicBool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Session,
    Request,
}

impl Gate {
    pub(crate) fn new(limits: &config::Limits, metrics: Arc<Metrics>) -> Self {
        let now = Instant::now();
        let gate = Self(Arc::new(Doors {
            sessions: Mutex::new(Ledger::new(now)),
            requests: Mutex::new(Ledger::new(now)),
            is_full: watch::Sender::new(false),
            in_force: InForce::new(limits),
            metrics,
            strangers: Repetition::default(),
        }));
        gate.take(limits);
        gate
    }

    /// Has these limits hold from now on, also for what is inside. Nobody is sent away: where there are more than may be,
    /// nobody comes until enough have left.
    pub(crate) fn take(&self, limits: &config::Limits) {
        let now = Instant::now();
        let twice = |most: u32, beside: u32| most.saturating_mul(2).saturating_add(beside);
        let sessions = Bounds {
            all: limits.connections,
            of_one: limits.connections_per_ip,
            per_second: limits.connects_per_second,
        };
        let requests = Bounds {
            all: limits.connections.map(|most| twice(most, BESIDE)),
            of_one: limits
                .connections_per_ip
                .map(|most| twice(most, BESIDE_OF_ONE)),
            per_second: None,
        };
        for (kind, bounds) in [(Kind::Session, sessions), (Kind::Request, requests)] {
            let mut ledger = self.ledger(kind);
            ledger.bind(bounds, now);
            self.tell(kind, &ledger);
        }
        self.0.in_force.take(limits);
        let most = limits.connections.unwrap_or(0);
        self.0.metrics.connections_limit.set(most.into());
    }

    /// The limits of those that are inside.
    pub(crate) fn in_force(&self) -> &InForce {
        &self.0.in_force
    }

    /// Whether the node has no room for more sessions.
    pub(crate) fn is_full(&self) -> watch::Receiver<bool> {
        self.0.is_full.subscribe()
    }

    /// Lets a session of this client in.
    ///
    /// # Errors
    ///
    /// Why not.
    pub(crate) fn session(&self, address: Option<IpAddr>) -> Result<Permit, Refused> {
        self.enter(Kind::Session, address)
    }

    /// Lets a connection in that carries no session yet. One of a trusted proxy has no address: it may be anybody's.
    ///
    /// # Errors
    ///
    /// Why not. It has been counted.
    pub(crate) fn request(&self, address: Option<IpAddr>) -> Result<Permit, Refused> {
        let entered = self.enter(Kind::Request, address);
        if let Err(refused) = entered {
            self.0.metrics.rejected(refused.reason());
        }
        entered
    }

    /// Counts a PROXY header of a peer that is not trusted.
    pub(crate) fn stranger(&self, peer: IpAddr) {
        self.0.metrics.rejected("proxy");
        if let Some(untold) = self.0.strangers.tells(Instant::now()) {
            tracing::warn!(%peer, untold, "refused a PROXY header: proxies.trusted does not name its sender");
        }
    }

    fn enter(&self, kind: Kind, address: Option<IpAddr>) -> Result<Permit, Refused> {
        let network = address.map(Network::from);
        let mut ledger = self.ledger(kind);
        ledger.enter(network, Instant::now())?;
        self.tell(kind, &ledger);
        drop(ledger);
        Ok(Permit {
            gate: self.clone(),
            kind,
            network,
            is_over: AtomicBool::new(false),
        })
    }

    fn tell(&self, kind: Kind, ledger: &Ledger) {
        if kind == Kind::Session {
            self.0.metrics.connections.set(ledger.all().into());
            self.0.is_full.send_if_modified(|is_full| {
                std::mem::replace(is_full, ledger.is_full()) != ledger.is_full()
            });
        }
    }

    fn ledger(&self, kind: Kind) -> MutexGuard<'_, Ledger> {
        let ledger = match kind {
            Kind::Session => &self.0.sessions,
            Kind::Request => &self.0.requests,
        };
        // Numbers, whole between any two statements.
        ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Whom it counts for.
    pub(crate) fn network(&self) -> Option<Network> {
        self.network
    }

    /// Counts no more, whoever still holds it.
    pub(crate) fn give_back(&self) {
        if self.is_over.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut ledger = self.gate.ledger(self.kind);
        ledger.leave(self.network);
        self.gate.tell(self.kind, &ledger);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Refused {
    /// The value of a metric's label.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Address => "address",
            Self::Rate => "rate",
        }
    }
}
