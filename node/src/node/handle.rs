//! What steers a node while it runs.

use std::{fmt, num::NonZeroU32, time::Duration};

use crate::{
    config::Config,
    drain::{Drain, DrainStatus, Ending},
    live::{Live, ReloadError},
    nodes::{NodeStatus, Nodes},
    platform::Platforms,
    rebalance::{Rebalance, Share},
};

/// Steers a node that runs. A cheap handle.
#[derive(Clone)]
pub struct Handle {
    pub(super) drain: Drain,
    pub(super) nodes: Nodes,
    pub(super) rebalance: Rebalance,
    pub(super) live: Live,
    pub(super) platforms: Platforms,
}

impl Handle {
    /// Lets all clients go, so many per second, and ends what is left when `deadline` has passed. What is not given is as
    /// configured. The node runs on, empty and not ready, until [`end_drain`](Self::end_drain).
    ///
    /// While a drain is under way it goes on, with what is given in place of what it had; a node that is drained stays so.
    pub fn drain(&self, rate: Option<NonZeroU32>, deadline: Option<Duration>) -> DrainStatus {
        self.drain.start(rate, deadline)
    }

    /// How far the node is with its drain, if there is one.
    pub fn drain_status(&self) -> DrainStatus {
        self.drain.status()
    }

    /// Takes clients again.
    ///
    /// # Errors
    ///
    /// [`Ending`] where the process is to end.
    pub fn end_drain(&self) -> Result<DrainStatus, Ending> {
        self.drain.end()
    }

    /// Every node of the cluster that is there, this one included, in the order of their names. Servers of Node.js are not
    /// among them.
    pub fn nodes(&self) -> Vec<NodeStatus> {
        self.nodes.list()
    }

    /// Has each node of the cluster that serves close what it has above the average, so many per second, so that stock
    /// clients come back where the balancer sends them. What each is going to do. A later call takes the place of an earlier.
    pub fn rebalance(&self, rate: Option<NonZeroU32>) -> Vec<Share> {
        self.rebalance.start(rate)
    }

    /// Takes what can change in a node that runs from `config`: the keys of tokens, whose files are read again, those of
    /// session ids, the origins of pages, and the limits, but for `message_size`, `write_stall` and `handshake_timeout`. The
    /// rest stays. All of it or nothing. Clients that are connected stay, also where there are more than may be now.
    ///
    /// # Errors
    ///
    /// [`ReloadError`], which says what is wrong. Nothing has changed then.
    pub fn reload(&self, config: &Config) -> Result<(), ReloadError> {
        self.live.take(config)?;
        let now = self.live.now();
        self.platforms.take(&now.limits, &now.session);
        Ok(())
    }

    /// Has a node that was asked to end do so without waiting for its clients any longer. It ends in good order all the same:
    /// other nodes are told, and what is on its way to them leaves.
    pub fn hurry(&self) {
        self.drain.hurry();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
