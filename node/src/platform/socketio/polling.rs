//! Long polling: requests that the engine answers, once they are found good, and its answers with what is ours in them.

use std::{future::poll_fn, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header::CONTENT_LENGTH};
use hyper::body::Incoming;
use socketioxide_core::Sid;
use tower::ServiceExt;

use super::Platform;
use crate::{
    connection::{Rejection, copied},
    http::Body,
    platform::goodbye::Goodbye,
};

/// How long the body of a POST may take. The engine would wait for it for ever, also once the session is gone.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

impl Platform {
    /// Answers a request of long polling.
    ///
    /// # Errors
    ///
    /// What to answer where the engine is not asked; its own refusals are answers.
    pub(crate) async fn poll(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Rejection> {
        let query = request.uri().query().unwrap_or_default();
        // The engine reads less strictly, and would open WebSockets of its own.
        match parameter(query, "transport") {
            Some("polling") => {}
            Some("websocket") => return Err(Rejection::Handshake),
            _ => return Err(Rejection::Transport),
        }
        let (mut parts, body) = request.into_parts();
        let id = self.0.ids.admit(&mut parts)?;
        let request = Request::from_parts(parts, body);
        let (request, patience) = match id {
            None if self.refuses() => return Err(Rejection::Draining),
            None => (self.opening(request)?, None),
            Some(id) if request.method() == Method::POST => {
                if !self.caught_up(id).await {
                    self.close_polling(id).await;
                    return Err(Rejection::Session);
                }
                (request, Some(BODY_TIMEOUT))
            }
            Some(_) => (request, None),
        };
        let goodbye = Goodbye::default();
        let request = request.map(|body| goodbye.of(body));
        let answer = self.0.service.clone().oneshot(request);
        let Ok(response) = match patience {
            None => answer.await,
            Some(patience) => match tokio::time::timeout(patience, answer).await {
                Ok(answer) => answer,
                Err(_) => return Err(Rejection::Slow),
            },
        };
        if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
            self.0.metrics.traffic.oversized_bodies.inc();
            // The engine has no words for it.
            return Ok(Rejection::Size.response());
        }
        let response = response.map(Body::new);
        if response.status() == StatusCode::BAD_REQUEST {
            return Ok(rewritten(response, numbered).await);
        }
        let Some(id) = id else {
            return Ok(rewritten(response, |body| self.0.ids.in_open(body).map(Bytes::from)).await);
        };
        if goodbye.is_said() && response.status().is_success() {
            self.left(id);
        }
        // Looked for now: a first poll may be older than the first seat.
        let session = self.0.sessions.find(id);
        match session.filter(|session| session.answers_wait()) {
            Some(session) => Ok(rewritten(response, |body| session.answered_in_poll(body)).await),
            None => Ok(response),
        }
    }

    /// The first request of a polling session lives as long as the session: it must not hold a connection's read buffer.
    ///
    /// # Errors
    ///
    /// Why there may be no more.
    fn opening(&self, request: Request<Incoming>) -> Result<Request<Incoming>, Rejection> {
        let (parts, body) = request.into_parts();
        let mut parts = copied(parts);
        let session = self.admitted(&mut parts.extensions)?;
        parts.extensions.insert(session);
        Ok(Request::from_parts(parts, body))
    }

    /// Waits until a polling client's events are few enough; false if that took too long.
    async fn caught_up(&self, id: Sid) -> bool {
        let Some(session) = self.0.sessions.find(id) else {
            return true;
        };
        let caught_up = tokio::time::timeout(self.0.patience, session.caught_up()).await;
        if caught_up.is_err() {
            self.0.metrics.traffic.behind.inc();
            return false;
        }
        poll_fn(|context| session.poll_bus(context)).await;
        true
    }

    /// Closes a session that is polling, as its client would: the engine has no other public way.
    pub(super) async fn close_polling(&self, id: Sid) {
        let goodbye = Request::post(format!("/socket.io/?EIO=4&transport=polling&sid={id}"))
            .body(Body::from("1"));
        if let Ok(goodbye) = goodbye {
            // A session that is no more, or no longer polling, is what was wanted.
            let Ok(answer) = self.0.service.clone().oneshot(goodbye).await;
            if answer.status().is_success() {
                self.left(id);
            }
        }
    }

    /// The client of a session that polls has said goodbye, or we have for it.
    fn left(&self, id: Sid) {
        if let Some(session) = self.0.sessions.find(id) {
            session.ended();
        }
    }
}

/// A poll's answer, in which something of ours takes the place of the engine's, unless `rewrite` leaves it as it is.
async fn rewritten(
    response: Response<Body>,
    rewrite: impl FnOnce(&[u8]) -> Option<Bytes>,
) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    // The engine's answers are whole, and no longer than what may wait for a client.
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return Response::from_parts(parts, Body::empty());
    };
    let body = rewrite(&body).unwrap_or(body);
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    Response::from_parts(parts, Body::from(body))
}

/// A refusal of the engine's, whose code is a number as Node.js has it, and not a text.
fn numbered(body: &[u8]) -> Option<Bytes> {
    let (code, rest) = body.strip_prefix(br#"{"code":""#)?.split_first()?;
    let rest = rest.strip_prefix(b"\"")?;
    Some([&br#"{"code":"#[..], &[*code], rest].concat().into())
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
