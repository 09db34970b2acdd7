//! The control API, as a backend calls it: one node of two is asked, the clients of both are reached.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use common::{TestNode, config, send, wait_for};
use roomcast_adapter::bus::MemoryHub;
use roomcast_loadtest::client::{Client, Event, Transport};
use roomcast_node::config::Secret;
use serde_json::{Value, json};

/// Two nodes that know of each other.
async fn two() -> [TestNode; 2] {
    let hub = MemoryHub::default();
    let one = TestNode::on(&hub, config(), vec![]).await;
    let two = TestNode::on(&hub, config(), vec![]).await;
    for node in [&one, &two] {
        wait_for("the nodes to hear each other", async || {
            node.metric("socket_io_cluster_nodes").await == 2.0
        })
        .await;
    }
    [one, two]
}

fn request(method: &str, path: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
    )
}

async fn post(node: &TestNode, path: &str, body: &Value) -> (u16, Value) {
    let request = request("POST", &format!("/api/v1/{path}"), "", &body.to_string());
    let (status, text) = send(node.admin, &request).await;
    (status, serde_json::from_str(&text).unwrap())
}

async fn get(node: &TestNode, path: &str) -> Value {
    let (status, text) = node.get(&format!("/api/v1/{path}")).await;
    assert_eq!(status, 200, "{path}: {text}");
    serde_json::from_str(&text).unwrap()
}

async fn join(client: &Client, room: &str) {
    client.emit_with_ack("joinRoom", &room).await.unwrap();
}

#[tokio::test]
async fn an_emit_reaches_the_clients_of_every_node() {
    let [one, two] = two().await;
    let mut near = one.client().await;
    let mut far = two.client_of("/", Transport::Polling).await;
    let mut other = two.client().await;
    for client in [&near, &far] {
        join(client, "red").await;
    }

    let emit = json!({ "event": "news", "args": [1, { "$binary": "AQI=" }], "rooms": ["red"] });
    let answer = post(&one, "emit", &emit).await;
    let all = json!({ "event": "all", "except": [near.id()] });
    post(&two, "emit", &all).await;

    assert_eq!(answer, (202, json!({ "accepted": 1 })));
    for client in [&mut near, &mut far] {
        let Event {
            args, attachments, ..
        } = client.expect("news").await.unwrap();
        assert_eq!(args[0], json!(1));
        assert_eq!(attachments, [&[1, 2][..]]);
    }
    for client in [&mut far, &mut other] {
        assert!(client.expect("all").await.unwrap().args.is_empty());
    }
    post(&one, "emit", &json!({ "event": "last" })).await;
    assert_eq!(near.next_event().await.unwrap().name, "last");
}

#[tokio::test]
async fn a_batch_is_sent_in_its_order_or_not_at_all() {
    let [one, two] = two().await;
    let mut client = two.client().await;
    let batch = |events: &[&str]| {
        let emits = events.iter().map(|event| json!({ "event": event }));
        json!({ "emits": emits.collect::<Vec<_>>() })
    };

    let refused = post(&one, "batch", &batch(&["never", "disconnect"])).await;
    let unknown = json!({ "emits": [{ "event": "never" }, { "event": "a", "namespace": "/no" }] });
    let unserved = post(&one, "batch", &unknown).await;
    let many = post(&one, "batch", &batch(&["never"; 1001])).await;
    let accepted = post(&one, "batch", &batch(&["first", "second"])).await;

    assert_eq!(
        (refused.0, &refused.1["field"]),
        (400, &json!("emits[1].event"))
    );
    assert_eq!(
        (unserved.0, &unserved.1["field"]),
        (404, &json!("emits[1].namespace"))
    );
    assert_eq!((many.0, &many.1["field"]), (400, &json!("emits")));
    assert_eq!(accepted, (202, json!({ "accepted": 2 })));
    for event in ["first", "second"] {
        assert_eq!(client.next_event().await.unwrap().name, event);
    }
}

#[tokio::test]
async fn clients_of_every_node_are_asked_and_the_silent_are_counted() {
    let [one, two] = two().await;
    let mut near = one.client().await;
    let mut far = two.client().await;
    let _silent = two.client().await;

    let question = json!({ "event": "who", "timeout": "2s" });
    let asking = post(&one, "request", &question);
    let answering = async {
        for (client, answer) in [(&mut near, "near"), (&mut far, "far")] {
            let event = client.expect("who").await.unwrap();
            client
                .answer(&event, &[json!(answer), json!(2)])
                .await
                .unwrap();
        }
    };
    let ((status, answer), ()) = tokio::join!(asking, answering);

    assert_eq!(status, 200, "{answer}");
    let mut answers: Vec<_> = answer["answers"].as_array().unwrap().clone();
    answers.sort_by_key(Value::to_string);
    assert_eq!(answers, [json!("far"), json!("near")]);
    assert_eq!(answer["missing"], 1);
    assert!(answer.get("missing_nodes").is_none(), "{answer}");
}

#[tokio::test]
async fn sockets_are_moved_listed_and_disconnected_wherever_they_are() {
    let [one, two] = two().await;
    let mut near = one.client().await;
    let mut far = two.client().await;
    let mut chat = two.client_of("/chat", Transport::WebSocket).await;
    join(&near, "red").await;
    join(&far, "red").await;

    let moved = json!({ "in": ["red"], "rooms": ["blue", "green"] });
    assert_eq!(post(&one, "join", &moved).await.0, 202);
    let left = json!({ "in": [far.id()], "rooms": ["green"] });
    assert_eq!(post(&one, "leave", &left).await.0, 202);

    let expected = json!([
        { "room": "blue", "sockets": 2 },
        { "room": "green", "sockets": 1 },
        { "room": "red", "sockets": 2 },
    ]);
    wait_for("the rooms to be as they were told", async || {
        get(&two, "rooms").await["rooms"] == expected
    })
    .await;
    let found = get(&two, &format!("sockets?room={}", near.id())).await;
    let socket = &found["sockets"][0];
    assert_eq!(socket["id"], near.id());
    assert_eq!(socket["namespace"], "/");
    assert_eq!(socket["address"], "127.0.0.1");
    let mut rooms = vec![near.id(), "blue", "green", "red"];
    rooms.sort_unstable();
    assert_eq!(socket["rooms"], json!(rooms));
    assert!(
        socket["connected_at"].as_str().unwrap().ends_with('Z'),
        "{socket}"
    );
    assert_eq!(found["missing_nodes"], json!([]));
    assert_eq!(found["next"], Value::Null);

    let page = get(&one, "sockets?limit=1").await;
    let after = page["next"].as_str().unwrap();
    let next = get(&one, &format!("sockets?limit=1&after={after}")).await;
    let ids = [&page, &next].map(|page| page["sockets"][0]["id"].as_str().unwrap().to_owned());
    let mut both = [near.id().to_owned(), far.id().to_owned()];
    both.sort();
    assert_eq!(ids, both);
    assert_eq!(next["next"], Value::Null);
    let nodes = [&page, &next].map(|page| page["sockets"][0]["node"].clone());
    assert_ne!(nodes[0], nodes[1]);

    let out = json!({ "in": ["green"] });
    assert_eq!(post(&two, "disconnect", &out).await.0, 202);
    near.closed().await.unwrap();
    let everyone = json!({ "namespace": "/chat", "all": true, "close": true });
    assert_eq!(post(&one, "disconnect", &everyone).await.0, 202);
    chat.closed().await.unwrap();
    assert!(far.try_event().is_none() && far.is_open());
}

#[tokio::test]
async fn who_is_online_is_told_with_the_node() {
    let node = TestNode::start(config(), vec![]).await;
    let mut chat = node.client_of("/chat", Transport::WebSocket).await;
    chat.emit("joinChat", &json!({ "username": "Ann" }))
        .await
        .unwrap();
    chat.expect("userOnline").await.unwrap();

    let online = get(&node, "presence").await;

    assert_eq!(online["online"][0]["client_id"], chat.id());
    assert_eq!(online["online"][0]["username"], "Ann");
    assert!(!online["online"][0]["node"].as_str().unwrap().is_empty());
    let (status, _) = node.get("/api/v1/presence?namespace=/").await;
    assert_eq!(status, 404, "nobody says who is online there");
}

#[tokio::test]
async fn every_node_is_listed_with_what_it_says_of_itself() {
    let [one, two] = two().await;
    let _client = two.client().await;

    wait_for("the connection to be told", async || {
        let list = get(&one, "nodes").await;
        let connections = list["nodes"].as_array().unwrap().iter();
        connections
            .filter_map(|node| node["connections"].as_u64())
            .sum::<u64>()
            == 1
    })
    .await;

    let list = get(&one, "nodes").await;
    assert_eq!(list["foreign"], 0);
    assert_eq!(list["nodes"].as_array().unwrap().len(), 2);
    for node in list["nodes"].as_array().unwrap() {
        assert_eq!(node["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(node["state"], "serving");
        for part in ["id", "started_at", "address"] {
            assert!(node[part].is_string(), "{part} of {node}");
        }
    }
}

#[tokio::test]
async fn a_node_is_drained_by_command_and_takes_clients_again() {
    let [one, two] = two().await;
    let mut client = one.client().await;
    let order = |body: &str| request("POST", "/api/v1/drain", "", body);
    let bad = send(one.admin, &order(r#"{"rate":0}"#)).await;
    let serving = get(&one, "drain").await;

    let (status, _) = send(one.admin, &order("")).await;
    let refused = request("DELETE", "/api/v1/drain", "", "");
    client.closed().await.unwrap();

    assert_eq!((bad.0, status), (400, 200));
    assert!(bad.1.contains("\"field\":\"rate\""), "{}", bad.1);
    assert_eq!(serving, json!({ "state": "serving", "remaining": 1 }));
    wait_for("the node to be empty", async || {
        get(&one, "drain").await == json!({ "state": "drained", "remaining": 0 })
    })
    .await;
    assert_eq!(one.get("/ready").await.0, 503);
    wait_for("the other node to know", async || {
        let list = get(&two, "nodes").await;
        let states = list["nodes"].as_array().unwrap().iter();
        states.filter(|node| node["state"] == "draining").count() == 1
    })
    .await;
    assert_eq!(send(one.admin, &refused).await.0, 200);
    assert_eq!(one.get("/ready").await.0, 200);
    one.client().await;
}

#[tokio::test]
async fn bad_input_is_refused_by_the_name_of_the_field_and_takes_no_effect() {
    let node = TestNode::start(config(), vec![]).await;
    let mut client = node.client().await;
    let long = "x".repeat(257);
    for (path, body, status, field) in [
        ("emit", json!({}), 400, "event"),
        ("emit", json!({ "event": "" }), 400, "event"),
        ("emit", json!({ "event": "connect" }), 400, "event"),
        ("emit", json!({ "event": 7 }), 400, "event"),
        ("emit", json!({ "event": "e", "evnt": 1 }), 400, "evnt"),
        (
            "emit",
            json!({ "event": "e", "rooms": ["a", ""] }),
            400,
            "rooms[1]",
        ),
        (
            "emit",
            json!({ "event": "e", "rooms": [long] }),
            400,
            "rooms[0]",
        ),
        ("emit", json!({ "event": "e", "rooms": "a" }), 400, "rooms"),
        (
            "emit",
            json!({ "event": "e", "except": [1] }),
            400,
            "except[0]",
        ),
        (
            "emit",
            json!({ "event": "e", "args": { "a": 1 } }),
            400,
            "args",
        ),
        (
            "emit",
            json!({ "event": "e", "args": [{ "$binary": "!" }] }),
            400,
            "args[0]",
        ),
        (
            "emit",
            json!({ "event": "e", "volatile": "no" }),
            400,
            "volatile",
        ),
        (
            "emit",
            json!({ "event": "e", "namespace": "chat" }),
            404,
            "namespace",
        ),
        (
            "batch",
            json!({ "emits": [{ "event": "e" }, {}] }),
            400,
            "emits[1].event",
        ),
        ("batch", json!({ "emits": {} }), 400, "emits"),
        ("batch", json!({}), 400, "emits"),
        (
            "request",
            json!({ "event": "e", "timeout": "soon" }),
            400,
            "timeout",
        ),
        (
            "request",
            json!({ "event": "e", "timeout": "61s" }),
            400,
            "timeout",
        ),
        (
            "request",
            json!({ "event": "e", "timeout": "0s" }),
            400,
            "timeout",
        ),
        ("join", json!({ "rooms": [] }), 400, "rooms"),
        ("join", json!({ "in": [], "rooms": ["a"] }), 400, "in"),
        ("leave", json!({ "in": ["a"] }), 400, "rooms"),
        ("disconnect", json!({}), 400, "in"),
        ("disconnect", json!({ "in": [] }), 400, "in"),
        (
            "disconnect",
            json!({ "in": ["a"], "all": true }),
            400,
            "all",
        ),
        (
            "disconnect",
            json!({ "all": true, "namespace": "/nobody" }),
            404,
            "namespace",
        ),
    ] {
        let (found, problem) = post(&node, path, &body).await;
        assert_eq!(found, status, "{path} {body}: {problem}");
        assert_eq!(problem["field"], field, "{path} {body}: {problem}");
        assert_eq!(problem["status"], status);
        for part in ["type", "title", "detail"] {
            assert!(problem[part].is_string(), "{part} of {problem}");
        }
        if path == "disconnect" && field == "in" {
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("\"all\":true"), "what to do: {detail}");
        }
    }
    for (query, field) in [
        ("sockets?limit=0", "limit"),
        ("sockets?limit=1001", "limit"),
        ("sockets?limit=many", "limit"),
        ("sockets?room=", "room"),
        ("sockets?rom=a", "rom"),
        ("sockets?room=%ff", "room"),
        ("sockets?after=%C3", "after"),
        ("sockets?limit=1&limit=2", "limit"),
        ("rooms?namespace=/nobody", "namespace"),
    ] {
        let (status, text) = node.get(&format!("/api/v1/{query}")).await;
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert!(matches!(status, 400 | 404), "{query}: {status}");
        assert_eq!(problem["field"], field, "{query}: {problem}");
    }
    post(&node, "emit", &json!({ "event": "only this" })).await;
    assert_eq!(client.next_event().await.unwrap().name, "only this");
}

#[tokio::test]
async fn what_is_no_json_too_large_or_nowhere_is_a_problem_too() {
    let mut small = config();
    small.admin.body_size = 1024;
    let node = TestNode::start(small, vec![]).await;
    let large = json!({ "event": "e", "args": ["x".repeat(2000)] }).to_string();
    for (method, path, body, status, kind) in [
        ("POST", "/api/v1/emit", "{", 400, "invalid-json"),
        ("POST", "/api/v1/emit", "", 400, "invalid-json"),
        ("POST", "/api/v1/emit", "[1]", 400, "invalid-json"),
        ("POST", "/api/v1/emit", "null", 400, "invalid-json"),
        ("POST", "/api/v1/drain", "[1]", 400, "invalid-json"),
        ("POST", "/api/v1/emit", &large, 413, "too-large"),
        ("GET", "/api/v1/emit", "", 405, "wrong-method"),
        ("PUT", "/api/v1/sockets", "", 405, "wrong-method"),
        ("GET", "/api/v1/nothing", "", 404, "unknown-path"),
        ("GET", "/api", "", 404, "unknown-path"),
        ("GET", "/api/", "", 404, "unknown-path"),
    ] {
        let (found, text) = send(node.admin, &request(method, path, "", body)).await;
        assert_eq!(found, status, "{method} {path}: {text}");
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["type"], format!("urn:roomcast:problem:{kind}"));
    }
    let nothing = request("POST", "/api/v1/rebalance", "", "null");
    assert_eq!(
        send(node.admin, &nothing).await.0,
        202,
        "the document has it"
    );
    let announced = "POST /api/v1/emit HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1025\r\n\r\n";
    let (found, _) = send(node.admin, announced).await;
    assert_eq!(found, 413, "a body is refused before it arrives");
    let refused =
        "socket_io_admin_requests_total{method=\"POST\",route=\"/api/v1/emit\",status=\"413\"}";
    assert_eq!(node.metric(refused).await, 2.0);
}

#[tokio::test]
async fn the_token_opens_the_api_and_nothing_else_does() {
    let mut closed = config();
    closed.admin.token = Some(Secret::new("word"));
    let node = TestNode::start(closed, vec![]).await;
    for (more, status) in [
        ("", 401),
        ("Authorization: Bearer wrong\r\n", 401),
        ("Authorization: Bearer word\r\n", 200),
    ] {
        for path in ["/api/v1/rooms", "/api/openapi.json"] {
            let (found, text) = send(node.admin, &request("GET", path, more, "")).await;
            assert_eq!(found, status, "{path} {more:?}: {text}");
        }
    }
    assert_eq!(node.get("/ready").await.0, 200, "health stays open");
    assert_eq!(node.get("/metrics").await.0, 200);
}

#[tokio::test]
async fn a_port_that_others_reach_has_no_api_without_a_token() {
    let mut open = config();
    open.admin.listen = "0.0.0.0:0".parse().unwrap();
    let node = TestNode::start(open, vec![]).await;

    let (status, text) = node.get("/api/v1/rooms").await;

    assert_eq!(status, 403);
    assert!(text.contains("admin.token"), "{text}");
    assert_eq!(node.get("/metrics").await.0, 200);
}

#[tokio::test]
async fn the_api_describes_itself() {
    let node = TestNode::start(config(), vec![]).await;

    let (status, text) = node.get("/api/openapi.json").await;

    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, 200);
    assert_eq!(document["openapi"], "3.1.0");
    let emit = &document["components"]["schemas"]["Emit"];
    assert_eq!(emit["required"], json!(["event"]));
    assert_eq!(emit["additionalProperties"], json!(false));
    let room = json!({ "$ref": "#/components/schemas/RoomName" });
    assert_eq!(emit["properties"]["rooms"]["items"], room);
    let room = &document["components"]["schemas"]["RoomName"];
    assert_eq!(
        (&room["minLength"], &room["maxLength"]),
        (&json!(1), &json!(256))
    );
    let rate = &document["components"]["schemas"]["Drain"]["properties"]["rate"];
    assert_eq!(rate["maximum"], json!(u32::MAX));
    assert!(document["paths"]["/api/v1/sockets"]["get"]["parameters"].is_array());
}
