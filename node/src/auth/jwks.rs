//! A set of public keys, JWKS (RFC 7517).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::key::Key;
use super::key_error::KeyFileError;

/// A token without a `kid` is tried with every key of its algorithm, so their number is what a wrong one costs.
const MOST_KEYS: usize = 64;

#[derive(Deserialize)]
struct Set {
    keys: Vec<Entry>,
}

/// The parts of a key that matter here; which of the numbers there are depends on its type.
#[derive(Deserialize)]
struct Entry {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The keys in `text` that tokens can be verified with.
///
/// Keys for other purposes and of other algorithms are passed over, as the RFC wants it: issuers publish them together.
/// A key of ours that is broken makes the whole set wrong.
pub(super) fn public_keys(text: &str) -> Result<Vec<Key>, KeyFileError> {
    let set: Set = serde_json::from_str(text)
        .map_err(|error| KeyFileError::content(format!("expected a JWKS: {error}")))?;
    let mut keys = Vec::new();
    for (index, entry) in set.keys.iter().enumerate() {
        let key = entry.key().map_err(|expected| {
            let name = entry.kid.as_deref().unwrap_or("without a kid");
            KeyFileError::content(format!("key {} ({name}): {expected}", index + 1))
        })?;
        keys.extend(key);
    }
    if keys.is_empty() {
        return Err(KeyFileError::content(
            "expected a JWKS with a public key for RS256, ES256 or EdDSA",
        ));
    }
    if keys.len() > MOST_KEYS {
        let count = keys.len();
        return Err(KeyFileError::content(format!(
            "expected at most {MOST_KEYS} keys, these are {count}"
        )));
    }
    Ok(keys)
}

impl Entry {
    /// The key, or nothing if it is of a kind that is not used here.
    fn key(&self) -> Result<Option<Key>, String> {
        let is_for_signatures = self.r#use.as_ref().is_none_or(|usage| usage == "sig");
        let may_verify = |operations: &Vec<String>| operations.iter().any(|name| name == "verify");
        if !is_for_signatures || !self.key_ops.as_ref().is_none_or(may_verify) {
            return Ok(None);
        }
        let is_for = |names: &[&str]| {
            let alg = self.alg.as_deref();
            alg.is_none_or(|alg| names.contains(&alg))
        };
        let key = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) if is_for(&["RS256"]) => {
                Key::rsa(&number("n", &self.n)?, &number("e", &self.e)?)?
            }
            ("EC", Some("P-256")) if is_for(&["ES256"]) => {
                // A point that is not compressed (SEC 1, section 2.3.3).
                let point = [&[4], &*number("x", &self.x)?, &*number("y", &self.y)?].concat();
                Key::p256(&point).ok_or("expected a point on the curve P-256")?
            }
            ("OKP", Some("Ed25519")) if is_for(&["EdDSA", "Ed25519"]) => {
                Key::ed25519(&number("x", &self.x)?).ok_or("expected a key of Ed25519")?
            }
            _ => return Ok(None),
        };
        Ok(Some(Key {
            id: self.kid.clone(),
            ..key
        }))
    }
}

fn number(name: &str, text: &Option<String>) -> Result<Vec<u8>, String> {
    let bytes = text
        .as_ref()
        .and_then(|text| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok());
    bytes.ok_or_else(|| format!("expected {name:?} in base64url"))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::Algorithm;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const SET: &str = include_str!("testdata/jwks.json");

    /// The set, with `change` made to the key at `index`.
    fn changed(index: usize, change: &Value) -> Result<Vec<Key>, String> {
        let mut set: Value = serde_json::from_str(SET).unwrap();
        for (name, value) in change.as_object().unwrap() {
            set["keys"][index][name] = value.clone();
        }
        public_keys(&set.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_has_its_name_and_its_algorithm() {
        let keys = public_keys(SET).unwrap();

        let seen: Vec<_> = keys
            .iter()
            .map(|key| (key.id.as_deref().unwrap(), key.algorithm))
            .collect();
        assert_eq!(
            seen,
            [
                ("rsa-1", Algorithm::RS256),
                ("rsa-2", Algorithm::RS256),
                ("ec", Algorithm::ES256),
                ("ed", Algorithm::EdDSA),
            ]
        );
    }

    #[test]
    fn a_key_for_something_else_is_passed_over() {
        for (index, change) in [
            (0, json!({ "use": "enc" })),
            (0, json!({ "key_ops": ["encrypt"] })),
            (0, json!({ "alg": "RSA-OAEP" })),
            (0, json!({ "alg": "PS256" })),
            (0, json!({ "kty": "AKP" })),
            (0, json!({ "kty": "oct", "k": "c2VjcmV0" })),
            (2, json!({ "crv": "P-521" })),
            (3, json!({ "crv": "X25519" })),
        ] {
            let keys = changed(index, &change).unwrap();

            assert_eq!(keys.len(), 3, "{change}");
        }
    }

    #[test]
    fn a_broken_key_is_named() {
        let small = URL_SAFE_NO_PAD.encode([0xff; 128]);
        for (index, change, words) in [
            (
                1,
                json!({ "n": small }),
                "key 2 (rsa-2): expected an RSA key of 2048 to 8192 bits, this one has 1024",
            ),
            (
                0,
                json!({ "n": null }),
                "key 1 (rsa-1): expected \"n\" in base64url",
            ),
            (0, json!({ "n": "" }), "this one has 0"),
            (0, json!({ "e": "AQ" }), "these numbers are none"),
            (
                0,
                json!({ "e": "%", "kid": null }),
                "key 1 (without a kid): expected \"e\" in base64url",
            ),
            (
                2,
                json!({ "x": "AAAA" }),
                "key 3 (ec): expected a point on the curve P-256",
            ),
            (
                3,
                json!({ "x": "AAAA" }),
                "key 4 (ed): expected a key of Ed25519",
            ),
            (0, json!({ "kid": 7 }), "expected a JWKS: invalid type"),
        ] {
            let refusal = changed(index, &change).unwrap_err();

            assert!(refusal.contains(words), "{refusal}");
        }
    }

    #[test]
    fn a_set_has_one_to_64_keys() {
        let secret = json!({ "kty": "oct", "k": "c2VjcmV0" });
        let many = vec![serde_json::from_str::<Value>(SET).unwrap()["keys"][3].clone(); 65];
        for (text, words) in [
            ("", "expected a JWKS: EOF"),
            ("[]", "expected a JWKS: "),
            ("{}", "missing field `keys`"),
            (
                &json!({ "keys": [] }).to_string(),
                "with a public key for RS256",
            ),
            (
                &json!({ "keys": [secret] }).to_string(),
                "with a public key for RS256",
            ),
            (
                &json!({ "keys": many }).to_string(),
                "at most 64 keys, these are 65",
            ),
        ] {
            let refusal = public_keys(text).unwrap_err().to_string();

            assert!(refusal.contains(words), "{refusal}");
        }
    }

    proptest! {
        #[test]
        fn no_numbers_panic(n in "[A-Za-z0-9_=-]{0,400}", e in "[A-Za-z0-9_=-]{0,12}", x in "[A-Za-z0-9_-]{0,50}") {
            let _ = changed(0, &json!({ "n": n, "e": e }));
            let _ = changed(2, &json!({ "x": x, "y": e }));
            let _ = changed(3, &json!({ "x": x }));
        }
    }
}
