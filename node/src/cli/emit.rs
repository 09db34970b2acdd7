//! `roomcast emit` and `roomcast request`: an event to clients, and what they answer.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Answer;
use super::client::{Client, Failure};
use super::table::{count, tame};
use super::words::{Json, duration_text, json, namespace};
use crate::config::duration;

/// An event to clients.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roomcast emit / news '\"the shop is open\"'
  roomcast emit /chat newMessage '{\"message\":\"hi\"}' --room r1 --room r2
  roomcast emit / typing '\"alice\"' true --except '~0123456789abcdefghi' --volatile

Each argument is JSON: a text has quotes of its own. The id of a socket is a room, too. Without
--room, everyone in the namespace is meant.")]
pub(super) struct Emit {
    #[command(flatten)]
    event: Event,
    /// Clients that cannot take it now need not get it later
    #[arg(long)]
    volatile: bool,
    /// Print the answer of the node as it came
    #[arg(long)]
    json: bool,
}

/// An event that clients are to answer.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roomcast request / version
  roomcast request /chat poll '{\"question\":\"tea?\"}' --room r1 --timeout 10s
  roomcast request / ping --room '~0123456789abcdefghi' --json

Prints the first argument of each ack, a line of JSON each, in no order. Who did not answer in time
is counted on standard error.")]
pub(super) struct Request {
    #[command(flatten)]
    event: Event,
    /// How long clients may take
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration_text)]
    timeout: String,
    /// Print the answer of the node as it came
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args, Serialize)]
struct Event {
    /// Where, such as / or /chat
    #[arg(value_parser = namespace)]
    namespace: String,
    /// The name of the event
    event: String,
    /// Its arguments
    #[arg(value_name = "JSON", value_parser = json, allow_negative_numbers = true)]
    args: Vec<Json>,
    /// Only to members of this room; can be given again
    #[arg(long = "room", value_name = "ROOM")]
    rooms: Vec<String>,
    /// Not to members of this room; can be given again
    #[arg(long, value_name = "ROOM")]
    except: Vec<String>,
}

#[derive(Serialize)]
struct EmitBody<'a> {
    #[serde(flatten)]
    event: &'a Event,
    volatile: bool,
}

#[derive(Serialize)]
struct RequestBody<'a> {
    #[serde(flatten)]
    event: &'a Event,
    timeout: &'a str,
}

#[derive(Deserialize)]
struct Answers {
    answers: Vec<Box<RawValue>>,
    missing: u64,
    #[serde(default)]
    missing_nodes: Vec<String>,
}

impl Emit {
    pub(super) async fn run(self, node: &Client) -> Result<Answer, Failure> {
        let body = EmitBody {
            event: &self.event,
            volatile: self.volatile,
        };
        let reply = node.post("/api/v1/emit", &body).await?;
        Ok(Answer::good(match self.json {
            true => reply.as_it_came(),
            false => format!("accepted: {}\n", self.event.summary()),
        }))
    }
}

impl Request {
    pub(super) async fn run(self, node: &Client) -> Result<Answer, Failure> {
        let body = RequestBody {
            event: &self.event,
            timeout: &self.timeout,
        };
        let longer = duration(&self.timeout).unwrap_or_default();
        let reply = node.post_slow("/api/v1/request", &body, longer).await?;
        let acked: Answers = reply.read()?;
        let lines = acked.answers.iter().map(|json| format!("{json}\n"));
        let mut answer = Answer::good(match self.json {
            true => reply.as_it_came(),
            false => lines.collect(),
        });
        if acked.missing > 0 {
            let clients = count(acked.missing, "client");
            answer = answer.but(format!("{clients} did not answer within {}", self.timeout));
        }
        Ok(answer.lacking(&acked.missing_nodes))
    }
}

impl Event {
    /// What was emitted, to whom.
    fn summary(&self) -> String {
        let Self {
            namespace, event, ..
        } = self;
        let to = match self.rooms.as_slice() {
            [] => "everyone".to_owned(),
            rooms => rooms.join(", "),
        };
        tame(&format!("{event} to {to} in {namespace}"))
    }
}
