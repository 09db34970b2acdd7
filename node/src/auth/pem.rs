//! A public key in PEM (RFC 7468).

use aws_lc_rs::rsa;
use aws_lc_rs::signature::RsaPublicKeyComponents;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::key::Key;
use super::key_error::KeyFileError;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// The one public key in `text`.
pub(super) fn public_key(text: &str) -> Result<Key, KeyFileError> {
    let (label, der) = block(text).map_err(KeyFileError::content)?;
    let expected = match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => return key(&der).map_err(KeyFileError::Content),
        "CERTIFICATE" => {
            "expected a public key, not a certificate: openssl x509 -pubkey -noout prints it"
        }
        label if label.ends_with("PRIVATE KEY") => {
            "expected a public key, not a private one: openssl pkey -pubout prints it"
        }
        _ => "expected a public key: -----BEGIN PUBLIC KEY-----",
    };
    Err(KeyFileError::content(expected))
}

fn key(der: &[u8]) -> Result<Key, String> {
    if let Ok(key) = rsa::PublicKey::from_der(der) {
        let numbers = RsaPublicKeyComponents::<Vec<u8>>::from(&key);
        return Key::rsa(&numbers.n, &numbers.e);
    }
    Key::p256(der)
        .or_else(|| Key::ed25519(der))
        .ok_or_else(|| "expected a key of RSA, of the curve P-256 or of Ed25519".to_owned())
}

/// The label and the content of the one block in `text`. What stands around it is explanation.
pub(super) fn block(text: &str) -> Result<(&str, Vec<u8>), &'static str> {
    const EXPECTED: &str = "expected a public key in PEM: -----BEGIN PUBLIC KEY-----";
    let (_, rest) = text.split_once(BEGIN).ok_or(EXPECTED)?;
    let (label, rest) = rest.split_once(DASHES).ok_or(EXPECTED)?;
    let (body, rest) = rest.split_once(END).ok_or(EXPECTED)?;
    let rest = rest.strip_prefix(label).ok_or(EXPECTED)?;
    if rest.contains(BEGIN) {
        return Err("expected one key: jwt.jwks_file takes a file with more");
    }
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| EXPECTED)?;
    Ok((label, der))
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::Algorithm;
    use proptest::prelude::*;

    use super::*;

    const RSA: &str = include_str!("testdata/rsa1.pub.pem");

    fn refusal(text: &str) -> String {
        public_key(text).unwrap_err().to_string()
    }

    #[test]
    fn the_algorithm_follows_from_the_key() {
        for (text, algorithm) in [
            (RSA, Algorithm::RS256),
            (
                include_str!("testdata/rsa1.pkcs1.pub.pem"),
                Algorithm::RS256,
            ),
            (include_str!("testdata/ec.pub.pem"), Algorithm::ES256),
            (include_str!("testdata/ed.pub.pem"), Algorithm::EdDSA),
        ] {
            let key = public_key(&format!("made for tests\r\n{text}\n")).unwrap();

            assert_eq!((key.algorithm, key.id), (algorithm, None));
        }
    }

    #[test]
    fn what_is_no_public_key_is_told_from_what_is_a_weak_one() {
        let two = format!("{RSA}{RSA}");
        for (text, words) in [
            ("", "expected a public key in PEM"),
            (
                "-----BEGIN PUBLIC KEY-----\nAAAA",
                "expected a public key in PEM",
            ),
            (
                "-----BEGIN PUBLIC KEY-----\n%\n-----END PUBLIC KEY-----",
                "in PEM",
            ),
            (
                "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
                "of RSA, of the curve P-256",
            ),
            (&two, "expected one key: jwt.jwks_file"),
            (
                &RSA.replace("PUBLIC KEY", "CERTIFICATE"),
                "not a certificate",
            ),
            (include_str!("testdata/ec.pem"), "not a private one"),
            (include_str!("testdata/rsa1.pem"), "not a private one"),
            (
                include_str!("testdata/p384.pub.pem"),
                "of RSA, of the curve P-256",
            ),
            (
                include_str!("testdata/small.pub.pem"),
                "expected an RSA key of 2048 to 8192 bits, this one has 1024",
            ),
        ] {
            let refusal = refusal(text);
            assert!(refusal.contains(words), "{text:?}: {refusal}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(-----(BEGIN|END) (PUBLIC KEY|[A-Z ]{0,9})(-----)?\n?|[A-Za-z0-9+/=]{0,40}\n?|\\PC){0,8}") {
            let _ = public_key(&text);
        }

        #[test]
        fn a_key_with_a_wrong_byte_never_panics(at in 0..RSA.len(), byte in 32_u8..127) {
            let mut bytes = RSA.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = public_key(std::str::from_utf8(&bytes).unwrap());
        }
    }
}
