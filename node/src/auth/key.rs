//! A key, bound to the one algorithm that it verifies.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use jsonwebtoken::{Algorithm, DecodingKey};

use super::key_error::KeyFileError;

/// No file of keys is larger, so what is larger is no file of keys.
const LARGEST_FILE: u64 = 1 << 20;

/// The sizes of RSA keys, in bits: below, they can be broken (RFC 7518, section 3.3, asks for as much); above, each
/// token costs too much, and the library takes none.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// An RSA exponent with more bytes than this only costs time.
const LONGEST_EXPONENT: usize = 8;

/// A key that tokens are verified with.
///
/// Its algorithm is never taken from a token: that is how a public key would become a secret that everyone knows.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// Its `kid`, if it has one.
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl Key {
    /// A shared secret.
    pub(super) fn secret(secret: &str) -> Self {
        Self::new(
            Algorithm::HS256,
            DecodingKey::from_secret(secret.as_bytes()),
        )
    }

    /// An RSA key of modulus `n` and exponent `e`, as big-endian numbers.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, String> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
        if !RSA_BITS.contains(&bits) {
            let (least, most) = RSA_BITS.into_inner();
            return Err(format!(
                "expected an RSA key of {least} to {most} bits, this one has {bits}"
            ));
        }
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
        if !is_odd(n) || !is_odd(e) || e == [1] || e.len() > LONGEST_EXPONENT {
            return Err("expected an RSA key, these numbers are none".to_owned());
        }
        Ok(Self::new(
            Algorithm::RS256,
            DecodingKey::from_rsa_raw_components(n, e),
        ))
    }

    /// A point on the curve P-256, plain or as DER.
    pub(super) fn p256(point: &[u8]) -> Option<Self> {
        let parsed = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).parse();
        parsed.ok()?;
        Some(Self::new(Algorithm::ES256, DecodingKey::from_ec_der(point)))
    }

    /// A key of Ed25519, plain or as DER.
    pub(super) fn ed25519(key: &[u8]) -> Option<Self> {
        UnparsedPublicKey::new(&ED25519, key).parse().ok()?;
        Some(Self::new(Algorithm::EdDSA, DecodingKey::from_ed_der(key)))
    }

    fn new(algorithm: Algorithm, key: DecodingKey) -> Self {
        Self {
            id: None,
            algorithm,
            key,
        }
    }

    /// True if a token in `algorithm`, made with the key called `id`, can be of this key.
    ///
    /// A key without a name may be any: whoever writes a PEM file knows nothing of the names that an issuer gives.
    pub(super) fn fits(&self, algorithm: Algorithm, id: Option<&str>) -> bool {
        let may_be = match (&self.id, id) {
            (Some(own), Some(wanted)) => own == wanted,
            _ => true,
        };
        self.algorithm == algorithm && may_be
    }
}

/// The text of a file with keys.
pub(super) fn read(path: &Path) -> Result<String, KeyFileError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_string(&mut text))
        .map_err(KeyFileError::Read)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(KeyFileError::TooLarge);
    }
    Ok(text)
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|byte| *byte != 0);
    &number[start.unwrap_or(number.len())..]
}
