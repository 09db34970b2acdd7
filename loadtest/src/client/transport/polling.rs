//! The polling transport: one request waits for packets, another connection posts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, HOST, SET_COOKIE};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{CloseReason, ConnectError, Connection, Frame, TransportOptions, opened};
use crate::client::engine;

/// The most that one answer may hold.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

pub(crate) struct Sender {
    http: Http,
    limit: usize,
}

/// Reads what a task of its own polls, because a request that is under way cannot be dropped without loss.
pub(crate) struct Receiver {
    frames: mpsc::Receiver<Result<Frame, CloseReason>>,
    stopped: Arc<AtomicBool>,
    _poller: JoinSet<()>,
}

/// One connection for requests that follow each other; it is opened again when the server has closed it.
struct Http {
    options: TransportOptions,
    request_target: String,
    cookies: Vec<String>,
    open: Option<SendRequest<Full<Bytes>>>,
    /// Drives the connection; dropping it closes the socket.
    driver: JoinSet<()>,
}

pub(super) async fn open(options: &TransportOptions) -> Result<Connection, ConnectError> {
    let mut poller = Http {
        request_target: options.request_target("polling"),
        options: options.clone(),
        cookies: Vec::new(),
        open: None,
        driver: JoinSet::new(),
    };
    let mut first = poller.request(Method::GET, Bytes::new()).await?;
    let handshake = opened(
        first
            .first()
            .ok_or(ConnectError::Engine(engine::EngineError::Empty))?,
    )?;
    first.remove(0);
    poller.request_target += &format!("&sid={}", crate::client::builder::encode(&handshake.sid));

    let http = Http {
        options: options.clone(),
        request_target: poller.request_target.clone(),
        cookies: poller.cookies.clone(),
        open: None,
        driver: JoinSet::new(),
    };
    // One frame at a time: a client that stops reading stops polling.
    let (into, frames) = mpsc::channel(1);
    let mut tasks = JoinSet::new();
    let stopped = Arc::new(AtomicBool::new(false));
    tasks.spawn(poll(poller, first, into, Arc::clone(&stopped)));
    Ok(Connection {
        sender: super::Sender::Polling(Box::new(Sender {
            http,
            limit: handshake.max_payload,
        })),
        receiver: super::Receiver::Polling(Receiver {
            frames,
            stopped,
            _poller: tasks,
        }),
        handshake,
    })
}

async fn poll(
    mut http: Http,
    mut frames: Vec<Frame>,
    into: mpsc::Sender<Result<Frame, CloseReason>>,
    stopped: Arc<AtomicBool>,
) {
    loop {
        for frame in frames {
            if into.send(Ok(frame)).await.is_err() {
                return;
            }
        }
        if stopped.load(Ordering::Acquire) {
            return;
        }
        match http.request(Method::GET, Bytes::new()).await {
            Ok(more) => frames = more,
            Err(error) => {
                // Where nobody reads any more, nobody wants to know.
                let _ = into.send(Err(reason(error))).await;
                return;
            }
        }
    }
}

impl Sender {
    pub(super) async fn send(&mut self, frames: &mut Vec<Frame>) -> Result<(), CloseReason> {
        for body in engine::join(frames, self.limit) {
            self.http
                .request(Method::POST, body.into())
                .await
                .map_err(reason)?;
        }
        frames.clear();
        Ok(())
    }
}

impl Receiver {
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(super) async fn recv(&mut self) -> Result<Frame, CloseReason> {
        let gone = || CloseReason::TransportError("polling has ended".to_owned());
        self.frames.recv().await.unwrap_or_else(|| Err(gone()))
    }
}

impl Http {
    /// Sends a request; gives back the packets of the answer to a GET.
    async fn request(&mut self, method: Method, body: Bytes) -> Result<Vec<Frame>, ConnectError> {
        let reading = method == Method::GET;
        let response = loop {
            let reused = self.open.is_some();
            let request = self.make(method.clone(), body.clone())?;
            let sender = self.sender().await?;
            match sender.try_send_request(request).await {
                Ok(response) => break response,
                Err(mut error) => {
                    let never_left = error.take_message().is_some();
                    if !(reused && never_left) {
                        return Err(ConnectError::Polling(error.into_error()));
                    }
                    // The server closed the idle connection in the meantime: that is no error.
                    self.open = None;
                }
            }
        };
        self.keep_cookies(response.headers());
        let status = response.status();
        let bytes = Limited::new(response.into_body(), LARGEST_BODY)
            .collect()
            .await
            .map_err(|error| ConnectError::Http {
                status: status.as_u16(),
                body: format!("its body cannot be read: {error}"),
            })?
            .to_bytes();
        let text = String::from_utf8_lossy(&bytes);
        if status != StatusCode::OK {
            return Err(ConnectError::Http {
                status: status.as_u16(),
                body: text.into_owned(),
            });
        }
        if !reading {
            return Ok(Vec::new());
        }
        engine::split(&text).map_err(ConnectError::Engine)
    }

    fn make(&self, method: Method, body: Bytes) -> Result<Request<Full<Bytes>>, ConnectError> {
        let mut request = Request::builder()
            .method(method)
            .uri(&self.request_target)
            .header(HOST, self.options.target.authority())
            .header(
                CONTENT_TYPE,
                HeaderValue::from_static("text/plain;charset=UTF-8"),
            )
            .body(Full::new(body))
            .map_err(ConnectError::Request)?;
        self.options.add_headers(&mut request);
        if !self.cookies.is_empty() {
            let cookies = HeaderValue::from_str(&self.cookies.join("; "))
                .map_err(|error| ConnectError::Request(error.into()))?;
            request.headers_mut().append(COOKIE, cookies);
        }
        Ok(request)
    }

    /// The open connection, or a new one.
    async fn sender(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, ConnectError> {
        let alive = match &mut self.open {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !alive {
            let stream = self
                .options
                .target
                .dial(self.options.receive_buffer)
                .await?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream))
                .await
                .map_err(ConnectError::Polling)?;
            self.driver = JoinSet::new();
            self.driver.spawn(async move {
                // Its error reaches the request that it fails.
                let _ = connection.await;
            });
            self.open = Some(sender);
        }
        Ok(self.open.as_mut().expect("it was opened just above"))
    }

    /// A load balancer's cookie has to come back, or the next request goes to another node.
    fn keep_cookies(&mut self, headers: &http::HeaderMap) {
        for cookie in headers.get_all(SET_COOKIE) {
            let Some(pair) = cookie
                .to_str()
                .ok()
                .and_then(|cookie| cookie.split(';').next())
            else {
                continue;
            };
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            self.cookies.retain(|kept| {
                kept.split_once('=').map_or(kept.as_str(), |(name, _)| name) != name
            });
            self.cookies.push(pair.to_owned());
        }
    }
}

fn reason(error: ConnectError) -> CloseReason {
    match error {
        ConnectError::Engine(error) => error.into(),
        error => {
            let source = std::error::Error::source(&error)
                .map(|source| format!(": {source}"))
                .unwrap_or_default();
            CloseReason::TransportError(format!("{error}{source}"))
        }
    }
}
