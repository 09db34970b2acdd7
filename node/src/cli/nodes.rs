//! `roomcast nodes`: which nodes there are.

use serde::Deserialize;
use serde_json::Value;

use super::Answer;
use super::client::{Client, Failure};
use super::table::{Table, count, plain};

pub(super) const PATH: &str = "/api/v1/nodes";

/// How to list the nodes.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roomcast nodes
  roomcast nodes --admin-url http://10.0.0.7:9090
  roomcast nodes --json | jq '[.nodes[].connections] | add'")]
pub(super) struct Nodes {
    /// Print the answer of the node as it came
    #[arg(long)]
    json: bool,
}

/// The nodes that a node knows, itself included.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    pub(super) nodes: Vec<Node>,
    /// Servers that speak only the protocol of Node.js; none where that is not known.
    foreign: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Node {
    pub(super) id: String,
    /// Unknown of a node that does not say.
    pub(super) connections: Option<u64>,
    #[serde(default)]
    state: Value,
    #[serde(default)]
    version: Value,
    #[serde(default)]
    started_at: Value,
    #[serde(default)]
    address: Value,
}

impl Nodes {
    pub(super) async fn run(self, node: &Client) -> Result<Answer, Failure> {
        let reply = node.get(PATH, &[]).await?;
        let list: List = reply.read()?;
        let answer = Answer::good(match self.json {
            true => reply.as_it_came(),
            false => list.text(),
        });
        Ok(match list.foreign {
            Some(_) => answer,
            None => answer.but("incomplete: servers of Node.js could not be counted"),
        })
    }
}

impl List {
    /// A row for each, and what they are together.
    pub(super) fn text(&self) -> String {
        let heading = [
            "NODE",
            "STATE",
            "CONNECTIONS",
            "VERSION",
            "STARTED",
            "ADDRESS",
        ];
        let mut table = Table::new(heading);
        for node in &self.nodes {
            table.row([
                node.id.clone(),
                plain(&node.state),
                node.connections
                    .map_or_else(|| "-".to_owned(), |number| number.to_string()),
                plain(&node.version),
                plain(&node.started_at),
                plain(&node.address),
            ]);
        }
        let connections = self.nodes.iter().filter_map(|node| node.connections).sum();
        let mut text = format!(
            "{}{}, {}",
            table.text(),
            count(self.nodes.len() as u64, "node"),
            count(connections, "connection"),
        );
        if let Some(foreign @ 1..) = self.foreign {
            let servers = count(foreign, "server");
            text.push_str(&format!(", and {servers} of Node.js"));
        }
        text.push('\n');
        text
    }
}
