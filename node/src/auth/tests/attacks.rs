//! Tokens that nobody should take.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::*;

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

/// A verifier with every kind of key.
fn everything() -> Verifier {
    let jwt = Jwt {
        secret: with_secret().secret,
        jwks_file: with_set().jwks_file,
        ..with_public_key("rsa1.pub.pem")
    };
    Verifier::new(&jwt).unwrap().unwrap()
}

#[test]
fn a_public_key_is_no_secret() {
    let pem = include_str!("../testdata/rsa1.pub.pem");
    let (_, der) = pem::block(pem).unwrap();
    for secret in [pem.as_bytes(), pem.trim().as_bytes(), &der] {
        let token = sealed(secret, &alice());

        assert_eq!(
            verify(&with_public_key("rsa1.pub.pem"), &token, at(0)),
            Err(TokenError::Invalid)
        );
        assert_eq!(everything().verify(&token, at(0)), Err(TokenError::Invalid));
    }
}

#[test]
fn a_token_without_a_signature_is_none() {
    for algorithm in [
        "none", "None", "NONE", "", "HS256", "RS256", "ES256", "EdDSA",
    ] {
        for signature in ["", "AAAA"] {
            let header = encoded(&json!({ "alg": algorithm, "typ": "JWT" }));
            let token = format!("{header}.{}.{signature}", encoded(&alice()));

            let verified = everything().verify(&token, at(0));

            assert_eq!(verified, Err(TokenError::Invalid), "{algorithm:?}");
        }
    }
}

#[test]
fn a_key_that_a_token_brings_along_is_not_used() {
    let set: Value = serde_json::from_str(include_str!("../testdata/jwks.json")).unwrap();
    let (_, der) = pem::block(RSA_2).unwrap();
    let mut header = header(Algorithm::RS256, None);
    header.jwk = Some(serde_json::from_value(set["keys"][1].clone()).unwrap());
    let token = encode(&header, &alice(), &EncodingKey::from_rsa_der(&der)).unwrap();

    let verified = verify(&with_public_key("rsa1.pub.pem"), &token, at(0));

    assert_eq!(verified, Err(TokenError::Invalid));
}

#[test]
fn a_token_that_relies_on_an_extension_is_refused() {
    let mut header = header(Algorithm::HS256, None);
    header.crit = Some(vec!["b64".to_owned()]);
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = encode(&header, &alice(), &key).unwrap();

    assert_eq!(everything().verify(&token, at(0)), Err(TokenError::Invalid));
}

#[test]
fn a_token_above_8_kib_is_refused_whatever_it_says() {
    let padded = |length: usize| {
        let claims = json!({ "exp": 1000, "pad": "p".repeat(length) });
        sealed(SECRET.as_bytes(), &claims)
    };
    let lengths = 6000..6200;
    let (fitting, longer): (Vec<_>, Vec<_>) =
        lengths.map(padded).partition(|token| token.len() <= 8192);
    let fits = fitting.last().unwrap();
    let too_long = longer.first().unwrap();

    assert!(everything().verify(fits, at(0)).is_ok());
    assert_eq!(
        everything().verify(too_long, at(0)),
        Err(TokenError::Invalid)
    );
}

#[test]
fn claims_that_are_no_object_are_refused() {
    for claims in [json!(null), json!([]), json!("exp"), json!(1)] {
        let token = sealed(SECRET.as_bytes(), &claims);

        assert_eq!(everything().verify(&token, at(0)), Err(TokenError::Invalid));
    }
}

#[test]
fn malformed_tokens_are_refused() {
    let token = sealed(SECRET.as_bytes(), &alice());
    for malformed in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}="),
        format!(" {token}"),
        format!("Bearer {token}"),
        token.replace('.', ""),
        "令牌".to_owned(),
    ] {
        let verified = everything().verify(&malformed, at(0));

        assert_eq!(verified, Err(TokenError::Invalid), "{malformed:?}");
    }
}

proptest! {
    #[test]
    fn no_text_panics_or_is_taken(text in "\\PC{0,60}(\\.\\PC{0,60}){0,3}") {
        prop_assert_eq!(everything().verify(&text, at(0)), Err(TokenError::Invalid));
    }

    #[test]
    fn no_json_under_a_good_shape_panics_or_is_taken(header in "\\{\"alg\":\"(HS256|RS256|ES256|EdDSA|none)\"\\PC{0,30}\\}?", signature in "[A-Za-z0-9_-]{0,90}") {
        let header = URL_SAFE_NO_PAD.encode(header);
        let token = format!("{header}.{}.{signature}", encoded(&alice()));

        prop_assert_eq!(everything().verify(&token, at(0)), Err(TokenError::Invalid));
    }

    #[test]
    fn a_token_with_any_other_character_is_refused(at_character in 0_usize..120, character in "[A-Za-z0-9_.-]") {
        for token in [
            sealed(SECRET.as_bytes(), &alice()),
            signed(Algorithm::EdDSA, ED, None, &alice()),
        ] {
            let mut changed = token.clone();
            let index = at_character % token.len();
            changed.replace_range(index..=index, &character);
            prop_assume!(changed != token);

            prop_assert_eq!(everything().verify(&changed, at(0)), Err(TokenError::Invalid));
        }
    }
}
