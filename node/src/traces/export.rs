//! The way of spans to the collector: OTLP over HTTP.
//!
//! OpenTelemetry gathers spans in a queue of 2,048, full of which it drops further ones, and sends them from a thread of its
//! own every five seconds. The requests of that thread are made by a task here, on the node's runtime.

use std::{fmt, pin::Pin};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use tokio::sync::{mpsc, oneshot};

use crate::{config::HttpUrl, http::exchange};

/// How long the collector may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

type Answer = Result<Response<Bytes>, HttpError>;

/// A request of the exporter, and where its answer goes.
type Asked = (Request<Bytes>, oneshot::Sender<Answer>);

/// The exporter's side.
struct Client(mpsc::Sender<Asked>);

/// The task that sends spans.
pub(crate) struct Exporting {
    endpoint: HttpUrl,
    asked: mpsc::Receiver<Asked>,
}

/// An exporter to `endpoint`, and the task by which it sends.
pub(super) fn exporter(endpoint: &HttpUrl) -> (SpanExporter, Exporting) {
    // One thread asks, and waits for the answer.
    let (asks, asked) = mpsc::channel(1);
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client(asks))
        .with_endpoint(endpoint.join("/v1/traces"))
        .build()
        .expect("it has a client, and a URL that was checked");
    let endpoint = endpoint.clone();
    (exporter, Exporting { endpoint, asked })
}

impl Exporting {
    /// Sends spans until there can be none any more. That the collector cannot be reached is logged once, until it can.
    pub(crate) async fn run(mut self) {
        let mut fails = false;
        while let Some((request, answer)) = self.asked.recv().await {
            let sent = exchange(&self.endpoint, request.map(Full::new), PATIENCE).await;
            let sent = match sent {
                Ok((status, body)) if status.is_success() => Ok((status, body)),
                Ok((status, _)) => Err(format!("it answered {status}")),
                Err(reason) => Err(reason),
            };
            match &sent {
                Err(reason) if !fails => {
                    tracing::warn!(endpoint = %self.endpoint, reason, "the collector of traces does not take them");
                }
                Ok(_) if fails => tracing::info!("the collector takes traces again"),
                _ => {}
            }
            fails = sent.is_err();
            let sent = sent.map_err(HttpError::from).map(|(status, body)| {
                let mut response = Response::new(body);
                *response.status_mut() = status;
                response
            });
            // Nobody waits any more where the exporter was in a hurry.
            let _ = answer.send(sent);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client").finish_non_exhaustive()
    }
}

impl HttpClient for Client {
    fn send_bytes<'this, 'future>(
        &'this self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'future>>
    where
        'this: 'future,
        Self: 'future,
    {
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            self.0.try_send((request, answer))?;
            answered.await?
        })
    }
}
