//! `roomcast presence`: who is online in the chat, on all nodes.

use serde::Deserialize;
use serde_json::Value;

use super::Answer;
use super::client::{Client, Failure};
use super::table::{Table, count, plain};
use super::words::namespace;

/// Where to look for users.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roomcast presence
  roomcast presence --json | jq -r '.online[].username'")]
pub(super) struct Presence {
    /// Of this namespace
    #[arg(long, default_value = "/chat", value_parser = namespace)]
    namespace: String,
    /// Print the answer of the node as it came
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct List {
    online: Vec<User>,
}

#[derive(Deserialize)]
struct User {
    client_id: String,
    username: String,
    #[serde(default)]
    node: Value,
}

impl Presence {
    pub(super) async fn run(self, node: &Client) -> Result<Answer, Failure> {
        let query = [("namespace", Some(self.namespace))];
        let reply = node.get("/api/v1/presence", &query).await?;
        let List { online } = reply.read()?;
        let mut table = Table::new(["CLIENT", "NODE", "USERNAME"]);
        let number = online.len() as u64;
        for user in online {
            table.row([user.client_id, plain(&user.node), user.username]);
        }
        Ok(Answer::good(match self.json {
            true => reply.as_it_came(),
            false => format!("{}{} online\n", table.text(), count(number, "user")),
        }))
    }
}
