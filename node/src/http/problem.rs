//! What a caller of the control API is told when something is wrong: problem details of RFC 9457.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was refused. Nothing of it took effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Names the kind of problem, for programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:roomcast:problem:invalid-field")]
    kind: String,
    /// The kind of problem, for people.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What is wrong with this request.
    detail: String,
    /// The field of the body, or the parameter, that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "emits[3].event")]
    field: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, kind: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:roomcast:problem:{kind}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
        }
    }

    /// A field or parameter is not what it should be.
    pub(crate) fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let problem = Self::new(
            StatusCode::BAD_REQUEST,
            "invalid-field",
            "A field is not what it should be",
            detail,
        );
        problem.about(field)
    }

    /// The body is no JSON.
    pub(crate) fn json(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid-json",
            "The body is not JSON",
            detail,
        )
    }

    /// The body did not arrive whole.
    pub(crate) fn body(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "incomplete-body",
            "The body did not arrive",
            detail,
        )
    }

    /// The body is larger than it may be.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The body is too large",
            format!("expected {limit} bytes at most, as admin.body_size says"),
        )
    }

    /// Nothing is at this path.
    pub(crate) fn path(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown-path",
            "There is no such path",
            format!("nothing is at {path}; /api/openapi.json describes what there is"),
        )
    }

    /// Something is at this path, but for another method.
    pub(crate) fn method(method: &http::Method, path: &str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "wrong-method",
            "The path has no such method",
            format!("{path} does not take {method}; the header Allow says what it takes"),
        )
    }

    /// Nobody serves this namespace.
    pub(crate) fn namespace(namespace: &str, served: &[String]) -> Self {
        let problem = Self::new(
            StatusCode::NOT_FOUND,
            "unknown-namespace",
            "The namespace is not served",
            format!(
                "{namespace:?} is not served here, only {}",
                served.join(", ")
            ),
        );
        problem.about("namespace")
    }

    /// The token is missing or wrong.
    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "A token is needed",
            "expected the header Authorization: Bearer with the token that admin.token says",
        )
    }

    /// The caller may not do that, and no token helps.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "forbidden",
            "The control API is closed",
            detail,
        )
    }

    /// This does not go with what the node is doing.
    pub(crate) fn conflict(kind: &str, detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            kind,
            "This does not go with what the node is doing",
            detail,
        )
    }

    /// This cannot be done now, but perhaps soon.
    pub(crate) fn unavailable(kind: &str, detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            kind,
            "This cannot be done now",
            detail,
        )
    }

    /// The same problem, of this field.
    pub(crate) fn about(self, field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }

    /// The same problem, of a part of the request that stands at `path`.
    pub(crate) fn within(self, path: &str) -> Self {
        let field = match &self.field {
            Some(field) => format!("{path}.{field}"),
            None => path.to_owned(),
        };
        self.about(field)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = (status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"roomcast\""),
                );
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
