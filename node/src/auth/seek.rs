//! Where a token is looked for.

use roomcast_gateway::platform::Handshake;
use serde_json::Value;

/// The token that a client brought: `auth.token`, or the query parameter `token`, or the header `Authorization:
/// Bearer …`, in this order. What is empty, or no text, is none, and the next place is looked at.
pub(crate) fn seek(handshake: &Handshake) -> Option<&str> {
    let auth = || handshake.auth()?.get("token").and_then(Value::as_str);
    let query = || handshake.query("token");
    let header = || bearer(handshake.header("authorization")?);
    let is_given = |token: &&str| !token.is_empty();
    auth()
        .filter(is_given)
        .or_else(|| query().filter(is_given))
        .or_else(|| header().filter(is_given))
}

/// What follows the scheme, whose case does not matter (RFC 7235, section 2.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde_json::json;

    use super::*;

    fn handshake() -> Handshake {
        Handshake::new("/socket.io/", SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn the_payload_comes_before_the_query_and_the_query_before_the_header() {
        let header = handshake().with_header("Authorization", "Bearer header");
        let query = header.clone().with_query("token", "query");
        let auth = query.clone().with_auth(json!({ "token": "auth" }));

        assert_eq!(seek(&handshake()), None);
        assert_eq!(seek(&header), Some("header"));
        assert_eq!(seek(&query), Some("query"));
        assert_eq!(seek(&auth), Some("auth"));
    }

    #[test]
    fn what_is_empty_or_no_text_is_no_token() {
        let query = handshake().with_query("token", "query");

        for auth in [
            json!(null),
            json!("text"),
            json!([]),
            json!({ "token": null }),
            json!({ "token": 1 }),
            json!({ "token": "" }),
        ] {
            assert_eq!(seek(&query.clone().with_auth(auth)), Some("query"));
        }
        assert_eq!(seek(&handshake().with_query("token", "")), None);
    }

    #[test]
    fn the_header_is_of_the_bearer_scheme_in_any_case() {
        for (header, token) in [
            ("Bearer a.b.c", Some("a.b.c")),
            ("bearer  a.b.c ", Some("a.b.c")),
            ("Basic a.b.c", None),
            ("Bearer", None),
            ("Bearer ", None),
            ("a.b.c", None),
        ] {
            let handshake = handshake().with_header("Authorization", header);

            assert_eq!(seek(&handshake), token, "{header:?}");
        }
    }
}
