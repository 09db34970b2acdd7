//! Talks to the admin port of a node, as all verbs do that are about a running cluster.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Answer, Exit};
use crate::config::{Config, HttpUrl, Secret, Sources};
use crate::http::exchange;

/// A node asks the others for 5 s at most before it answers.
const PATIENCE: Duration = Duration::from_secs(15);

/// Whom to ask, and as whom.
#[derive(Debug)]
pub(super) struct Client {
    admin: HttpUrl,
    token: Option<Secret>,
}

/// What a node answered to what it did not refuse: JSON, or nothing.
#[derive(Debug)]
pub(super) struct Reply {
    url: String,
    text: String,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody is there, or nobody who speaks HTTP.
    Unreachable { url: String, reason: String },
    /// Somebody is, who refuses.
    Refused {
        url: String,
        status: StatusCode,
        problem: Option<Problem>,
    },
    /// The answer is not that of a node.
    Strange { url: String, reason: String },
}

/// What a node says of a request that it refuses, in the form of RFC 9457.
#[derive(Debug, Deserialize)]
pub(super) struct Problem {
    title: String,
    #[serde(default)]
    detail: String,
    field: Option<String>,
}

impl Client {
    /// Reads whom to ask from the configuration.
    pub(super) fn of(sources: &Sources) -> Result<Self, Answer> {
        Ok(Self::new(&sources.config()?))
    }

    pub(super) fn new(config: &Config) -> Self {
        Self {
            admin: config.admin.url.clone(),
            token: config.admin.token.clone(),
        }
    }

    /// Asks for `path`. A pair of `query` without a value is left out.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, Option<String>)],
    ) -> Result<Reply, Failure> {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        for (name, value) in query {
            if let Some(value) = value {
                pairs.append_pair(name, value);
            }
        }
        let path = match pairs.finish() {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        };
        self.ask(Method::GET, &path, Bytes::new(), PATIENCE).await
    }

    /// Has the node do `body` at `path`.
    pub(super) async fn post(&self, path: &str, body: &impl Serialize) -> Result<Reply, Failure> {
        self.post_slow(path, body, Duration::ZERO).await
    }

    /// As [`post`](Self::post), of what may take the node `longer`.
    pub(super) async fn post_slow(
        &self,
        path: &str,
        body: &impl Serialize,
        longer: Duration,
    ) -> Result<Reply, Failure> {
        let body = serde_json::to_vec(body).expect("texts, numbers and JSON become JSON");
        self.ask(Method::POST, path, body.into(), PATIENCE + longer)
            .await
    }

    /// Has the node undo what is at `path`.
    pub(super) async fn delete(&self, path: &str) -> Result<Reply, Failure> {
        self.ask(Method::DELETE, path, Bytes::new(), PATIENCE).await
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        patience: Duration,
    ) -> Result<Reply, Failure> {
        let url = self.admin.join(path);
        let mut request = Request::builder().method(method).uri(&url);
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
                .expect("the configuration takes tokens of ASCII alone");
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = match request.body(Full::new(body)) {
            Ok(request) => request,
            Err(error) => return Err(Failure::strange(url, error)),
        };
        let (status, body) = match exchange(&self.admin, request, patience).await {
            Ok(answer) => answer,
            Err(reason) => return Err(Failure::Unreachable { url, reason }),
        };
        if !status.is_success() {
            let problem = serde_json::from_slice(&body).ok();
            return Err(Failure::Refused {
                url,
                status,
                problem,
            });
        }
        match String::from_utf8(body.into()) {
            Ok(text) => Ok(Reply { url, text }),
            Err(error) => Err(Failure::strange(url, error)),
        }
    }
}

impl Reply {
    #[cfg(test)]
    pub(super) fn of(text: &str) -> Self {
        Self {
            url: "http://127.0.0.1".to_owned(),
            text: text.to_owned(),
        }
    }

    /// The answer as it came, as a line.
    pub(super) fn as_it_came(&self) -> String {
        format!("{}\n", self.text.trim_end())
    }

    /// The answer as what it should be.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.text).map_err(|error| Failure::strange(self.url.clone(), error))
    }
}

impl Failure {
    fn strange(url: String, reason: impl fmt::Display) -> Self {
        Self::Strange {
            url,
            reason: reason.to_string(),
        }
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreachable { url, reason } => Self::bad(
                Exit::Unavailable,
                format!("no node answers at {url}: {reason}\n"),
            )
            .but(
                "admin.url says where to look (--admin-url, ROOMCAST_ADMIN__URL): it has to be where the node's \
                 admin.listen is",
            ),
            Failure::Refused {
                url,
                status,
                problem,
            } => {
                let answer = Self::bad(Exit::No, refusal(&url, status, problem));
                match status {
                    StatusCode::UNAUTHORIZED => answer.but(
                        "admin.token has to be that of the node: --admin-token, ROOMCAST_ADMIN__TOKEN or \
                         ROOMCAST_ADMIN__TOKEN_FILE",
                    ),
                    StatusCode::FORBIDDEN => answer.but(
                        "with an admin.token the node takes commands from whoever presents it: set it there and here, as \
                         with ROOMCAST_ADMIN__TOKEN_FILE",
                    ),
                    _ => answer,
                }
            }
            Failure::Strange { url, reason } => Self::bad(
                Exit::No,
                format!("{url} answers, but not as a node of this version: {reason}\n"),
            ),
        }
    }
}

fn refusal(url: &str, status: StatusCode, problem: Option<Problem>) -> String {
    let Some(problem) = problem else {
        return format!(
            "{url} answered {status}, and not as a node refuses: is it the admin port of one?\n"
        );
    };
    let mut line = format!("refused: {}", problem.title);
    if !problem.detail.is_empty() {
        line.push_str(&format!(": {}", problem.detail));
    }
    if let Some(field) = problem.field {
        line.push_str(&format!(" (field {field})"));
    }
    line.push('\n');
    line
}
