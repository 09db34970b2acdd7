//! One request to another server, and its answer.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::config::HttpUrl;

/// More than a cluster has to tell, and less than would hurt the machine of who asked.
const LARGEST_ANSWER: usize = 256 << 20;

/// Sends `request`, whose URI is one of `server`, over a connection of its own. The error says why there is no answer.
pub(crate) async fn exchange(
    server: &HttpUrl,
    request: Request<Full<Bytes>>,
    patience: Duration,
) -> Result<(StatusCode, Bytes), String> {
    match tokio::time::timeout(patience, talk(server, request)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(_) => Err(format!("no answer within {} seconds", patience.as_secs())),
    }
}

async fn talk(
    server: &HttpUrl,
    mut request: Request<Full<Bytes>>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let (host, port) = server.authority();
    let stream = TcpStream::connect((host, port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let named = format!("{}:{port}", request.uri().host().unwrap_or_default());
    request
        .headers_mut()
        .insert(header::HOST, HeaderValue::try_from(named)?);
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map(Into::into).unwrap_or_default();
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LARGEST_ANSWER).collect();
        let body = body.await.map_err(anyhow::Error::from_boxed)?;
        anyhow::Ok((status, body.to_bytes()))
    };
    // Both end with this function: nothing is left running. A connection may end in the moment it has answered.
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        _ = connection => answer.await,
    }
}
