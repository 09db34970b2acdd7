//! A verifier, fed with tokens of every kind.

mod attacks;
mod keys;
mod times;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{Claims, TokenError, Verifier, pem};
use crate::config::{Jwt, Secret};

const SECRET: &str = "a secret of at least thirty-two bytes";
const RSA_1: &str = include_str!("testdata/rsa1.pem");
const RSA_2: &str = include_str!("testdata/rsa2.pem");
const EC: &str = include_str!("testdata/ec.pem");
const ED: &str = include_str!("testdata/ed.pem");

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn testdata(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("src/auth/testdata")
        .join(name)
}

fn with_secret() -> Jwt {
    Jwt {
        secret: Some(Secret::new(SECRET)),
        ..Jwt::default()
    }
}

fn with_public_key(name: &str) -> Jwt {
    Jwt {
        public_key_file: Some(testdata(name)),
        ..Jwt::default()
    }
}

fn with_set() -> Jwt {
    Jwt {
        jwks_file: Some(testdata("jwks.json")),
        ..Jwt::default()
    }
}

fn verify(jwt: &Jwt, token: &str, now: SystemTime) -> Result<Claims, TokenError> {
    let verifier = Verifier::new(jwt).unwrap().unwrap();
    verifier.verify(token, now)
}

/// A token with `claims` that the owner of a private key made.
fn signed(algorithm: Algorithm, key: &str, kid: Option<&str>, claims: &Value) -> String {
    let (_, der) = pem::block(key).unwrap();
    let key = match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_der(&der),
        Algorithm::EdDSA => EncodingKey::from_ed_der(&der),
        _ => EncodingKey::from_rsa_der(&der),
    };
    encode(&header(algorithm, kid), claims, &key).unwrap()
}

/// A token with `claims` that whoever knows `secret` made.
fn sealed(secret: &[u8], claims: &Value) -> String {
    let key = EncodingKey::from_secret(secret);
    encode(&header(Algorithm::HS256, None), claims, &key).unwrap()
}

fn header(algorithm: Algorithm, kid: Option<&str>) -> Header {
    let mut header = Header::new(algorithm);
    header.kid = kid.map(str::to_owned);
    header
}

/// The claims of a token that holds until second 1000.
fn alice() -> Value {
    json!({ "sub": "alice", "exp": 1000 })
}
