//! `roomcast drain`: moves all clients of a node to the others, and shows how far that is.

use serde::{Deserialize, Serialize};

use super::client::{Client, Failure, Reply};
use super::progress::{POLL, Progress};
use super::table::{count, tame};
use super::words::duration_text;
use super::{Answer, Exit};

const PATH: &str = "/api/v1/drain";

/// What to do about the drain of a node.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roomcast drain
  roomcast drain --rate 200 --deadline 5m --admin-url http://10.0.0.7:9090
  roomcast drain --no-wait && roomcast drain --status
  roomcast drain --end

The node at admin.url says that it is not ready, waits until the balancer has noticed, and closes its
connections at a rate, so that stock clients come back on other nodes. Waits until the node is empty;
Ctrl-C ends the waiting and not the drain. An empty node runs on until a signal ends it.")]
pub(super) struct Drain {
    /// Connections to close per second, in place of the node's drain.rate
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// When to close what is left, in place of the node's drain.deadline
    #[arg(long, value_name = "DURATION", value_parser = duration_text)]
    deadline: Option<String>,
    /// Do not wait until the node is empty
    #[arg(long)]
    no_wait: bool,
    /// Start nothing, and say how it stands
    #[arg(long, conflicts_with_all = ["rate", "deadline", "no_wait"])]
    status: bool,
    /// End the drain: the node takes clients again
    #[arg(long, conflicts_with_all = ["rate", "deadline", "no_wait", "status"])]
    end: bool,
    /// Print the last answer of the node as it came
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Order<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<&'a str>,
}

#[derive(Debug, Clone, Deserialize)]
struct Status {
    state: String,
    remaining: u64,
}

impl Drain {
    pub(super) async fn run(self, node: &Client) -> Result<Answer, Failure> {
        if self.status {
            return self.say(&node.get(PATH, &[]).await?);
        }
        if self.end {
            return self.say(&node.delete(PATH).await?);
        }
        let order = Order {
            rate: self.rate,
            deadline: self.deadline.as_deref(),
        };
        let started = node.post(PATH, &order).await?;
        if self.no_wait {
            return self.say(&started);
        }
        let mut progress = Progress::new(self.json);
        let last = wait(started, async || node.get(PATH, &[]).await, &mut progress).await?;
        drop(progress);
        let answer = self.say(&last)?;
        if last.read::<Status>()?.is_over() {
            let complaint = "the drain was ended before the node was empty\n";
            return Ok(Answer {
                complaint: complaint.to_owned(),
                exit: Exit::No,
                ..answer
            });
        }
        Ok(answer)
    }

    fn say(&self, reply: &Reply) -> Result<Answer, Failure> {
        let Status { state, remaining } = reply.read()?;
        Ok(Answer::good(match self.json {
            true => reply.as_it_came(),
            false => format!("{}: {}\n", tame(&state), count(remaining, "connection")),
        }))
    }
}

impl Status {
    /// True if the node takes clients again.
    fn is_over(&self) -> bool {
        self.state == "serving"
    }
}

/// Asks again and again until the node is empty or takes clients again; gives the last answer.
async fn wait(
    mut reply: Reply,
    mut ask: impl AsyncFnMut() -> Result<Reply, Failure>,
    progress: &mut Progress,
) -> Result<Reply, Failure> {
    let mut most = 0;
    loop {
        let status: Status = reply.read()?;
        // More may come while the balancer has not noticed yet.
        most = most.max(status.remaining);
        progress.show(most - status.remaining, most);
        if status.remaining == 0 || status.is_over() {
            return Ok(reply);
        }
        tokio::time::sleep(POLL).await;
        reply = ask().await?;
    }
}
