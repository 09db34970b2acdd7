//! When a token holds, of whom and for whom it must be.

use proptest::prelude::*;

use super::*;

/// What becomes of a token with `claims` at second `now`, where clocks may differ by a minute.
fn outcome(claims: &Value, now: u64) -> Option<TokenError> {
    let jwt = Jwt {
        leeway: Duration::from_secs(60),
        ..with_secret()
    };
    verify(&jwt, &sealed(SECRET.as_bytes(), claims), at(now)).err()
}

#[test]
fn a_token_holds_until_its_last_second_and_the_leeway_are_over() {
    for (now, expected) in [
        (0, None),
        (1000, None),
        (1059, None),
        (1060, Some(TokenError::Expired)),
        (u64::from(u32::MAX), Some(TokenError::Expired)),
    ] {
        assert_eq!(outcome(&alice(), now), expected, "{now}");
    }
}

#[test]
fn without_leeway_a_token_has_expired_when_it_says_so() {
    let token = sealed(SECRET.as_bytes(), &alice());
    let just_before = at(1000) - Duration::from_nanos(1);

    assert!(verify(&with_secret(), &token, just_before).is_ok());
    let expired = verify(&with_secret(), &token, at(1000)).unwrap_err();

    assert_eq!(expired.message(), "无效的认证令牌");
    assert_eq!(expired.code(), "token_expired");
}

#[test]
fn a_token_begins_a_leeway_before_it_says_so() {
    let claims = json!({ "exp": 1000, "nbf": 500 });

    assert_eq!(outcome(&claims, 439), Some(TokenError::Invalid));
    assert_eq!(outcome(&claims, 440), None);
}

#[test]
fn dates_must_be_numbers_and_the_end_must_be_there() {
    for claims in [
        json!({}),
        json!({ "exp": null }),
        json!({ "exp": "1000" }),
        json!({ "exp": [1000] }),
        json!({ "exp": 1000, "nbf": "0" }),
        json!({ "exp": 1000, "nbf": null }),
    ] {
        assert_eq!(outcome(&claims, 0), Some(TokenError::Invalid), "{claims}");
    }
    for (claims, expected) in [
        (json!({ "exp": 0.5 }), None),
        (json!({ "exp": -1e300 }), Some(TokenError::Expired)),
        (json!({ "exp": 1e300 }), None),
        (json!({ "exp": u64::MAX }), None),
    ] {
        assert_eq!(outcome(&claims, 60), expected, "{claims}");
    }
}

#[test]
fn issuer_and_audience_count_where_they_are_configured() {
    let configured = Jwt {
        issuer: Some("login".to_owned()),
        audience: Some("chat".to_owned()),
        ..with_secret()
    };
    for (issuer, audience, is_taken) in [
        (json!("login"), json!("chat"), true),
        (json!("login"), json!(["mail", "chat"]), true),
        (json!("other"), json!("chat"), false),
        (json!(["login"]), json!("chat"), false),
        (json!("login"), json!("mail"), false),
        (json!("login"), json!([]), false),
        (json!("login"), json!([["chat"]]), false),
        (json!(null), json!("chat"), false),
        (json!("login"), json!(null), false),
    ] {
        let claims = json!({ "exp": 1000, "iss": issuer, "aud": audience });
        let token = sealed(SECRET.as_bytes(), &claims);

        assert_eq!(
            verify(&configured, &token, at(0)).is_ok(),
            is_taken,
            "{claims}"
        );
        assert!(verify(&with_secret(), &token, at(0)).is_ok(), "{claims}");
    }
    let token = sealed(SECRET.as_bytes(), &alice());
    assert_eq!(verify(&configured, &token, at(0)), Err(TokenError::Invalid));
}

#[test]
fn only_a_token_that_was_ours_has_expired() {
    let token = sealed(b"another secret", &alice());

    assert_eq!(
        verify(&with_secret(), &token, at(5000)),
        Err(TokenError::Invalid)
    );
}

proptest! {
    #[test]
    fn a_token_holds_exactly_from_its_begin_to_its_end(
        begins in 0_u64..5000, ends in 0_u64..5000, leeway in 0_u64..500, now in 0_u64..6000,
    ) {
        let jwt = Jwt { leeway: Duration::from_secs(leeway), ..with_secret() };
        let token = sealed(SECRET.as_bytes(), &json!({ "nbf": begins, "exp": ends }));

        let verified = verify(&jwt, &token, at(now));

        let expected = if now + leeway < begins {
            Err(TokenError::Invalid)
        } else if now >= ends + leeway {
            Err(TokenError::Expired)
        } else {
            Ok(at(ends + leeway))
        };
        prop_assert_eq!(verified.map(|claims| claims.expires()), expected);
    }
}
