//! `roomcast sockets`: who is connected, on all nodes.

use serde::Deserialize;
use serde_json::Value;

use super::Answer;
use super::client::{Client, Failure};
use super::table::{Table, count, plain};
use super::words::namespace;

/// Which sockets to list.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roomcast sockets
  roomcast sockets --namespace /chat --room r1
  roomcast sockets --all --json | jq -r '.sockets[].id'

With --all and --json, there is one answer per page, each on a line of its own.")]
pub(super) struct Sockets {
    /// Of this namespace
    #[arg(long, default_value = "/", value_parser = namespace)]
    namespace: String,
    /// Only members of this room
    #[arg(long)]
    room: Option<String>,
    /// How many to ask for at once
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Only those that come after this one
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// Go on until there are no more
    #[arg(long)]
    all: bool,
    /// Print the answer of the node as it came
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Page {
    sockets: Vec<Socket>,
    next: Option<String>,
    #[serde(default)]
    missing_nodes: Vec<String>,
}

#[derive(Deserialize)]
struct Socket {
    id: String,
    #[serde(default)]
    node: Value,
    #[serde(default)]
    address: Value,
    #[serde(default)]
    connected_at: Value,
    #[serde(default)]
    rooms: Vec<String>,
}

impl Sockets {
    pub(super) async fn run(mut self, node: &Client) -> Result<Answer, Failure> {
        let mut table = Table::new(["ID", "NODE", "CONNECTED", "ADDRESS", "ROOMS"]);
        let mut answers = String::new();
        let mut number = 0;
        let mut silent = Vec::new();
        loop {
            let query = [
                ("namespace", Some(self.namespace.clone())),
                ("room", self.room.clone()),
                ("limit", Some(self.limit.to_string())),
                ("after", self.after.clone()),
            ];
            let reply = node.get("/api/v1/sockets", &query).await?;
            let page: Page = reply.read()?;
            if self.json {
                answers.push_str(&reply.as_it_came());
            }
            number += page.sockets.len() as u64;
            for socket in page.sockets {
                table.row(socket.row());
            }
            silent.extend(page.missing_nodes);
            self.after = page.next;
            if self.after.is_none() || !self.all {
                break;
            }
        }
        silent.sort_unstable();
        silent.dedup();
        let mut answer = Answer::good(match self.json {
            true => answers,
            false => format!("{}{}\n", table.text(), count(number, "socket")),
        });
        if let Some(last) = &self.after {
            answer = answer.but(format!(
                "there are more: --all shows them, and --after '{last}' the next"
            ));
        }
        Ok(answer.lacking(&silent))
    }
}

impl Socket {
    fn row(self) -> [String; 5] {
        // A socket is always in the room of its own id.
        let rooms = self.rooms.iter().filter(|room| **room != self.id);
        let rooms: Vec<_> = rooms.map(String::as_str).collect();
        let rooms = rooms.join(", ");
        let texts = [self.node, self.connected_at, self.address].map(|value| plain(&value));
        let [node, connected_at, address] = texts;
        [self.id, node, connected_at, address, rooms]
    }
}
