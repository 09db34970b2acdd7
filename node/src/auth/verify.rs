//! What a token must be: signed by a key of ours, of its time, and meant for us.

use std::time::{Duration, SystemTime};

use jsonwebtoken::{Validation, decode, decode_header};
use roomcast_gateway::platform::Handshake;
use serde_json::{Map, Value};

use super::claims::{Claims, time};
use super::key::{self, Key};
use super::key_error::KeyError;
use super::rotation::KeyFile;
use super::{pem, seek};
use crate::config::Jwt;

/// The longest token that is looked at, in bytes. Servers take no longer header, so no issuer makes longer ones.
const LONGEST_TOKEN: usize = 8 * 1024;

/// Below this many bytes a secret can be guessed from one token (RFC 7518, section 3.2).
const SHORTEST_SECRET: usize = 32;

/// Verifies tokens with the keys of the configuration.
#[derive(Debug)]
pub(crate) struct Verifier {
    keys: Vec<Key>,
    rotating: Option<KeyFile>,
    issuer: Option<String>,
    audience: Option<String>,
    leeway: Duration,
}

/// Why a client's token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// There is none.
    #[error("no token was given")]
    Missing,
    /// It is no token of ours.
    #[error("the token is not valid")]
    Invalid,
    /// It was one, and its time is over.
    #[error("the token has expired")]
    Expired,
}

impl TokenError {
    /// What the client is told.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::Missing => "未提供认证令牌",
            Self::Invalid | Self::Expired => "无效的认证令牌",
        }
    }

    /// What the client's program is told.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Missing => "token_missing",
            Self::Invalid => "token_invalid",
            Self::Expired => "token_expired",
        }
    }

    /// Tells the log why, which the client is not told.
    fn invalid(reason: &'static str) -> Self {
        tracing::debug!(reason, "a token is not valid");
        Self::Invalid
    }
}

impl Verifier {
    /// Takes the keys that `jwt` names, and reads their files. Without any key there is nothing to verify with.
    ///
    /// # Errors
    ///
    /// The first file that cannot be used; [`mistakes`](Self::mistakes) tells of all.
    pub(crate) fn new(jwt: &Jwt) -> Result<Option<Self>, KeyError> {
        if !jwt.is_on() {
            return Ok(None);
        }
        if let Some(secret) = &jwt.secret
            && secret.expose().len() < SHORTEST_SECRET
        {
            tracing::warn!("jwt.secret is shorter than 32 bytes: it can be guessed from a token");
        }
        let secret = jwt
            .secret
            .as_ref()
            .map(|secret| Key::secret(secret.expose()));
        let keys = secret.into_iter().chain(public_key(jwt)?).collect();
        Ok(Some(Self {
            keys,
            rotating: key_file(jwt)?,
            issuer: jwt.issuer.clone(),
            audience: jwt.audience.clone(),
            leeway: jwt.leeway,
        }))
    }

    /// What is wrong with the files that `jwt` names.
    pub(crate) fn mistakes(jwt: &Jwt) -> Vec<KeyError> {
        let mistakes = [public_key(jwt).err(), key_file(jwt).err()];
        mistakes.into_iter().flatten().collect()
    }

    /// Verifies the token that a client brought, at the time `now`.
    pub(crate) fn admit(
        &self,
        handshake: &Handshake,
        now: SystemTime,
    ) -> Result<Claims, TokenError> {
        let token = seek(handshake).ok_or(TokenError::Missing)?;
        self.verify(token, now)
    }

    /// Verifies `token` at the time `now`.
    pub(crate) fn verify(&self, token: &str, now: SystemTime) -> Result<Claims, TokenError> {
        let claims = self.signed(token, now)?;
        let date = |name, reason| {
            let date = claims.get(name).map(time);
            date.map(|date| date.ok_or_else(|| TokenError::invalid(reason)))
                .transpose()
        };
        let expires = date("exp", "its exp is no date")?
            .ok_or_else(|| TokenError::invalid("it never expires"))?
            + self.leeway;
        let begins = date("nbf", "its nbf is no date")?;
        if begins.is_some_and(|begins| now + self.leeway < begins) {
            return Err(TokenError::invalid("it is not valid yet"));
        }
        if !is(&self.issuer, claims.get("iss")) {
            return Err(TokenError::invalid("it is of another issuer"));
        }
        if !is_among(&self.audience, claims.get("aud")) {
            return Err(TokenError::invalid("it is for another audience"));
        }
        let claims = Claims::new(claims, expires)
            .map_err(|_| TokenError::invalid("its rooms are no list of patterns"))?;
        // Last, so that only what was a token of ours is told that it has expired.
        if expires <= now {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }

    /// The claims of `token`, if a key of ours has signed them.
    fn signed(&self, token: &str, now: SystemTime) -> Result<Map<String, Value>, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::invalid("it is longer than 8 KiB"));
        }
        let header = decode_header(token)
            .map_err(|_| TokenError::invalid("it is malformed, or its algorithm unknown"))?;
        if header.crit.is_some() {
            return Err(TokenError::invalid("it relies on an extension"));
        }
        let rotating = self.rotating.as_ref().map(|file| file.keys(now));
        let keys = self
            .keys
            .iter()
            .chain(rotating.iter().flat_map(|keys| keys.iter()));
        keys.filter(|key| key.fits(header.alg, header.kid.as_deref()))
            .find_map(|key| claims(token, key))
            .ok_or_else(|| TokenError::invalid("no key of ours has signed it"))
    }
}

/// The claims of `token`, if `key` has signed them. The claims themselves are not judged: the library reads the clock.
fn claims(token: &str, key: &Key) -> Option<Map<String, Value>> {
    let mut validation = Validation::new(key.algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let token = decode(token, &key.key, &validation).ok()?;
    Some(token.claims)
}

/// True if nothing is `wanted`, or `claim` is that text.
fn is(wanted: &Option<String>, claim: Option<&Value>) -> bool {
    wanted.is_none() || claim.and_then(Value::as_str) == wanted.as_deref()
}

/// True if nothing is `wanted`, or `claim` is that text or a list with it.
fn is_among(wanted: &Option<String>, claim: Option<&Value>) -> bool {
    let is_in = |claims: &Vec<Value>| claims.iter().any(|claim| is(wanted, Some(claim)));
    is(wanted, claim) || claim.and_then(Value::as_array).is_some_and(is_in)
}

fn public_key(jwt: &Jwt) -> Result<Option<Key>, KeyError> {
    let Some(path) = &jwt.public_key_file else {
        return Ok(None);
    };
    let key = key::read(path).and_then(|text| pem::public_key(&text));
    key.map(Some).map_err(|source| KeyError {
        key: "jwt.public_key_file",
        path: path.clone(),
        source,
    })
}

fn key_file(jwt: &Jwt) -> Result<Option<KeyFile>, KeyError> {
    let Some(path) = &jwt.jwks_file else {
        return Ok(None);
    };
    let file = KeyFile::open(path.clone());
    file.map(Some).map_err(|source| KeyError {
        key: "jwt.jwks_file",
        path: path.clone(),
        source,
    })
}
