//! The verbs that ask a node, as a shell runs them: against a stand-in that says what it was asked, and against real nodes.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;
mod program;

use common::{TestNode, config, wait_for};
use program::{StandIn, good, run};
use roomcast_adapter::bus::MemoryHub;
use roomcast_loadtest::client::Transport;
use roomcast_node::config::Secret;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

const OPERATIONS: &str = include_str!("../docs/operations.md");

#[tokio::test]
async fn emit_sends_its_words_as_they_were_written() {
    let node = StandIn::with(vec![(202, json!({"accepted":1}))]).await;
    let args = [
        "emit",
        "/chat",
        "newMessage",
        r#"{"message":"hi"}"#,
        "-1.50",
        "--room",
        "r1",
        "--room=r2",
        "--except",
        "r3",
        "--volatile",
    ];

    let said = node.run(&args).await;

    assert_eq!(said, good("accepted: newMessage to r1, r2 in /chat\n"));
    let asked = node.asked().remove(0);
    assert_eq!(asked.line, "POST /api/v1/emit");
    assert_eq!(
        asked.body,
        json!({
            "namespace": "/chat",
            "event": "newMessage",
            "args": [{"message": "hi"}, -1.5],
            "rooms": ["r1", "r2"],
            "except": ["r3"],
            "volatile": true,
        })
    );
    assert_eq!(asked.authorization, None);
}

#[tokio::test]
async fn the_token_is_presented_wherever_it_comes_from() {
    let node = StandIn::with(vec![(202, json!({"accepted":1}))]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "from-file\n").unwrap();
    let url = ("ROOMCAST_ADMIN__URL", node.url.as_str());
    let emit = ["emit", "/", "tick"];
    let with_flag = [&emit[..], &["--admin-token", "from-flag"]].concat();
    let from_file = ("ROOMCAST_ADMIN__TOKEN_FILE", file.to_str().unwrap());

    for said in [
        run(&with_flag, &[url]).await,
        run(&emit, &[url, ("ROOMCAST_ADMIN__TOKEN", "from-environment")]).await,
        run(&emit, &[url, from_file]).await,
    ] {
        assert_eq!(said, good("accepted: tick to everyone in /\n"));
    }

    let tokens: Vec<_> = node
        .asked()
        .into_iter()
        .map(|asked| asked.authorization.unwrap())
        .collect();
    assert_eq!(
        tokens,
        [
            "Bearer from-flag",
            "Bearer from-environment",
            "Bearer from-file"
        ]
    );
}

#[tokio::test]
async fn json_is_the_answer_as_it_came() {
    let text = r#"{ "rooms":[ {"room":"a","sockets":1,"more":1.0} ],"missing_nodes":[]}"#;
    let node = StandIn::with_texts([(200, text.to_owned())].into()).await;

    let said = node.run(&["rooms", "--json"]).await;

    assert_eq!(said, good(&format!("{text}\n")));
}

#[tokio::test]
async fn request_prints_what_clients_acked_and_counts_who_did_not() {
    let answer = json!({"answers": [{"a": 1}, null, "b"], "missing": 2});
    let node = StandIn::with(vec![(200, answer)]).await;

    let said = node.run(&["request", "/", "vote", "--timeout", "2s"]).await;

    assert_eq!(said.out, "{\"a\":1}\nnull\n\"b\"\n");
    assert_eq!(said.err, "2 clients did not answer within 2s\n");
    assert_eq!(said.code, Some(0));
    assert_eq!(node.asked()[0].line, "POST /api/v1/request");
    assert_eq!(node.asked()[0].body["timeout"], "2s");
}

#[tokio::test]
async fn a_refusal_is_told_with_its_field_and_what_to_set() {
    let problem = |status: u16, title: &str| {
        let detail = "expected something else";
        json!({"type": "about:blank", "status": status, "title": title, "detail": detail, "field": "event"})
    };
    for (status, hint) in [
        (400, ""),
        (401, "ROOMCAST_ADMIN__TOKEN"),
        (
            403,
            "set it there and here, as with ROOMCAST_ADMIN__TOKEN_FILE",
        ),
        (503, ""),
    ] {
        let node = StandIn::with(vec![(status, problem(status, "No"))]).await;

        let said = node.run(&["emit", "/", "connect"]).await;

        assert_eq!(said.code, Some(1), "{said:?}");
        assert_eq!(said.out, "");
        let line = "refused: No: expected something else (field event)\n";
        assert!(said.err.starts_with(line), "{said:?}");
        assert!(said.err.contains(hint), "{said:?}");
    }
}

#[tokio::test]
async fn what_is_no_node_is_told_so() {
    for (status, text) in [(404, "<html>no such page"), (200, "<html>welcome")] {
        let node = StandIn::with_texts([(status, text.to_owned())].into()).await;

        let said = node.run(&["nodes"]).await;

        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(
            said.err
                .starts_with(&format!("{}/api/v1/nodes answer", node.url)),
            "{said:?}"
        );
        assert_eq!(said.err.lines().count(), 1, "{said:?}");
    }
}

#[tokio::test]
async fn where_nobody_answers_the_url_is_told_and_the_code_is_69() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);

    for verb in [
        "nodes",
        "rooms",
        "sockets",
        "presence",
        "drain",
        "rebalance",
    ] {
        let said = run(&[verb, "--admin-url", &url], &[]).await;

        assert_eq!(said.code, Some(69), "{said:?}");
        assert_eq!(said.out, "");
        assert!(
            said.err
                .starts_with(&format!("no node answers at {url}/api/v1/")),
            "{said:?}"
        );
        assert!(said.err.contains("ROOMCAST_ADMIN__URL"), "{said:?}");
    }
}

fn socket(id: &str, rooms: &[&str]) -> Value {
    json!({
        "id": id, "node": "n1", "namespace": "/", "rooms": rooms, "data": null,
        "address": "10.0.0.1", "connected_at": "2026-11-26T20:00:00.000Z",
    })
}

#[tokio::test]
async fn sockets_are_asked_for_page_by_page() {
    let first =
        json!({"sockets": [socket("a", &["a", "r1"])], "next": "a", "missing_nodes": ["n2"]});
    let last =
        json!({"sockets": [socket("b", &["r2", "b", "r1"])], "next": null, "missing_nodes": []});
    let node = StandIn::with(vec![(200, first.clone()), (200, last.clone())]).await;
    let args = [
        "sockets",
        "--room",
        "r&1",
        "--namespace",
        "/chat",
        "--limit",
        "1",
        "--all",
    ];

    let said = node.run(&args).await;

    assert_eq!(
        said.out,
        "ID  NODE  CONNECTED                 ADDRESS   ROOMS\n\
         a   n1    2026-11-26T20:00:00.000Z  10.0.0.1  r1\n\
         b   n1    2026-11-26T20:00:00.000Z  10.0.0.1  r2, r1\n\
         2 sockets\n"
    );
    assert_eq!(
        said.err,
        "incomplete: no answer in time from 1 server: n2\n"
    );
    assert_eq!(said.code, Some(0));
    assert_eq!(
        node.lines(),
        [
            "GET /api/v1/sockets?namespace=%2Fchat&room=r%261&limit=1",
            "GET /api/v1/sockets?namespace=%2Fchat&room=r%261&limit=1&after=a",
        ]
    );

    let node = StandIn::with(vec![(200, first.clone()), (200, last.clone())]).await;
    let said = node.run(&["sockets", "--all", "--json"]).await;
    assert_eq!(said.out, format!("{first}\n{last}\n"));

    let node = StandIn::with(vec![(200, first)]).await;
    let said = node.run(&["sockets"]).await;
    assert!(said.out.ends_with("1 socket\n"), "{said:?}");
    assert!(
        said.err.contains("there are more: --all shows them"),
        "{said:?}"
    );
}

#[tokio::test]
async fn lists_are_tables_with_a_count() {
    let nodes = json!({"foreign": 1, "nodes": [
        {"id": "aa", "version": "0.1.0", "started_at": "2026-11-26T20:00:00Z", "connections": 1200, "state": "serving", "address": "10.0.0.1:3000"},
        {"id": "b", "version": "0.1.0", "started_at": "2026-11-26T20:00:01Z", "connections": 7, "state": "draining", "address": "10.0.0.2:3000"},
    ]});
    let rooms = json!({"rooms": [{"room": "lobby", "sockets": 12}, {"room": "\u{1b}[2J", "sockets": 1}], "missing_nodes": []});
    let online = json!({"online": [{"client_id": "~a", "username": "王芳", "node": "aa"}]});
    for (args, path, answer, text) in [
        (
            &["nodes"][..],
            "/api/v1/nodes",
            nodes,
            "NODE  STATE     CONNECTIONS  VERSION  STARTED               ADDRESS\n\
             aa    serving          1200  0.1.0    2026-11-26T20:00:00Z  10.0.0.1:3000\n\
             b     draining            7  0.1.0    2026-11-26T20:00:01Z  10.0.0.2:3000\n\
             2 nodes, 1207 connections, and 1 server of Node.js\n",
        ),
        (
            &["rooms", "--namespace", "/chat"],
            "/api/v1/rooms?namespace=%2Fchat",
            rooms,
            "SOCKETS  ROOM\n     12  lobby\n      1  \\u{1b}[2J\n2 rooms\n",
        ),
        (
            &["rooms"],
            "/api/v1/rooms?namespace=%2F",
            json!({"rooms": [], "missing_nodes": []}),
            "0 rooms\n",
        ),
        (
            &["presence"],
            "/api/v1/presence?namespace=%2Fchat",
            online,
            "CLIENT  NODE  USERNAME\n~a      aa    王芳\n1 user online\n",
        ),
    ] {
        let node = StandIn::with(vec![(200, answer)]).await;

        assert_eq!(node.run(args).await, good(text));
        assert_eq!(node.lines(), [format!("GET {path}")]);
    }
}

#[tokio::test]
async fn nodes_are_listed_where_servers_of_node_js_cannot_be_counted() {
    let nodes = json!({"foreign": null, "nodes": [{"id": "a", "version": null, "started_at": null, "connections": null, "state": null, "address": null}]});
    let node = StandIn::with(vec![(200, nodes)]).await;

    let said = node.run(&["nodes"]).await;

    assert_eq!(
        said.out,
        "NODE  STATE  CONNECTIONS  VERSION  STARTED  ADDRESS\na     -      -            -        -        -\n1 node, 0 connections\n"
    );
    assert_eq!(
        said.err,
        "incomplete: servers of Node.js could not be counted\n"
    );
    assert_eq!(said.code, Some(0));
}

#[tokio::test]
async fn kick_disconnects_one_socket() {
    let node = StandIn::with(vec![(202, json!({"accepted":1}))]).await;

    let said = node
        .run(&["kick", "~abc", "--namespace", "/chat", "--close"])
        .await;

    assert_eq!(said, good("accepted: disconnect ~abc from /chat\n"));
    assert_eq!(node.asked()[0].line, "POST /api/v1/disconnect");
    let body = json!({"namespace": "/chat", "in": ["~abc"], "close": true});
    assert_eq!(node.asked()[0].body, body);
}

#[tokio::test]
async fn drain_waits_until_the_node_is_empty_and_says_how_far_it_is() {
    let draining = json!({"state": "draining", "remaining": 40, "rate": 200, "deadline": "5m"});
    let drained = json!({"state": "drained", "remaining": 0});
    let node = StandIn::with(vec![(202, draining), (200, drained)]).await;

    let said = node
        .run(&["drain", "--rate", "200", "--deadline", "5m"])
        .await;

    assert_eq!(said.out, "drained: 0 connections\n");
    assert_eq!(said.err, "0 of 40 connections closed\n");
    assert_eq!(said.code, Some(0));
    assert_eq!(node.lines(), ["POST /api/v1/drain", "GET /api/v1/drain"]);
    assert_eq!(node.asked()[0].body, json!({"rate": 200, "deadline": "5m"}));
}

#[tokio::test]
async fn a_drain_that_somebody_else_ends_is_no_success() {
    let draining = json!({"state": "draining", "remaining": 4});
    let serving = json!({"state": "serving", "remaining": 3});
    let node = StandIn::with(vec![(202, draining), (200, serving.clone())]).await;

    let said = node.run(&["drain", "--json"]).await;

    assert_eq!(said.out, format!("{serving}\n"));
    assert_eq!(said.err, "the drain was ended before the node was empty\n");
    assert_eq!(said.code, Some(1));
    assert_eq!(node.asked()[0].body, json!({}));
}

#[tokio::test]
async fn a_drain_can_be_looked_at_ended_and_left_alone() {
    let status = json!({"state": "draining", "remaining": 4, "rate": 500});
    for (flag, line) in [
        ("--status", "GET /api/v1/drain"),
        ("--end", "DELETE /api/v1/drain"),
        ("--no-wait", "POST /api/v1/drain"),
    ] {
        let node = StandIn::with(vec![(200, status.clone())]).await;

        let said = node.run(&["drain", flag]).await;

        let text = "draining: 4 connections, closing 500 per second\n";
        assert_eq!(said, good(text), "{flag}");
        assert_eq!(node.lines(), [line]);
    }
}

#[tokio::test]
async fn rebalance_waits_until_as_many_have_moved_as_should() {
    let plan = json!({"nodes": [{"id": "a", "connections": 9, "to_close": 4}, {"id": "b", "connections": 1, "to_close": 0}]});
    let after = json!({"nodes": [{"id": "a", "connections": 5}, {"id": "b", "connections": 5}]});
    let node = StandIn::with(vec![(202, plan.clone()), (200, after)]).await;

    let said = node.run(&["rebalance", "--rate", "50"]).await;

    assert!(said.out.ends_with("2 nodes, 10 connections\n"), "{said:?}");
    assert_eq!(said.code, Some(0));
    assert_eq!(
        node.lines(),
        ["POST /api/v1/rebalance", "GET /api/v1/nodes"]
    );
    assert_eq!(node.asked()[0].body, json!({"rate": 50}));

    let node = StandIn::with(vec![(202, plan)]).await;
    let said = node.run(&["rebalance", "--no-wait"]).await;
    assert_eq!(said, good("accepted: 4 connections to close\n"));

    let even = json!({"nodes": [{"id": "a", "connections": 5, "to_close": 0}]});
    let node = StandIn::with(vec![(202, even)]).await;
    assert_eq!(
        node.run(&["rebalance"]).await,
        good("nothing to close on 1 node\n")
    );
}

#[tokio::test]
async fn the_operations_page_has_every_verb() {
    let said = run(&["-h"], &[]).await;
    let (_, verbs) = said.out.split_once("Verbs:\n").unwrap();
    let (verbs, _) = verbs.split_once("\n\n").unwrap();
    let verbs: Vec<_> = verbs
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(verbs.len() > 15, "{verbs:?}");

    for verb in verbs {
        let row = OPERATIONS.lines().any(|line| {
            let first = line.split('|').nth(1).unwrap_or_default();
            first.contains(&format!("`{verb}"))
        });
        assert!(row, "{verb} has no row");
    }
}

/// Has `bash` complete the last of `words`, and gives what it offers.
async fn completed(words: &str) -> Vec<String> {
    let script = r#"
        source <("$0" completions bash)
        COMP_WORDS=($1) COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _roomcast roomcast "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let output = Command::new("bash")
        .args(["-euc", script, env!("CARGO_BIN_EXE_roomcast"), words])
        .output()
        .await
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaint.is_empty(),
        "{complaint}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn bash_completes_verbs_their_flags_and_those_of_settings() {
    assert_eq!(completed("roomcast dr").await, ["drain"]);
    assert_eq!(completed("roomcast --redis-u").await, ["--redis-url"]);
    assert_eq!(completed("roomcast emit / a --vol").await, ["--volatile"]);
    assert_eq!(
        completed("roomcast emit --admin-t").await,
        ["--admin-token"]
    );
    assert_eq!(completed("roomcast check --log-format j").await, ["json"]);
    assert_eq!(completed("roomcast completions z").await, ["zsh"]);
    assert_eq!(completed("roomcast token --expi").await, ["--expires-in"]);
}

/// Two nodes that know of each other, and what a command line needs to ask the first.
async fn cluster() -> ([TestNode; 2], [(&'static str, String); 2]) {
    let hub = MemoryHub::default();
    let mut config = config();
    config.admin.token = Some(Secret::new("a-token"));
    let nodes = [
        TestNode::on(&hub, config.clone(), vec![]).await,
        TestNode::on(&hub, config, vec![]).await,
    ];
    for node in &nodes {
        wait_for("the nodes to hear each other", async || {
            node.metric("socket_io_cluster_nodes").await == 2.0
        })
        .await;
    }
    let url = format!("http://{}", nodes[0].admin);
    let token = "a-token".to_owned();
    (
        nodes,
        [
            ("ROOMCAST_ADMIN__URL", url),
            ("ROOMCAST_ADMIN__TOKEN", token),
        ],
    )
}

#[tokio::test]
async fn real_nodes_do_what_the_verbs_ask() {
    let ([one, two], environment) = cluster().await;
    let environment = environment
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let ask = async |args: &[&str]| run(args, &environment).await;
    let mut near = one.client_of("/chat", Transport::WebSocket).await;
    let mut far = two.client_of("/chat", Transport::Polling).await;
    for client in [&near, &far] {
        client.emit_with_ack("joinRoom", "r1").await.unwrap();
    }
    // Without Redis, each node knows its own users.
    let alice = json!({"username": "Alice"});
    near.emit("joinChat", &alice).await.unwrap();
    near.expect("joined").await.unwrap();

    let emit = [
        "emit",
        "/chat",
        "newMessage",
        r#"{"message":"hi"}"#,
        "--room",
        "r1",
    ];
    assert_eq!(
        ask(&emit).await,
        good("accepted: newMessage to r1 in /chat\n")
    );
    for client in [&mut near, &mut far] {
        assert_eq!(
            client.expect("newMessage").await.unwrap().args,
            [json!({"message": "hi"})]
        );
    }

    let asking = [
        "request",
        "/chat",
        "vote",
        "2",
        "--room",
        "r1",
        "--timeout",
        "10s",
    ];
    let answering = async {
        for (client, vote) in [(&mut near, "tea"), (&mut far, "tea")] {
            let event = client.expect("vote").await.unwrap();
            client.answer(&event, &[json!(vote)]).await.unwrap();
        }
    };
    let (said, ()) = tokio::join!(ask(&asking), answering);
    assert_eq!(said, good("\"tea\"\n\"tea\"\n"));

    let said = ask(&["rooms", "--namespace", "/chat"]).await;
    assert_eq!(said, good("SOCKETS  ROOM\n      2  r1\n1 room\n"));

    let said = ask(&["sockets", "--namespace", "/chat", "--limit", "1", "--all"]).await;
    assert_eq!((said.err.as_str(), said.code), ("", Some(0)));
    assert!(said.out.ends_with("2 sockets\n"), "{said:?}");
    for id in [near.id(), far.id()] {
        assert!(said.out.contains(id), "{said:?}");
    }

    let said = ask(&["presence"]).await;
    assert!(said.out.contains("Alice\n1 user online\n"), "{said:?}");

    let said = ask(&["kick", far.id(), "--namespace", "/chat"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    far.closed().await.unwrap();
    assert!(near.is_open());
}

#[tokio::test]
async fn real_nodes_say_what_is_wrong() {
    let ([one, _two], environment) = cluster().await;
    let environment = environment
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let url = format!("http://{}", one.admin);
    for (said, line) in [
        (
            run(&["emit", "/nowhere", "tick"], &environment).await,
            "refused: The namespace is not served: \"/nowhere\" is not served here",
        ),
        (
            run(&["emit", "/", "disconnect"], &environment).await,
            "refused: A field is not what it should be: ",
        ),
        (
            run(&["rooms", "--admin-token", "wrong"], &environment).await,
            "refused: A token is needed: ",
        ),
        (
            run(&["rooms", "--admin-url", &url], &[]).await,
            "refused: A token is needed: ",
        ),
    ] {
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.starts_with(line), "{said:?}");
    }
}

#[tokio::test]
async fn real_nodes_are_drained_and_made_even() {
    let ([one, two], environment) = cluster().await;
    let environment = environment
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let ask = async |args: &[&str]| run(args, &environment).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(two.client().await);
    }
    wait_for("the first node to hear of the clients", async || {
        let said = ask(&["nodes"]).await;
        assert_eq!((said.err.as_str(), said.code), ("", Some(0)));
        said.out.ends_with("2 nodes, 4 connections\n")
    })
    .await;

    let said = ask(&["rebalance", "--rate", "50"]).await;
    assert!(said.out.ends_with("2 nodes, 2 connections\n"), "{said:?}");
    assert_eq!(said.code, Some(0));
    wait_for("two clients to have noticed", async || {
        clients.iter().filter(|client| client.is_open()).count() == 2
    })
    .await;

    let mut client = one.client().await;
    let said = ask(&["drain", "--rate", "10", "--deadline", "10s"]).await;
    assert_eq!(said.out, "drained: 0 connections\n", "{said:?}");
    assert_eq!(said.code, Some(0));
    client.closed().await.unwrap();
    assert_eq!(one.get("/ready").await.0, 503);

    assert_eq!(
        ask(&["drain", "--status"]).await,
        good("drained: 0 connections\n")
    );
    assert_eq!(
        ask(&["drain", "--end"]).await,
        good("serving: 0 connections\n")
    );
    assert_eq!(one.get("/ready").await.0, 200);
}
