//! The public port: WebSockets, long polling, and pages.

use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::{Body, origin::Origins, pages::Pages, text};
use crate::{
    connection::{Connection, Handler, Rejection, copied, is_asked_for},
    metrics::Metrics,
    platform::socketio::{Opening, Platform},
};

/// The path that Socket.IO clients use by default, with and without its last slash.
const PATH: &str = "/socket.io";

/// Serves clients.
#[derive(Clone)]
pub(crate) struct Public(Arc<Parts>);

struct Parts {
    platform: Platform,
    origins: Origins,
    pages: Router,
    metrics: Arc<Metrics>,
}

impl Public {
    pub(crate) fn new(
        platform: Platform,
        origins: Origins,
        pages: Pages,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self(Arc::new(Parts {
            platform,
            origins,
            pages: pages.router(),
            metrics,
        }))
    }

    fn reject(&self, rejection: Rejection) -> Response<Body> {
        self.0.metrics.rejected(rejection.reason());
        rejection.response()
    }
}

impl Handler for Public {
    type Opening = Opening;

    fn open(&self, request: Request<()>) -> Option<Opening> {
        let parts = &self.0;
        let is_for_it = is_for_clients(request.uri().path())
            && is_asked_for(request.headers())
            && parts.origins.allows(request.headers());
        if !is_for_it {
            return None;
        }
        parts.platform.check(request.into_parts().0).ok()
    }

    fn carry(&self, opening: Opening, connection: Connection<TcpStream>, read: Bytes) {
        self.0.platform.carry(opening, connection, read);
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        let parts = &self.0;
        if !is_for_clients(request.uri().path()) {
            let Ok(response) = parts.pages.clone().oneshot(request).await;
            return response;
        }
        if !parts.origins.allows(request.headers()) {
            return self.reject(Rejection::Origin);
        }
        if is_asked_for(request.headers()) {
            // A balancer may send it over a connection that has carried other requests.
            let on_upgrade = hyper::upgrade::on(&mut request);
            let opening = parts.platform.check(copied(request.into_parts().0));
            return match opening {
                Ok(opening) => parts.platform.upgrade(opening, on_upgrade),
                Err(rejection) => self.reject(rejection),
            };
        }
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let mut response = if method == Method::OPTIONS {
            preflight()
        } else {
            let polled = parts.platform.poll(request).await;
            polled.unwrap_or_else(|rejection| self.reject(rejection))
        };
        parts.origins.grant(&headers, response.headers_mut());
        response
    }
}

fn is_for_clients(path: &str) -> bool {
    path.strip_prefix(PATH)
        .is_some_and(|rest| rest.is_empty() || rest == "/")
}

/// What a browser asks before it polls across origins; it looks at the headers that are granted.
fn preflight() -> Response<Body> {
    let mut response = text(StatusCode::NO_CONTENT, Body::empty());
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET,POST"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "content-type,authorization",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
