//! Which keys a token can be of.

use std::fs;

use roomcast_gateway::platform::Handshake;
use tempfile::TempDir;

use super::*;

#[test]
fn without_a_key_there_is_no_verifier() {
    assert!(Verifier::new(&Jwt::default()).unwrap().is_none());
}

#[test]
fn a_token_that_another_program_made_is_taken() {
    // Python's hmac and base64 made it, with the secret of these tests and 2000000000 as `exp`.
    let token = include_str!("../testdata/hs256.jwt").trim();

    let claims = verify(&with_secret(), token, at(0)).unwrap();

    assert_eq!(claims.expires(), at(2_000_000_000));
    assert_eq!(claims.username(), Some("alice"));
    assert_eq!(claims.all()["sub"], "alice");
    assert_eq!(Value::Object(claims.into_all())["exp"], 2_000_000_000);
}

#[test]
fn each_kind_of_public_key_verifies_its_algorithm_and_no_other() {
    let keys = [
        ("rsa1.pub.pem", Algorithm::RS256, RSA_1),
        ("rsa1.pkcs1.pub.pem", Algorithm::RS256, RSA_1),
        ("ec.pub.pem", Algorithm::ES256, EC),
        ("ed.pub.pem", Algorithm::EdDSA, ED),
    ];
    for (file, own, _) in keys {
        for (_, algorithm, private) in keys {
            let token = signed(algorithm, private, Some("any"), &alice());

            let verified = verify(&with_public_key(file), &token, at(0));

            let is_taken = algorithm == own;
            assert_eq!(verified.is_ok(), is_taken, "{file}, {algorithm:?}");
        }
    }
}

#[test]
fn other_algorithms_of_the_same_key_are_refused() {
    for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        let token = signed(algorithm, RSA_1, None, &alice());

        let verified = verify(&with_public_key("rsa1.pub.pem"), &token, at(0));

        assert_eq!(verified, Err(TokenError::Invalid), "{algorithm:?}");
    }
}

#[test]
fn a_name_of_a_key_picks_it_and_without_one_all_are_tried() {
    for (key, kid, is_taken) in [
        (RSA_1, Some("rsa-1"), true),
        (RSA_2, Some("rsa-2"), true),
        (RSA_1, None, true),
        (RSA_2, None, true),
        (RSA_1, Some("rsa-2"), false),
        (RSA_2, Some("rsa-3"), false),
        (RSA_1, Some("ec"), false),
    ] {
        let token = signed(Algorithm::RS256, key, kid, &alice());

        let verified = verify(&with_set(), &token, at(0));

        assert_eq!(verified.is_ok(), is_taken, "{kid:?}");
    }
}

#[test]
fn the_other_keys_of_a_set_are_taken_too() {
    for (algorithm, key) in [(Algorithm::ES256, EC), (Algorithm::EdDSA, ED)] {
        let token = signed(algorithm, key, None, &alice());

        assert!(verify(&with_set(), &token, at(0)).is_ok(), "{algorithm:?}");
    }
}

#[test]
fn all_kinds_of_keys_can_be_configured_together() {
    let jwt = Jwt {
        secret: with_secret().secret,
        jwks_file: with_set().jwks_file,
        ..with_public_key("ec.pub.pem")
    };

    for token in [
        sealed(SECRET.as_bytes(), &alice()),
        signed(Algorithm::ES256, EC, Some("of-the-issuer"), &alice()),
        signed(Algorithm::RS256, RSA_2, Some("rsa-2"), &alice()),
    ] {
        assert!(verify(&jwt, &token, at(0)).is_ok());
    }
}

#[test]
fn keys_are_rotated_under_a_running_verifier() {
    let set: Value = serde_json::from_str(include_str!("../testdata/jwks.json")).unwrap();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("jwks.json");
    let write = |index: usize, second| {
        fs::write(&path, json!({ "keys": [set["keys"][index]] }).to_string()).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(at(second)).unwrap();
    };
    write(0, 1);
    let jwt = Jwt {
        jwks_file: Some(path.clone()),
        ..Jwt::default()
    };
    let verifier = Verifier::new(&jwt).unwrap().unwrap();
    let old = signed(Algorithm::RS256, RSA_1, Some("rsa-1"), &alice());
    let new = signed(Algorithm::RS256, RSA_2, Some("rsa-2"), &alice());
    assert!(verifier.verify(&old, at(0)).is_ok());
    assert!(verifier.verify(&new, at(0)).is_err());

    write(1, 2);

    assert!(verifier.verify(&old, at(1)).is_err());
    assert!(verifier.verify(&new, at(1)).is_ok());
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_key() {
    let missing = Jwt {
        jwks_file: Some(testdata("none.json")),
        ..with_public_key("small.pub.pem")
    };

    let error = Verifier::new(&missing).unwrap_err();
    let all = Verifier::mistakes(&missing);

    let text = error.to_string();
    assert!(
        text.starts_with("jwt.public_key_file: cannot use the file "),
        "{text}"
    );
    assert!(text.ends_with("small.pub.pem"), "{text}");
    let keys: Vec<_> = all.iter().map(|mistake| mistake.key).collect();
    assert_eq!(keys, ["jwt.public_key_file", "jwt.jwks_file"]);
    assert!(Verifier::mistakes(&with_set()).is_empty());
}

#[test]
fn a_handshake_brings_a_token_or_is_told_that_it_has_none() {
    let verifier = Verifier::new(&with_secret()).unwrap().unwrap();
    let bare = Handshake::new("/socket.io/", at(0));
    let token = sealed(SECRET.as_bytes(), &alice());

    let missing = verifier.admit(&bare, at(0)).unwrap_err();
    let wrong = verifier.admit(&bare.clone().with_query("token", "a.b.c"), at(0));
    let right = verifier.admit(&bare.with_auth(json!({ "token": token })), at(0));

    assert_eq!(missing.message(), "未提供认证令牌");
    assert_eq!(missing.code(), "token_missing");
    assert_eq!(wrong, Err(TokenError::Invalid));
    assert!(right.is_ok());
}
