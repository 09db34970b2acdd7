//! The program, with keys for tokens: how it starts, or does not, and what it makes.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};

const PUBLIC_KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/auth/testdata");

fn roomcast(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_roomcast"))
        .args(args)
        .env_clear()
        .output()
        .unwrap()
}

#[test]
fn a_file_of_keys_that_cannot_be_used_ends_the_start_with_64() {
    let small = format!("{PUBLIC_KEYS}/small.pub.pem");
    for (flag, file, words) in [
        (
            "--jwt-public-key-file",
            small.as_str(),
            "expected an RSA key of 2048 to 8192 bits",
        ),
        ("--jwt-jwks-file", "/none", "expected a readable file"),
    ] {
        let flags = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
        let node = roomcast(&[&flags[..], &[flag, file]].concat());
        let check = roomcast(&["check", flag, file]);

        for output in [node, check] {
            let text = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(64), "{text}");
            let key = flag.trim_start_matches("--jwt-").replace('-', "_");
            for part in [words, file, &key] {
                assert!(text.contains(part), "{part} is not in: {text}");
            }
        }
    }
}

#[test]
fn a_secret_that_can_be_read_once_is_read_once() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let mut node = Command::new(env!("CARGO_BIN_EXE_roomcast"))
        .args(["--listen", &listen, "--admin-listen", "127.0.0.1:0"])
        .env_clear()
        .env("ROOMCAST_JWT__SECRET_FILE", "/dev/stdin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = node.stdin.take().unwrap();
    pipe.write_all(b"a secret of thirty-two bytes and more\n")
        .unwrap();
    drop(pipe);

    let output = node.wait_with_output().unwrap();

    // It comes as far as to its port, which is taken.
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("Address already in use"), "{text}");
    assert_eq!(output.status.code(), Some(64), "{text}");
}

#[test]
fn a_token_is_printed_alone_so_that_a_shell_can_take_it() {
    let made = roomcast(&["token", "--sub", "alice", "--jwt-secret", "word"]);
    let without_secret = roomcast(&["token", "--sub", "alice"]);

    let token = String::from_utf8(made.stdout).unwrap();
    assert_eq!(made.status.code(), Some(0));
    assert_eq!(token.lines().count(), 1, "{token}");
    assert_eq!(token.split('.').count(), 3, "{token}");
    assert_eq!(without_secret.status.code(), Some(64));
    assert!(without_secret.stdout.is_empty());
}
