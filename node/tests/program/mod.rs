//! Runs `roomcast` as a shell does, perhaps against an admin port that plays a node.

use std::collections::VecDeque;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use http::{Response, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinSet;

/// What the program said.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: Option<i32>,
}

pub(crate) async fn run(args: &[&str], environment: &[(&str, &str)]) -> Said {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_roomcast"))
        .args(args)
        .env_clear()
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    Said {
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
        code: status.code(),
    }
}

pub(crate) fn good(out: &str) -> Said {
    Said {
        out: out.to_owned(),
        err: String::new(),
        code: Some(0),
    }
}

/// An admin port that gives its answers one after the other, and the last one again and again.
pub(crate) struct StandIn {
    pub(crate) url: String,
    script: Arc<Script>,
    /// Holds the task that serves.
    _serving: JoinSet<()>,
}

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<(u16, String)>>,
    asked: Mutex<Vec<Asked>>,
}

/// What it was asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    /// The method and the path.
    pub(crate) line: String,
    pub(crate) body: Value,
    pub(crate) authorization: Option<String>,
}

async fn answer(State(script): State<Arc<Script>>, request: Request) -> Response<String> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let authorization = head.headers.get(header::AUTHORIZATION);
    script.asked.lock().unwrap().push(Asked {
        line: format!("{} {}", head.method, head.uri),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        authorization: authorization.map(|value| value.to_str().unwrap().to_owned()),
    });
    let mut answers = script.answers.lock().unwrap();
    let (status, text) = match answers.len() {
        1 => answers[0].clone(),
        _ => answers.pop_front().unwrap(),
    };
    let mut response = Response::new(text);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

impl StandIn {
    pub(crate) async fn with(answers: Vec<(u16, Value)>) -> Self {
        let answers = answers.into_iter();
        let texts = answers.map(|(status, body)| (status, body.to_string()));
        Self::with_texts(texts.collect()).await
    }

    pub(crate) async fn with_texts(answers: VecDeque<(u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Script {
            answers: Mutex::new(answers),
            ..Script::default()
        });
        let app = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&script));
        let mut serving = JoinSet::new();
        serving.spawn(async { axum::serve(listener, app).await.unwrap() });
        Self {
            url,
            script,
            _serving: serving,
        }
    }

    pub(crate) async fn run(&self, args: &[&str]) -> Said {
        run(&[args, &["--admin-url", &self.url]].concat(), &[]).await
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}
