//! `roomcast token`: makes a token, to try out what wants one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::{Answer, Exit};
use crate::auth;
use crate::config::{Jwt, Sources, duration};

/// What the token is to say.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roomcast token --name Alice --exp 1h --jwt-secret a-long-and-random-secret
  ROOMCAST_JWT__SECRET_FILE=secret roomcast token --sub user-1 --name Alice --expires-in 15m
  roomcast token --sub alice --claim admin=true --claim 'teams=[\"red\"]' --config roomcast.toml

The token is signed in HS256 and names jwt.issuer and jwt.audience where they are set. A claim of
your own wins over those that are made: --claim exp=1 makes a token that has expired.")]
pub(super) struct Token {
    /// Whose token it is, if not that of the name
    #[arg(long, required_unless_present = "name")]
    sub: Option<String>,
    /// The name that others see
    #[arg(long)]
    name: Option<String>,
    /// How long it holds
    #[arg(long, visible_alias = "exp", value_name = "DURATION", default_value = "1h", value_parser = duration)]
    expires_in: Duration,
    /// A further claim; can be given again
    #[arg(long = "claim", value_name = "KEY=JSON", value_parser = claim)]
    claims: Vec<(String, Value)>,
}

impl Token {
    /// Makes the token with the secret of the configuration.
    pub(super) fn run(self, sources: &Sources) -> Result<Answer, Answer> {
        let jwt = sources.config()?.jwt;
        let Some(secret) = &jwt.secret else {
            return Err(Answer::bad(
                Exit::Misconfigured,
                "no jwt.secret is set, and tokens are made with it alone: set it with --jwt-secret, \
                 ROOMCAST_JWT__SECRET or ROOMCAST_JWT__SECRET_FILE\n",
            ));
        };
        let claims = self.claims(&jwt, SystemTime::now());
        Ok(Answer::good(format!("{}\n", auth::issue(&claims, secret))))
    }

    /// The claims that a node of this configuration takes from `now` on, unless there are others of one's own.
    fn claims(self, jwt: &Jwt, now: SystemTime) -> Map<String, Value> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        // Dates are whole seconds; rounded up, a token of less than one does not expire before it is printed.
        let expires = now + self.expires_in.as_millis().div_ceil(1000) as u64;
        let texts = [
            ("sub", self.sub.as_ref().or(self.name.as_ref())),
            ("name", self.name.as_ref()),
            ("iss", jwt.issuer.as_ref()),
            ("aud", jwt.audience.as_ref()),
        ];
        let texts = texts.into_iter();
        let mut claims: Map<_, _> = texts
            .filter_map(|(claim, text)| Some((claim.to_owned(), json!(text?))))
            .collect();
        claims.insert("iat".to_owned(), json!(now));
        claims.insert("exp".to_owned(), json!(expires));
        claims.extend(self.claims);
        claims
    }
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, json) = text
        .split_once('=')
        .ok_or("expected a name and JSON, such as admin=true")?;
    let value = serde_json::from_str(json).map_err(|_| {
        format!("expected JSON after =; a text has quotes of its own: --claim '{name}=\"{json}\"'")
    })?;
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::auth::{TokenError, Verifier};

    const SECRET: &str = "a secret of at least thirty-two bytes";

    fn token(sub: &str) -> Token {
        Token {
            sub: Some(sub.to_owned()),
            name: None,
            expires_in: Duration::from_hours(1),
            claims: Vec::new(),
        }
    }

    fn sources(flags: &[&str]) -> Sources {
        Sources::new(flags.iter().map(OsString::from), [])
    }

    fn verify(sources: &Sources, token: Token) -> Result<auth::Claims, TokenError> {
        let answer = token.run(sources).unwrap();
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
        let token = Token {
            name: Some("Alice".to_owned()),
            claims: vec![("admin".to_owned(), json!(true))],
            ..token("user-1")
        };

        let claims = verify(&sources, token).unwrap();

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
    fn a_token_with_a_name_alone_is_that_of_the_name() {
        let token = Token {
            sub: None,
            name: Some("Alice".to_owned()),
            ..token("")
        };

        let claims = verify(&sources(&["--jwt-secret", SECRET]), token).unwrap();

        assert_eq!(claims.all()["sub"], "Alice");
        assert_eq!(claims.username(), Some("Alice"));
    }

    #[test]
    fn a_claim_of_ones_own_wins_so_that_a_refused_token_can_be_tried() {
        let token = Token {
            claims: vec![("exp".to_owned(), json!(1))],
            ..token("user-1")
        };

        let claims = verify(&sources(&["--jwt-secret", SECRET]), token);

        assert_eq!(claims, Err(TokenError::Expired));
    }

    #[test]
    fn without_a_secret_there_is_no_token_but_an_explanation() {
        let answer = token("user-1").run(&sources(&[])).unwrap_err();

        assert_eq!(answer.exit, Exit::Misconfigured);
        assert!(answer.complaint.contains("--jwt-secret"), "{answer:?}");
    }
}
