//! Makes tokens, for trying out.

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Map, Value};

use crate::config::Secret;

/// A token with `claims`, in HS256.
pub(crate) fn issue(claims: &Map<String, Value>, secret: &Secret) -> String {
    let key = EncodingKey::from_secret(secret.expose().as_bytes());
    encode(&Header::default(), claims, &key).expect("HMAC takes any secret, and a map is JSON")
}
