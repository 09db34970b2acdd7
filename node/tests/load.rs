//! The load test's chat on a real node, over everything that carries it.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use clap::{FromArgMatches as _, Subcommand as _};
use common::{TestNode, config};
use jsonwebtoken::{EncodingKey, Header, encode};
use roomcast_loadtest::{report::Report, scenario::Scenario};
use roomcast_node::Config;
use serde_json::json;

const SECRET: &str = "a secret of more than thirty-two bytes";

/// Users of whom some leave and come back.
const CHAT: &str =
    "load chat --clients 20 --rooms 4 --rate 50 --duration 1s --grace 3s --every 300ms --away 50ms";

async fn run(line: &str) -> Report {
    let command = Scenario::augment_subcommands(clap::Command::new("load"));
    let matches = command.try_get_matches_from(line.split(' ')).unwrap();
    let scenario = Scenario::from_arg_matches(&matches).unwrap();
    scenario.check().await.unwrap();
    scenario.run().await.unwrap()
}

/// Runs the chat for users with a token.
async fn passes_over(transport: &str) {
    let mut guarded = config();
    let args = ["--jwt-secret", SECRET].map(Into::into);
    guarded.jwt = Config::load(args, []).unwrap().jwt;
    let node = TestNode::start(guarded, vec![]).await;
    let claims = json!({ "sub": "user-1", "exp": 4_000_000_000_u32 });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = encode(&Header::default(), &claims, &key).unwrap();

    let url = node.url();
    let options = format!("--url {url} --transport {transport} --token {token}");
    let report = run(&format!("{CHAT} {options}")).await;

    assert!(report.passed, "{report}");
    assert_eq!(report.presence.unwrap().views, 20);
    assert!(report.returns.unwrap().count > 0);
}

#[tokio::test]
async fn the_chat_passes_over_websockets() {
    passes_over("websocket").await;
}

#[tokio::test]
async fn the_chat_passes_over_polling() {
    passes_over("polling").await;
}

#[tokio::test]
async fn the_chat_passes_over_polling_that_is_upgraded() {
    passes_over("upgrade").await;
}

#[tokio::test]
async fn the_chat_passes_over_raw_websockets() {
    passes_over("raw").await;
}
