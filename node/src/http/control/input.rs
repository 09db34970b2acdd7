//! Bodies and parameters of requests: read whole, and refused by the name of the field that is wrong.

use std::{fmt, marker::PhantomData, time::Duration};

use axum::{
    body::HttpBody as _,
    extract::{FromRequest, FromRequestParts, Request},
};
use bytes::Bytes;
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, MapAccess, Visitor, value::MapAccessDeserializer},
};
use utoipa::ToSchema;

use super::{Control, Problem};

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// The body of a request, in JSON.
pub(super) struct Input<T>(pub(super) T);

/// The body of a request, in JSON; the default where there is none, or null.
pub(super) struct OptionalInput<T>(pub(super) T);

/// The parameters of a request.
pub(super) struct Params<T>(pub(super) T);

/// A value that is an object. Left to itself, serde takes an array of its fields' values as well.
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfObject(PhantomData))
    }
}

struct OfObject<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfObject<T> {
    type Value = Object<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
    }
}

/// The name of a room: 1 to 256 bytes in UTF-8, without U+0000. The id of a socket is one.
#[derive(ToSchema)]
#[schema(as = RoomName, min_length = 1, max_length = 256, pattern = "^[^\\x00]+$")]
#[expect(
    dead_code,
    reason = "it describes what `roomcast_gateway::RoomName` takes"
)]
pub(super) struct RoomSchema(String);

/// A length of time, such as `2s`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time(pub(super) Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        crate::config::duration(&text)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

impl<T: DeserializeOwned> FromRequest<Control> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, control: &Control) -> Result<Self, Problem> {
        parse(&body(request, control).await?).map(Self)
    }
}

impl<T: DeserializeOwned + Default> FromRequest<Control> for OptionalInput<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, control: &Control) -> Result<Self, Problem> {
        let body = body(request, control).await?;
        if body.is_empty() || body.trim_ascii() == b"null" {
            return Ok(Self(T::default()));
        }
        parse(&body).map(Self)
    }
}

impl<T: DeserializeOwned> FromRequestParts<Control> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Control) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        readable(query)?;
        let pairs = form_urlencoded::parse(query.as_bytes());
        let deserializer = serde_urlencoded::Deserializer::new(pairs);
        serde_path_to_error::deserialize(deserializer)
            .map(Self)
            .map_err(|error| misfit(&error.path().to_string(), &error.inner().to_string()))
    }
}

/// That every parameter is text: read as it is otherwise, one that is not UTF-8 would be another with U+FFFD in it.
fn readable(query: &str) -> Result<(), Problem> {
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_text = |text: &str| percent_decode_str(text).decode_utf8().is_ok();
        if !is_text(name) || !is_text(value) {
            let name = percent_decode_str(name).decode_utf8_lossy();
            return Err(Problem::field(name, "expected text in UTF-8"));
        }
    }
    Ok(())
}

/// Reads a body whole, if it is not too large. One that says so itself is refused before it arrives.
async fn body(request: Request, control: &Control) -> Result<Bytes, Problem> {
    let limit = control.0.settings.body_size;
    if request.body().size_hint().lower() > limit as u64 {
        return Err(Problem::too_large(limit));
    }
    let reading = Limited::new(request.into_body(), limit).collect();
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::too_large(limit)),
        Ok(Err(_)) => Err(Problem::body("the connection failed")),
        Err(_) => Err(Problem::body("it did not arrive within 30 seconds")),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut deserializer);
    let Object(parsed) = parsed.map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if !error.is_data() {
            return Problem::json(error.to_string());
        }
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        misfit(&path, text.strip_suffix(&place).unwrap_or(&text))
    })?;
    deserializer
        .end()
        .map_err(|error| Problem::json(error.to_string()))?;
    Ok(parsed)
}

/// Names the field that serde means: that at `path`, or one of its own that only the words name.
fn misfit(path: &str, words: &str) -> Problem {
    let named = ["missing field `", "duplicate field `", "unknown field `"]
        .into_iter()
        .find_map(|start| words.strip_prefix(start)?.split_once('`'))
        .map(|(name, _)| name);
    // The root is a dot, and a name that is known to be unknown ends the path already.
    let path = path.trim_start_matches('.');
    let field = match named {
        Some(name) if path.is_empty() => name.to_owned(),
        Some(name) if path != name && !path.ends_with(&format!(".{name}")) => {
            format!("{path}.{name}")
        }
        _ if path.is_empty() => return Problem::json(words),
        _ => path.to_owned(),
    };
    Problem::field(field, words)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Outer {
        name: String,
        #[serde(default)]
        inner: Vec<Object<Inner>>,
        timeout: Option<Time>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        count: u8,
    }

    fn problem(body: &str) -> Value {
        serde_json::to_value(parse::<Outer>(body.as_bytes()).unwrap_err()).unwrap()
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        for (body, field) in [
            (r#"{"name":1}"#, "name"),
            (r#"{"name":null}"#, "name"),
            (r#"{}"#, "name"),
            (r#"{"name":"a","name":"b"}"#, "name"),
            (r#"{"name":"a","title":"b"}"#, "title"),
            (r#"{"name":"a","inner":{}}"#, "inner"),
            (
                r#"{"name":"a","inner":[{"count":1},{"count":256}]}"#,
                "inner[1].count",
            ),
            (r#"{"name":"a","inner":[{}]}"#, "inner[0].count"),
            (r#"{"name":"a","inner":[[1]]}"#, "inner[0]"),
            (
                r#"{"name":"a","inner":[{"count":1,"more":2}]}"#,
                "inner[0].more",
            ),
            (r#"{"name":"a","timeout":"soon"}"#, "timeout"),
            (r#"{"name":"a","timeout":2}"#, "timeout"),
        ] {
            let problem = problem(body);
            assert_eq!(problem["field"], json!(field), "{body}: {problem}");
            assert_eq!(problem["status"], 400);
        }
    }

    #[test]
    fn what_is_no_json_is_refused_for_that() {
        for body in [
            "",
            "{",
            "{\"name\":\"a\"}{}",
            "nope",
            r#"["a"]"#,
            "7",
            "{\"name\":\"a\"",
            "\u{1}",
        ] {
            let problem = problem(body);
            assert_eq!(
                problem["type"], "urn:roomcast:problem:invalid-json",
                "{body}"
            );
            assert!(problem.get("field").is_none());
        }
    }
}
