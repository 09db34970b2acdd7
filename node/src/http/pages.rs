//! What a browser gets: the demo page or a folder of one's own, and the official client.

use std::path::PathBuf;

use axum::{Json, Router, response::Redirect, routing::get};
use http::{HeaderName, HeaderValue, header};
use tower_http::services::{ServeDir, ServeFile};

use super::Body;

/// Where the client is loaded from if no file is configured: the version that the tests run.
const CDN: &str = "https://cdn.socket.io/4.8.4/socket.io.min.js";

/// For the demo page: only its own files run, and the client, wherever it comes from. Pages of others may need more.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; script-src 'self' https://cdn.socket.io; connect-src 'self' ws: wss:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The demo page: path, media type, content.
const DEMO: [(&str, &str, &str); 4] = [
    (
        "/",
        "text/html; charset=utf-8",
        include_str!("../../web/index.html"),
    ),
    (
        "/style.css",
        "text/css; charset=utf-8",
        include_str!("../../web/style.css"),
    ),
    (
        "/app.js",
        "text/javascript; charset=utf-8",
        include_str!("../../web/app.js"),
    ),
    (
        "/icon.svg",
        "image/svg+xml",
        include_str!("../../web/icon.svg"),
    ),
];

/// Which files are served.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    /// A folder in place of the demo page.
    pub(crate) dir: Option<PathBuf>,
    /// The official client's file.
    pub(crate) client: Option<PathBuf>,
    pub(crate) node_id: String,
}

impl Pages {
    pub(crate) fn router(self) -> Router {
        let node = serde_json::json!({ "node": self.node_id, "version": crate::VERSION });
        let mut router = Router::new().route("/node.json", get(async move || Json(node)));
        router = match self.client {
            Some(file) => router.route_service("/socket.io/socket.io.js", ServeFile::new(file)),
            None => router.route(
                "/socket.io/socket.io.js",
                get(async || Redirect::temporary(CDN)),
            ),
        };
        router = match self.dir {
            Some(dir) => router.fallback_service(ServeDir::new(dir)),
            None => DEMO.iter().fold(router, |router, (path, kind, text)| {
                let headers = [
                    (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
                    (header::CONTENT_SECURITY_POLICY, POLICY),
                ];
                router.route(path, get(async move || (headers, *text)))
            }),
        };
        router.layer(axum::middleware::map_response(secured))
    }
}

async fn secured(mut response: http::Response<Body>) -> http::Response<Body> {
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    );
    response
}
