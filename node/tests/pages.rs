//! What browsers are told beside pages: on each of them, on what is not there, and on pages that somebody brought.

#![allow(
    clippy::unwrap_used,
    reason = "the lint leaves out test functions, but not what they call"
)]

mod common;

use std::fs;

use common::{DEADLINE, TestNode, config};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The head of the answer to a request, in lower case.
async fn head(node: &TestNode, method: &str, path: &str) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(node.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).to_lowercase()
    };
    let answer = tokio::time::timeout(DEADLINE, exchange).await.unwrap();
    answer.split("\r\n\r\n").next().unwrap().to_owned()
}

fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

/// The values of a header, in lower case.
fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let lines = head.lines();
    lines
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .collect()
}

#[tokio::test]
async fn everything_that_looks_like_a_page_is_protected() {
    let node = TestNode::start(config(), vec![]).await;
    for (method, path, expected) in [
        ("GET", "/", "200"),
        ("GET", "/app.js", "200"),
        ("GET", "/node.json", "200"),
        ("GET", "/socket.io/socket.io.js", "307"),
        ("GET", "/nothing", "404"),
        ("GET", "/metrics", "404"),
        ("POST", "/", "405"),
        ("HEAD", "/", "200"),
    ] {
        let head = head(&node, method, path).await;

        let at = format!("{method} {path}: {head}");
        assert_eq!(status(&head), expected, "{at}");
        assert_eq!(values(&head, "x-content-type-options"), ["nosniff"], "{at}");
        assert_eq!(values(&head, "x-frame-options"), ["deny"], "{at}");
        assert_eq!(values(&head, "referrer-policy"), ["no-referrer"], "{at}");
        assert_eq!(
            values(&head, "cross-origin-opener-policy"),
            ["same-origin"],
            "{at}"
        );
        assert_eq!(values(&head, "permissions-policy").len(), 1, "{at}");
        let policies = values(&head, "content-security-policy");
        assert_eq!(policies.len(), 1, "{at}");
        assert!(policies[0].contains("frame-ancestors 'none'"), "{at}");
        assert!(
            values(&head, "strict-transport-security").is_empty(),
            "{at}"
        );
    }
}

#[tokio::test]
async fn pages_of_a_folder_may_do_more_and_are_framed_by_nobody_else_either() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("index.html"), "<p>mine").unwrap();
    let mut config = config();
    config.pages.dir = Some(dir.path().to_owned());
    let node = TestNode::start(config, vec![]).await;
    for (path, expected) in [("/", "200"), ("/nothing", "404"), ("/node.json", "200")] {
        let head = head(&node, "GET", path).await;

        assert_eq!(status(&head), expected, "{path}");
        assert_eq!(values(&head, "x-content-type-options"), ["nosniff"]);
        assert_eq!(values(&head, "x-frame-options"), ["sameorigin"]);
        assert_eq!(
            values(&head, "content-security-policy"),
            ["frame-ancestors 'self'"]
        );
        assert_eq!(
            values(&head, "cross-origin-opener-policy"),
            ["same-origin-allow-popups"]
        );
    }
}
