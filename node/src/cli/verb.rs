//! The verbs, in the words of the help.

use super::{
    completions, drain, emit, kick, nodes, presence, rebalance, rooms, settings, sockets, token,
};

/// What `roomcast` can do. The lines beside the verbs are those of the overview.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// Run a node; so does no verb at all
    #[command(after_help = SERVE)]
    Serve,
    /// Say whether the settings are valid, and what is set
    #[command(after_help = CHECK)]
    Check,
    /// Show every setting and where it comes from, or a file with all defaults
    Config(settings::Show),
    /// List the nodes of the cluster
    Nodes(nodes::Nodes),
    /// List sockets on all nodes
    Sockets(sockets::Sockets),
    /// List rooms on all nodes
    Rooms(rooms::Rooms),
    /// List who is online in the chat
    Presence(presence::Presence),
    /// Emit an event to clients on all nodes
    Emit(emit::Emit),
    /// Emit an event, and print what clients answer
    Request(emit::Request),
    /// Disconnect a client
    Kick(kick::Kick),
    /// Move all clients of a node to the others
    Drain(drain::Drain),
    /// Move clients from the fullest nodes to the others
    Rebalance(rebalance::Rebalance),
    /// Ask the node at admin.url whether it is live
    #[command(after_help = HEALTHCHECK)]
    Healthcheck,
    /// Make a token with jwt.secret, for trying out
    Token(token::Token),
    /// Make a script by which a shell completes all of this
    Completions(completions::Completions),
    /// Print the version
    Version,
    /// Show this help.
    #[command(skip)]
    Help(String),
}

const SERVE: &str = "\
Examples:
  roomcast serve --redis-url redis://127.0.0.1:6379
  ROOMCAST_CONFIG=/etc/roomcast.toml roomcast serve
  roomcast serve --listen 127.0.0.1:0 --log-format json

Ctrl-C and SIGTERM drain the node before it ends; a second one ends it at once.";

const CHECK: &str = "\
Examples:
  roomcast check
  roomcast check --config /etc/roomcast.toml && systemctl restart roomcast

Starts nothing. Reads files of keys, too, and prints all mistakes at once.";

const HEALTHCHECK: &str = "\
Examples:
  roomcast healthcheck
  roomcast healthcheck --admin-url http://10.0.0.7:9090

Waits 3 seconds at most. Exit code 1 says that the node is not live.";
