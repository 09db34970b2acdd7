//! `roomcast rebalance`: moves clients from the fullest nodes to the others, as after some were added.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Answer;
use super::client::{Client, Failure};
use super::nodes;
use super::progress::{POLL, Progress};
use super::table::count;

/// Clients that have been closed are back on some node by then; what has not moved will not.
const STILL: Duration = Duration::from_secs(10);

/// How to make nodes even.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roomcast rebalance
  roomcast rebalance --rate 50
  roomcast rebalance --no-wait --json

Connections are closed on the nodes that have more than their share, so that stock clients come back
where the balancer sends them: it has to prefer nodes with few. Waits until as many have moved as
should, or none moves any more; Ctrl-C ends the waiting and not the rest.")]
pub(super) struct Rebalance {
    /// Connections to close per second and node, in place of drain.rate
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Do not wait until the nodes are even
    #[arg(long)]
    no_wait: bool,
    /// Print the node's answer to the request as it came
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Order {
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<u32>,
}

/// What is going to be done.
#[derive(Debug, Deserialize)]
struct Plan {
    nodes: Vec<Share>,
}

#[derive(Debug, Deserialize)]
struct Share {
    id: String,
    connections: u64,
    to_close: u64,
}

impl Rebalance {
    pub(super) async fn run(self, node: &Client) -> Result<Answer, Failure> {
        let order = Order { rate: self.rate };
        let reply = node.post("/api/v1/rebalance", &order).await?;
        let plan: Plan = reply.read()?;
        let to_close = plan.to_close();
        let said = |text: String| match self.json {
            true => reply.as_it_came(),
            false => text,
        };
        if to_close == 0 {
            return Ok(Answer::good(said(format!(
                "nothing to close on {}\n",
                count(plan.nodes.len() as u64, "node")
            ))));
        }
        if self.no_wait {
            let connections = count(to_close, "connection");
            return Ok(Answer::good(said(format!(
                "accepted: {connections} to close\n"
            ))));
        }
        let progress = Progress::new(self.json);
        let ask = async || node.get(nodes::PATH, &[]).await?.read();
        let (last, moved) = plan.wait(ask, progress).await?;
        let answer = Answer::good(said(last.text()));
        Ok(match moved < to_close {
            true => answer.but(format!(
                "nothing moves any more, after {moved} of {}: others came to those nodes, or the balancer \
                 sends clients back to them",
                count(to_close, "connection")
            )),
            false => answer,
        })
    }
}

impl Plan {
    fn to_close(&self) -> u64 {
        self.nodes.iter().map(|node| node.to_close).sum()
    }

    /// How many of those that were to leave their node have, as far as the numbers show. A node that is gone has none.
    fn moved(&self, now: &nodes::List) -> u64 {
        let moved = self.nodes.iter().map(|before| {
            let node = now.nodes.iter().find(|node| node.id == before.id);
            let connections = node.and_then(|node| node.connections).unwrap_or(0);
            before
                .connections
                .saturating_sub(connections)
                .min(before.to_close)
        });
        moved.sum()
    }

    /// Asks again and again until all have moved or none does any more; gives the last answer, and how many have.
    async fn wait(
        &self,
        mut ask: impl AsyncFnMut() -> Result<nodes::List, Failure>,
        mut progress: Progress,
    ) -> Result<(nodes::List, u64), Failure> {
        let mut most = 0;
        let mut since = Instant::now();
        loop {
            let list = ask().await?;
            let moved = self.moved(&list);
            if moved > most {
                (most, since) = (moved, Instant::now());
            }
            progress.show(moved, self.to_close());
            if moved >= self.to_close() || since.elapsed() >= STILL {
                return Ok((list, moved));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan() -> Plan {
        serde_json::from_value(json!({"nodes": [
            {"id": "full", "connections": 90, "to_close": 40},
            {"id": "empty", "connections": 10, "to_close": 0},
        ]}))
        .unwrap()
    }

    fn list(full: u64, empty: u64) -> nodes::List {
        serde_json::from_value(json!({"nodes": [
            {"id": "full", "connections": full},
            {"id": "empty", "connections": empty},
        ]}))
        .unwrap()
    }

    #[test]
    fn what_has_moved_is_what_left_the_nodes_that_were_full() {
        for (full, empty, moved) in [
            (90, 10, 0),
            (70, 30, 20),
            (50, 50, 40),
            (40, 60, 40),
            (95, 10, 0),
        ] {
            assert_eq!(
                plan().moved(&list(full, empty)),
                moved,
                "{full} and {empty}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_done_once_all_have_moved() {
        let mut lists = [list(90, 10), list(60, 30), list(50, 40), list(50, 50)].into_iter();
        let ask = async || Ok(lists.next().unwrap());

        let (last, moved) = plan().wait(ask, Progress::new(true)).await.unwrap();

        assert_eq!(moved, 40);
        assert_eq!(last.nodes[1].connections, Some(40));
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_up_once_nothing_moves_any_more() {
        let begun = Instant::now();
        let ask = async || {
            let moves = begun.elapsed() < Duration::from_secs(60);
            Ok(if moves {
                list(90 - begun.elapsed().as_secs() / 2, 10)
            } else {
                list(61, 39)
            })
        };

        let (_, moved) = plan().wait(ask, Progress::new(true)).await.unwrap();

        assert_eq!(moved, 29);
        assert!(begun.elapsed() > Duration::from_secs(60));
    }
}
