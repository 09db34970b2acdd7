//! The public port: WebSockets, long polling, and pages.

use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::{Body, origin::Origins, pages::Pages, text};
use crate::{
    connection::{Connection, Handler, Rejection, Stream, copied, is_asked_for},
    metrics::Metrics,
    platform::{Platforms, socketio, ws},
};

/// The path that Socket.IO clients use by default, with and without its last slash.
const PATH: &str = "/socket.io";

/// A WebSocket that may be opened, on either platform.
pub(crate) enum Opening {
    SocketIo(socketio::Opening),
    Ws(ws::Opening),
}

/// Serves clients.
#[derive(Clone)]
pub(crate) struct Public(Arc<Parts>);

struct Parts {
    platforms: Platforms,
    origins: Origins,
    pages: Router,
    metrics: Arc<Metrics>,
}

impl Public {
    pub(crate) fn new(
        platforms: Platforms,
        origins: Origins,
        pages: Pages,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self(Arc::new(Parts {
            platforms,
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
        if !is_asked_for(request.headers()) || !parts.origins.allows(request.headers()) {
            return None;
        }
        if let Some((ws, namespace)) = parts.raw(request.uri()) {
            let opening = ws.check(&namespace, request.into_parts().0);
            return opening.ok().map(Opening::Ws);
        }
        if !is_for_clients(request.uri().path()) {
            return None;
        }
        let opening = parts.platforms.socketio().check(request.into_parts().0);
        opening.ok().map(Opening::SocketIo)
    }

    fn carry(&self, opening: Opening, connection: Connection<Stream>, read: Bytes) {
        match opening {
            Opening::SocketIo(opening) => {
                let socketio = self.0.platforms.socketio();
                socketio.carry(opening, connection, read);
            }
            Opening::Ws(opening) => {
                if let Some(ws) = self.0.platforms.ws() {
                    ws.carry(opening, connection, read);
                }
            }
        }
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        let parts = &self.0;
        let raw = parts.raw(request.uri());
        if raw.is_none() && !is_for_clients(request.uri().path()) {
            let Ok(response) = parts.pages.clone().oneshot(request).await;
            return response;
        }
        if !parts.origins.allows(request.headers()) {
            return self.reject(Rejection::Origin);
        }
        if let Some((ws, namespace)) = raw {
            // A request that asks for no WebSocket is refused for that.
            let on_upgrade = hyper::upgrade::on(&mut request);
            let opening = ws.check(&namespace, copied(request.into_parts().0));
            return match opening {
                Ok(opening) => ws.upgrade(opening, on_upgrade),
                Err(rejection) => self.reject(rejection),
            };
        }
        let platform = parts.platforms.socketio();
        if is_asked_for(request.headers()) {
            // A balancer may send it over a connection that has carried other requests.
            let on_upgrade = hyper::upgrade::on(&mut request);
            let opening = platform.check(copied(request.into_parts().0));
            return match opening {
                Ok(opening) => platform.upgrade(opening, on_upgrade),
                Err(rejection) => self.reject(rejection),
            };
        }
        let (method, headers) = (request.method().clone(), request.headers().clone());
        let mut response = if method == Method::OPTIONS {
            preflight()
        } else {
            let polled = platform.poll(request).await;
            polled.unwrap_or_else(|rejection| self.reject(rejection))
        };
        parts.origins.grant(&headers, response.headers_mut());
        response
    }
}

impl Parts {
    /// The platform of raw WebSockets and the namespace, if a request is for it.
    fn raw(&self, uri: &Uri) -> Option<(&ws::Platform, String)> {
        let namespace = ws::namespace(uri.path())?;
        Some((self.platforms.ws()?, namespace.to_owned()))
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
