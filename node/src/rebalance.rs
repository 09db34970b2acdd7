//! Moving clients from the fullest nodes to the others: each node that has more than its share closes the surplus at a
//! rate, and the balancer sends those clients where there are fewest.
//!
//! Any node can be asked. It plans with what all nodes say of themselves, and tells each what to do.

mod plan;

use std::{num::NonZeroU32, sync::Arc};

use roomcast_adapter::{Cluster, Note};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::{
    drain::{Pace, Phase},
    nodes::Nodes,
    platform::Platforms,
};
use plan::plan;

/// What one node is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Share {
    /// Its name.
    pub id: String,
    /// Its open sessions, when the plan was made.
    pub connections: u64,
    /// How many of them it is to close.
    pub to_close: u64,
}

/// Sheds sessions of this node, and has others do so. A cheap handle.
#[derive(Clone)]
pub(crate) struct Rebalance(Arc<Shared>);

struct Shared {
    default_rate: NonZeroU32,
    cluster: Cluster,
    nodes: Nodes,
    platforms: Platforms,
    phase: watch::Receiver<Phase>,
    order: watch::Sender<Order>,
}

/// What a node is told. A later one takes the place of an earlier, also one to close nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Order {
    /// How many sessions to close at most.
    sessions: u64,
    /// With so many left it is enough, whoever has closed the others.
    down_to: u64,
    /// How many per second.
    rate: NonZeroU32,
}

/// The form of an order on its way to another node.
#[derive(Debug, Serialize, Deserialize)]
struct Letter {
    kind: Kind,
    version: One,
    #[serde(flatten)]
    order: Order,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Shed,
}

/// The version of the letter: another one means something else.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
struct One;

impl TryFrom<u64> for One {
    type Error = &'static str;

    fn try_from(version: u64) -> Result<Self, Self::Error> {
        (version == 1).then_some(Self).ok_or("expected version 1")
    }
}

impl From<One> for u64 {
    fn from(_: One) -> Self {
        1
    }
}

impl Rebalance {
    pub(crate) fn new(
        default_rate: NonZeroU32,
        cluster: Cluster,
        nodes: Nodes,
        platforms: Platforms,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        let nothing = Order {
            sessions: 0,
            down_to: 0,
            rate: NonZeroU32::MIN,
        };
        Self(Arc::new(Shared {
            default_rate,
            cluster,
            nodes,
            platforms,
            phase,
            order: watch::Sender::new(nothing),
        }))
    }

    /// Has each node that serves close what it has above the average, so many per second; as configured for a drain where
    /// no rate is given. What each is going to do.
    pub(crate) fn start(&self, rate: Option<NonZeroU32>) -> Vec<Share> {
        let rate = rate.unwrap_or(self.0.default_rate);
        let shares = plan(&self.0.nodes.list());
        for share in &shares {
            let order = Order {
                sessions: share.to_close,
                down_to: share.connections.saturating_sub(share.to_close),
                rate,
            };
            if share.id == self.0.cluster.node_id() {
                self.take(order);
            } else {
                self.0.cluster.tell(&share.id, &letter(order));
            }
        }
        shares
    }

    /// Carries out what this node is told, for as long as it is polled.
    pub(crate) async fn run(&self) {
        let Some(mut notes) = self.0.cluster.notes() else {
            return std::future::pending().await;
        };
        let mut orders = self.0.order.subscribe();
        loop {
            let shedding = self.shed();
            tokio::pin!(shedding);
            let mut is_done = false;
            loop {
                tokio::select! {
                    note = notes.recv() => match note {
                        Some(note) => self.read(&note),
                        None => return std::future::pending().await,
                    },
                    changed = orders.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return std::future::pending().await,
                    },
                    () = &mut shedding, if !is_done => is_done = true,
                }
            }
        }
    }

    fn read(&self, note: &Note) {
        // What cannot be read is of another version, and not for this one.
        match serde_json::from_value::<Letter>(note.value.clone()) {
            Ok(letter) => self.take(letter.order),
            Err(error) => {
                tracing::debug!(from = note.from, %error, "a note of another node is not known");
            }
        }
    }

    fn take(&self, order: Order) {
        self.0.order.send_replace(order);
    }

    /// Carries out the latest order.
    async fn shed(&self) {
        let order = *self.0.order.borrow();
        let mut left = usize::try_from(order.sessions).unwrap_or(usize::MAX);
        if left == 0 {
            return;
        }
        let down_to = usize::try_from(order.down_to).unwrap_or(usize::MAX);
        tracing::info!(
            sessions = left,
            rate = order.rate,
            "rebalancing: closing sessions"
        );
        let mut pace = Pace::of(order.rate);
        let mut slices = interval(Pace::SLICE);
        slices.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while left > 0 && *self.0.phase.borrow() == Phase::Serving {
            slices.tick().await;
            let surplus = self.0.platforms.remaining().saturating_sub(down_to);
            if surplus == 0 {
                break;
            }
            let most = pace.next().min(left).min(surplus);
            self.0.platforms.close_some(most).await;
            left -= most;
        }
        tracing::info!(left, "rebalanced");
    }
}

fn letter(order: Order) -> serde_json::Value {
    let letter = Letter {
        kind: Kind::Shed,
        version: One,
        order,
    };
    serde_json::to_value(letter).unwrap_or_default()
}
