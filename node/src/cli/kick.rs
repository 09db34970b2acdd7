//! `roomcast kick`: disconnects a client, whichever node it is on.

use serde::Serialize;

use super::Answer;
use super::client::{Client, Failure};
use super::table::tame;
use super::words::namespace;

/// Whom to disconnect.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roomcast kick '~0123456789abcdefghi'
  roomcast kick '~0123456789abcdefghi' --namespace /chat
  roomcast kick '~0123456789abcdefghi' --close

The id is what the client knows as socket.id, and `roomcast sockets` lists it. Quote it, since shells
read ~ as a home. Stock clients that are disconnected so do not come back by themselves.")]
pub(super) struct Kick {
    /// The id of its socket
    id: String,
    /// The namespace that the socket is in
    #[arg(long, default_value = "/", value_parser = namespace)]
    namespace: String,
    /// End the whole connection, with its sockets in other namespaces
    #[arg(long)]
    close: bool,
    /// Print the answer of the node as it came
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Disconnect<'a> {
    namespace: &'a str,
    r#in: [&'a str; 1],
    close: bool,
}

impl Kick {
    pub(super) async fn run(self, node: &Client) -> Result<Answer, Failure> {
        let body = Disconnect {
            namespace: &self.namespace,
            r#in: [&self.id],
            close: self.close,
        };
        let reply = node.post("/api/v1/disconnect", &body).await?;
        Ok(Answer::good(match self.json {
            true => reply.as_it_came(),
            false => {
                tame(&format!(
                    "accepted: disconnect {} from {}",
                    self.id, self.namespace
                )) + "\n"
            }
        }))
    }
}
