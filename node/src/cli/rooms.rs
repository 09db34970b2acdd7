//! `roomcast rooms`: which rooms there are, on all nodes.

use serde::Deserialize;

use super::Answer;
use super::client::{Client, Failure};
use super::table::{Table, count};
use super::words::namespace;

/// Of what to list the rooms.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roomcast rooms
  roomcast rooms --namespace /chat
  roomcast rooms --json | jq '.rooms | length'

Rooms that are only the id of a socket are left out.")]
pub(super) struct Rooms {
    /// Of this namespace
    #[arg(long, default_value = "/", value_parser = namespace)]
    namespace: String,
    /// Print the answer of the node as it came
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct List {
    rooms: Vec<Room>,
    #[serde(default)]
    missing_nodes: Vec<String>,
}

#[derive(Deserialize)]
struct Room {
    room: String,
    sockets: u64,
}

impl Rooms {
    pub(super) async fn run(self, node: &Client) -> Result<Answer, Failure> {
        let query = [("namespace", Some(self.namespace))];
        let reply = node.get("/api/v1/rooms", &query).await?;
        let list: List = reply.read()?;
        let mut table = Table::new(["SOCKETS", "ROOM"]);
        let number = list.rooms.len() as u64;
        for Room { room, sockets } in list.rooms {
            table.row([sockets.to_string(), room]);
        }
        Ok(Answer::good(match self.json {
            true => reply.as_it_came(),
            false => format!("{}{}\n", table.text(), count(number, "room")),
        })
        .lacking(&list.missing_nodes))
    }
}
