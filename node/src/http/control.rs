//! The control API on the admin port: what backends and operators do to the whole cluster, through any of its nodes.
//!
//! It stands on the same port of the platforms as the `Server` of gateways, so there is one way to emit.

mod argument;
mod change;
mod emit;
mod guard;
mod input;
mod list;
mod measure;
mod operate;

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json, Router,
    extract::Request,
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, Uri};
use roomcast_adapter::Cluster;
use roomcast_gateway::{
    EmitError,
    platform::{Selection, ServerPort},
};
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa::{OpenApi, ToSchema, openapi::security};
use utoipa_axum::{router::OpenApiRouter, routes};

pub(crate) use measure::ControlMetrics;

use super::problem::Problem;
use crate::{config::Secret, node::Handle, platform::Platforms, presence::Presence};

/// Requests that are handled at a time. Most take microseconds; those that wait for clients hold their place for seconds.
const MOST_REQUESTS: usize = 512;

/// What the control API needs of its node. A cheap handle.
#[derive(Clone)]
pub(crate) struct Control(Arc<Parts>);

struct Parts {
    settings: Settings,
    server: Arc<dyn ServerPort>,
    platforms: Platforms,
    presence: Option<Presence>,
    cluster: Cluster,
    handle: Handle,
    places: Semaphore,
}

/// What the configuration says of it.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// What callers must present.
    pub(crate) token: Option<Secret>,
    /// Whether nobody but this machine can reach the port.
    pub(crate) is_private: bool,
    /// The largest body, in bytes.
    pub(crate) body_size: usize,
}

/// That it was handed to the cluster.
#[derive(Debug, Serialize, ToSchema)]
struct Accepted {
    /// How many were: emits of a batch, and else one.
    #[schema(example = 1)]
    accepted: usize,
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self)).into_response()
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Roomcast control API",
        description = "Emits to the clients of a whole Roomcast cluster, and tells of them, through any of its nodes."
    ),
    security(("bearer" = [])),
)]
struct Document;

impl Control {
    pub(crate) fn new(
        settings: Settings,
        platforms: Platforms,
        presence: Option<Presence>,
        cluster: Cluster,
        handle: Handle,
    ) -> Self {
        Self(Arc::new(Parts {
            settings,
            server: platforms.server(),
            platforms,
            presence,
            cluster,
            handle,
            places: Semaphore::new(MOST_REQUESTS),
        }))
    }

    /// The routes below `/api`.
    pub(crate) fn router(self, metrics: ControlMetrics) -> Router {
        let (routes, mut document) = routes().split_for_parts();
        let bearer = security::HttpBuilder::new()
            .scheme(security::HttpAuthScheme::Bearer)
            .description(Some("The token that `admin.token` says, where it is set"));
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", security::SecurityScheme::Http(bearer.build()));
        document.info.version = crate::VERSION.to_owned();
        routes
            .route("/api/openapi.json", get(async move || Json(document)))
            .route("/api", get(no_path))
            .route("/api/", get(no_path))
            .route("/api/{*rest}", axum::routing::any(no_path))
            .method_not_allowed_fallback(no_method)
            .layer(middleware::from_fn_with_state(self.clone(), guard::guard))
            .layer(middleware::from_fn_with_state(metrics, measure::measure))
            .with_state(self)
    }

    /// Which sockets are meant, of a namespace that is served.
    fn selection(
        &self,
        namespace: &str,
        rooms: Vec<String>,
        except: Vec<String>,
    ) -> Result<Selection, Problem> {
        self.served(namespace)?;
        Ok(Selection {
            rooms,
            except,
            ..Selection::default()
        })
    }

    fn served(&self, namespace: &str) -> Result<(), Problem> {
        let mut served = self.0.platforms.namespaces();
        if served.iter().any(|served| served == namespace) {
            return Ok(());
        }
        served.sort();
        Err(Problem::namespace(namespace, &served))
    }

    /// What to answer where the cluster takes something not.
    fn refused(&self, error: &EmitError) -> Problem {
        match error {
            EmitError::Reserved(_) => Problem::field("event", error.to_string()),
            EmitError::Closed => Problem::unavailable("closed", "this node is about to end"),
            EmitError::UnknownNamespace(namespace) => {
                Problem::namespace(namespace, &self.0.platforms.namespaces())
            }
            _ => Problem::field("args", chain(error)),
        }
    }

    /// The names of the nodes, and the number of other servers, that have not answered.
    fn missing(&self, missing: roomcast_gateway::Missing) -> Vec<String> {
        let mut names: BTreeSet<String> = missing.nodes.into_iter().collect();
        if missing.is_cut_off {
            let own = self.0.server.node_id();
            let others = self.0.cluster.nodes().into_iter();
            names.extend(others.filter(|node| node != own));
        }
        let mut names: Vec<_> = names.into_iter().collect();
        names.extend((0..missing.others).map(|_| "foreign".to_owned()));
        names
    }
}

/// Each path with its handler, by which the document is made.
fn routes() -> OpenApiRouter<Control> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(emit::emit))
        .routes(routes!(emit::batch))
        .routes(routes!(emit::request))
        .routes(routes!(change::join))
        .routes(routes!(change::leave))
        .routes(routes!(change::disconnect))
        .routes(routes!(list::sockets))
        .routes(routes!(list::rooms))
        .routes(routes!(list::presence))
        .routes(routes!(operate::nodes))
        .routes(routes!(
            operate::drain_status,
            operate::drain,
            operate::end_drain
        ))
        .routes(routes!(operate::rebalance))
}

async fn no_path(uri: Uri) -> Problem {
    Problem::path(uri.path())
}

async fn no_method(request: Request) -> Problem {
    Problem::method(request.method(), request.uri().path())
}

/// An error and all that lies behind it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_names_every_path_and_how_it_is_protected() {
        let (_, document) = routes().split_for_parts();

        let text = serde_json::to_value(&document).unwrap();

        let paths: Vec<_> = text["paths"].as_object().unwrap().keys().collect();
        assert_eq!(
            paths,
            [
                "/api/v1/batch",
                "/api/v1/disconnect",
                "/api/v1/drain",
                "/api/v1/emit",
                "/api/v1/join",
                "/api/v1/leave",
                "/api/v1/nodes",
                "/api/v1/presence",
                "/api/v1/rebalance",
                "/api/v1/request",
                "/api/v1/rooms",
                "/api/v1/sockets",
            ]
        );
        assert_eq!(text["openapi"], "3.1.0");
        assert!(text["security"][0]["bearer"].is_array());
    }
}
