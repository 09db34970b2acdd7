//! What a browser gets: the demo page or a folder of one's own, and the official client.

use std::path::PathBuf;

use axum::{
    Json, Router, extract::State, middleware::map_response_with_state, response::Redirect,
    routing::get,
};
use http::{HeaderValue, Response, header};
use tower_http::services::{ServeDir, ServeFile};

use super::{Body, headers::Protection};

/// Where the client is loaded from if no file is configured: the version that the tests run.
const CDN: &str = "https://cdn.socket.io/4.8.4/socket.io.min.js";

/// For the demo page: only its own files run, and nothing on it can make markup of text.
const POLICY: &str = "default-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The demo page: path, media type, content.
const DEMO: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("../../web/index.html")),
    ("/style.css", CSS, include_str!("../../web/style.css")),
    ("/icon.svg", SVG, include_str!("../../web/icon.svg")),
    ("/app.js", SCRIPT, include_str!("../../web/app.js")),
    ("/ask.js", SCRIPT, include_str!("../../web/ask.js")),
    ("/chat.js", SCRIPT, include_str!("../../web/chat.js")),
    (
        "/connection.js",
        SCRIPT,
        include_str!("../../web/connection.js"),
    ),
    ("/log.js", SCRIPT, include_str!("../../web/log.js")),
    ("/page.js", SCRIPT, include_str!("../../web/page.js")),
    ("/people.js", SCRIPT, include_str!("../../web/people.js")),
    ("/replies.js", SCRIPT, include_str!("../../web/replies.js")),
    (
        "/resource.js",
        SCRIPT,
        include_str!("../../web/resource.js"),
    ),
    ("/rooms.js", SCRIPT, include_str!("../../web/rooms.js")),
    ("/row.js", SCRIPT, include_str!("../../web/row.js")),
    ("/tokens.js", SCRIPT, include_str!("../../web/tokens.js")),
    ("/typing.js", SCRIPT, include_str!("../../web/typing.js")),
];

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Which files are served.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    /// A folder in place of the demo page.
    pub(crate) dir: Option<PathBuf>,
    /// The official client's file.
    pub(crate) client: Option<PathBuf>,
    pub(crate) node_id: String,
    /// Whether browsers come over TLS that ends in this node.
    pub(crate) over_tls: bool,
}

impl Pages {
    pub(crate) fn router(self) -> Router {
        let node = serde_json::json!({ "node": self.node_id, "version": crate::VERSION });
        let mut router = Router::new().route("/node.json", get(async move || Json(node)));
        let policy = policy(self.client.is_none());
        let protection = match self.dir {
            Some(_) => Protection::of_theirs(),
            None => Protection::of_ours(),
        };
        let protection = if self.over_tls {
            protection.over_tls()
        } else {
            protection
        };
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
                    (header::CONTENT_SECURITY_POLICY, policy.clone()),
                    // The files belong together: one of an older node must not stay.
                    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
                ];
                router.route(path, get(async move || (headers, *text)))
            }),
        };
        router.layer(map_response_with_state(protection, protected))
    }
}

/// Socket.IO's CDN is trusted only where the client comes from there.
fn policy(client_from_cdn: bool) -> HeaderValue {
    let scripts = if client_from_cdn {
        "script-src 'self' https://cdn.socket.io"
    } else {
        "script-src 'self'"
    };
    HeaderValue::try_from(format!("{POLICY}; {scripts}")).expect("both halves are plain ASCII")
}

async fn protected(
    State(protection): State<Protection>,
    mut response: Response<Body>,
) -> Response<Body> {
    protection.protect(response.headers_mut());
    response
}
