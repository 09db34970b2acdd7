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

/// How it stands. What is not about serving is there while the node drains.
#[derive(Debug, Deserialize)]
struct Status {
    state: String,
    /// Connections that are open.
    remaining: u64,
    rate: Option<u32>,
    grace: Option<String>,
    deadline: Option<String>,
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
        let progress = Progress::new(self.json);
        let last = wait(started, async || node.get(PATH, &[]).await, progress).await?;
        let answer = self.say(&last)?;
        Ok(match last.read::<Status>()?.is_serving() {
            true => Answer {
                exit: Exit::No,
                ..answer.but("the drain was ended before the node was empty")
            },
            false => answer,
        })
    }

    fn say(&self, reply: &Reply) -> Result<Answer, Failure> {
        let status: Status = reply.read()?;
        Ok(Answer::good(match self.json {
            true => reply.as_it_came(),
            false => status.line(),
        }))
    }
}

impl Status {
    fn is_draining(&self) -> bool {
        self.state == "draining"
    }

    /// True if the node takes clients, as if there were no drain.
    fn is_serving(&self) -> bool {
        self.state == "serving"
    }

    fn line(&self) -> String {
        let mut line = format!("{}: {}", self.state, count(self.remaining, "connection"));
        if let Some(rate) = self.rate {
            line.push_str(&format!(", closing {rate} per second"));
        }
        if let Some(grace) = &self.grace {
            line.push_str(&format!(", beginning in {grace}"));
        }
        if let Some(deadline) = &self.deadline {
            line.push_str(&format!(", what is left in {deadline}"));
        }
        tame(&line) + "\n"
    }
}

/// Asks again and again while the node drains; gives the last answer.
async fn wait(
    mut reply: Reply,
    mut ask: impl AsyncFnMut() -> Result<Reply, Failure>,
    mut progress: Progress,
) -> Result<Reply, Failure> {
    let mut most = 0;
    loop {
        let status: Status = reply.read()?;
        // More may come while the balancer has not noticed yet.
        most = most.max(status.remaining);
        progress.show(most - status.remaining, most);
        if !status.is_draining() {
            return Ok(reply);
        }
        tokio::time::sleep(POLL).await;
        reply = ask().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(text: &str) -> Status {
        Reply::of(text).read().unwrap()
    }

    #[test]
    fn a_line_says_how_the_drain_stands() {
        for (text, line) in [
            (
                r#"{"state":"serving","remaining":1}"#,
                "serving: 1 connection\n",
            ),
            (
                r#"{"state":"draining","remaining":7,"rate":200,"grace":"4s","deadline":"59s"}"#,
                "draining: 7 connections, closing 200 per second, beginning in 4s, what is left in 59s\n",
            ),
            (
                r#"{"state":"drained","remaining":0}"#,
                "drained: 0 connections\n",
            ),
        ] {
            assert_eq!(status(text).line(), line);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_node_is_waited_for_while_more_clients_may_come() {
        let mut answers = [
            r#"{"state":"draining","remaining":0,"grace":"1s"}"#,
            r#"{"state":"draining","remaining":5}"#,
            r#"{"state":"drained","remaining":0}"#,
        ]
        .into_iter()
        .map(Reply::of);
        let first = answers.next().unwrap();

        let last = wait(
            first,
            async || Ok(answers.next().unwrap()),
            Progress::new(true),
        )
        .await;

        assert_eq!(last.unwrap().read::<Status>().unwrap().state, "drained");
        assert!(answers.next().is_none());
    }
}
