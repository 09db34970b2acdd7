//! `roomcast token`: makes a token, to try out what wants one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::{Answer, Exit};
use crate::auth;
use crate::config::{Jwt, Sources};

/// What the token is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// Whose it is: the claim `sub`.
    pub sub: String,
    /// The claim `name`.
    pub name: Option<String>,
    /// How long it holds.
    pub expires_in: Duration,
    /// Further claims, which win over all others.
    pub claims: Vec<(String, Value)>,
}

/// Makes the token that `request` asks for, with the secret of the configuration.
pub(super) fn run(sources: &Sources, request: &Request) -> Answer {
    let jwt = match sources.config() {
        Ok(config) => config.jwt,
        Err(errors) => return Answer::misconfigured(&errors),
    };
    let Some(secret) = &jwt.secret else {
        return Answer {
            text: "no jwt.secret is set, and tokens are made with it alone: set it with --jwt-secret, \
                   ROOMCAST_JWT__SECRET or ROOMCAST_JWT__SECRET_FILE\n"
                .to_owned(),
            exit: Exit::Misconfigured,
        };
    };
    let claims = claims(request, &jwt, SystemTime::now());
    Answer::good(format!("{}\n", auth::issue(&claims, secret)))
}

/// The claims that a node of this configuration takes from `now` on, unless `request` has others.
fn claims(request: &Request, jwt: &Jwt, now: SystemTime) -> Map<String, Value> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    // Dates are whole seconds; rounded up, a token of less than one does not expire before it is printed.
    let expires = now + request.expires_in.as_millis().div_ceil(1000) as u64;
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), json!(request.sub));
    let texts = [
        ("name", &request.name),
        ("iss", &jwt.issuer),
        ("aud", &jwt.audience),
    ];
    for (claim, text) in texts {
        if let Some(text) = text {
            claims.insert(claim.to_owned(), json!(text));
        }
    }
    claims.insert("iat".to_owned(), json!(now));
    claims.insert("exp".to_owned(), json!(expires));
    claims.extend(request.claims.iter().cloned());
    claims
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::auth::{TokenError, Verifier};

    const SECRET: &str = "a secret of at least thirty-two bytes";

    fn request(sub: &str) -> Request {
        Request {
            sub: sub.to_owned(),
            name: None,
            expires_in: Duration::from_hours(1),
            claims: Vec::new(),
        }
    }

    fn sources(flags: &[&str]) -> Sources {
        Sources::new(flags.iter().map(OsString::from), [])
    }

    fn verify(sources: &Sources, request: &Request) -> Result<auth::Claims, TokenError> {
        let answer = run(sources, request);
        assert_eq!(answer.exit, Exit::Clean, "{}", answer.text);
        let verifier = Verifier::new(&sources.config().unwrap().jwt);
        let token = answer.text.strip_suffix('\n').unwrap();
        verifier.unwrap().unwrap().verify(token, SystemTime::now())
    }

    #[test]
    fn a_node_of_the_same_configuration_takes_the_token() {
        let sources = sources(&[
            "--jwt-secret",
            SECRET,
            "--jwt-issuer",
            "roomcast",
            "--jwt-audience",
            "chat",
        ]);
        let request = Request {
            name: Some("Alice".to_owned()),
            claims: vec![("admin".to_owned(), json!(true))],
            ..request("user-1")
        };

        let claims = verify(&sources, &request).unwrap();

        assert_eq!(claims.username(), Some("Alice"));
        assert_eq!(claims.all()["sub"], "user-1");
        assert_eq!(claims.all()["admin"], true);
        assert_eq!(
            claims.all()["exp"].as_u64(),
            claims.all()["iat"].as_u64().map(|iat| iat + 3600)
        );
        let left = claims.expires().duration_since(SystemTime::now()).unwrap();
        assert!(left > Duration::from_secs(3500), "{left:?}");
    }

    #[test]
    fn a_claim_of_ones_own_wins_so_that_a_refused_token_can_be_tried() {
        let request = Request {
            claims: vec![("exp".to_owned(), json!(1))],
            ..request("user-1")
        };

        let claims = verify(&sources(&["--jwt-secret", SECRET]), &request);

        assert_eq!(claims, Err(TokenError::Expired));
    }

    #[test]
    fn without_a_secret_there_is_no_token_but_an_explanation() {
        let answer = run(&sources(&[]), &request("user-1"));

        assert_eq!(answer.exit, Exit::Misconfigured);
        assert!(answer.text.contains("--jwt-secret"), "{}", answer.text);
    }
}
