//! Who may call the control API at all, and how many at a time.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header};

use super::{Control, Problem, Settings};

/// Lets a request through, or answers it.
pub(super) async fn guard(
    State(control): State<Control>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(problem) = check(&control.0.settings, request.headers()) {
        return problem.into_response();
    }
    let Ok(_place) = control.0.places.try_acquire() else {
        let most = super::MOST_REQUESTS;
        let detail = format!("{most} requests are being handled already");
        return Problem::unavailable("busy", detail).into_response();
    };
    if control.0.platforms.namespaces().is_empty() {
        return Problem::unavailable("starting", "this node does not serve yet").into_response();
    }
    next.run(request).await
}

fn check(settings: &Settings, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(token) = &settings.token else {
        return without_token(settings, headers);
    };
    let presented = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, presented)| presented.trim());
    match presented {
        Some(presented) if is_equal(presented, token.expose()) => Ok(()),
        _ => Err(Problem::unauthorized()),
    }
}

/// Without a token, whoever is on this machine may; a page in a browser of this machine is not who.
fn without_token(settings: &Settings, headers: &HeaderMap) -> Result<(), Problem> {
    if !settings.is_private {
        return Err(Problem::forbidden(
            "the admin port is open to other machines: set admin.token, or an admin.listen on loopback",
        ));
    }
    if headers.contains_key(header::ORIGIN) {
        return Err(Problem::forbidden(
            "web pages may not call it; set admin.token to let those in that know it",
        ));
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    if host.is_some_and(|host| !is_local(host)) {
        return Err(Problem::forbidden(
            "without admin.token it answers to localhost and IP addresses only, so that no page can reach it by a name of its own",
        ));
    }
    Ok(())
}

fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.split(':').next().unwrap_or(host),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok()
}

/// Compares digests, so that neither the content nor the length shows in the time that it takes.
fn is_equal(presented: &str, token: &str) -> bool {
    let digest = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
    verify_slices_are_equal(digest(presented).as_ref(), digest(token).as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::config::Secret;

    fn outcome(token: Option<&str>, is_private: bool, headers: &[(&str, &str)]) -> Option<u16> {
        let settings = Settings {
            token: token.map(Secret::new),
            is_private,
            body_size: 1,
        };
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<HeaderName>().unwrap(),
                    value.parse::<HeaderValue>().unwrap(),
                )
            })
            .collect();
        let problem = check(&settings, &headers).err()?;
        Some(problem.into_response().status().as_u16())
    }

    #[test]
    fn only_who_presents_the_token_gets_in_where_there_is_one() {
        for (value, expected) in [
            ("Bearer word", None),
            ("bearer  word", None),
            ("Bearer wor", Some(401)),
            ("Bearer word2", Some(401)),
            ("Basic word", Some(401)),
            ("word", Some(401)),
            ("", Some(401)),
        ] {
            assert_eq!(
                outcome(Some("word"), false, &[("authorization", value)]),
                expected,
                "{value}"
            );
        }
        assert_eq!(outcome(Some("word"), true, &[]), Some(401));
    }

    #[test]
    fn without_a_token_only_programs_of_this_machine_get_in() {
        assert_eq!(outcome(None, false, &[]), Some(403));
        assert_eq!(outcome(None, true, &[]), None);
        for (host, expected) in [
            ("localhost:9090", None),
            ("127.0.0.1:9090", None),
            ("[::1]:9090", None),
            ("evil.example:9090", Some(403)),
        ] {
            assert_eq!(outcome(None, true, &[("host", host)]), expected, "{host}");
        }
        let origin = [("origin", "http://localhost:9090")];
        assert_eq!(outcome(None, true, &origin), Some(403));
    }
}
