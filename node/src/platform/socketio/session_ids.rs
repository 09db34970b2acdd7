//! Pure: the session ids that clients of long polling hold, `sid.node.mac`.
//!
//! `sid` is the engine's, `node` the name of the node that has the session, `mac` the first 12 bytes of HMAC-SHA-256 over
//! both, in base64url. Whoever has the whole can read and write the session; the engine's id alone opens nothing.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    hmac::{HMAC_SHA256, Key, sign},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{Uri, request::Parts, uri::PathAndQuery};
use rand::Rng as _;
use socketioxide_core::Sid;

use crate::{config, connection::Rejection};

/// Bytes of the signature that are shown: 96 bits, which nobody guesses over a network.
const MAC: usize = 12;

/// The name of the parameter that holds the id.
const PARAMETER: &str = "sid";

/// What the engine's open packet begins with.
const OPEN: &str = r#"0{"sid":""#;

/// Signs and verifies session ids of one node.
pub(super) struct SessionIds {
    node: Box<str>,
    /// What this process alone knows. It signs where no key is configured, and verifies what it has signed to the end.
    own: Key,
    keys: RwLock<Arc<Keys>>,
}

struct Keys {
    signing: Key,
    /// These verify as well.
    others: Vec<Key>,
}

impl SessionIds {
    /// With the keys that are configured, or one of this process' own.
    pub(super) fn new(session: &config::Session, node: &str) -> Self {
        let mut random = [0; 32];
        rand::rng().fill(&mut random);
        let own = Key::new(HMAC_SHA256, &random);
        Self {
            node: node.into(),
            keys: RwLock::new(Arc::new(Keys::of(session, &own))),
            own,
        }
    }

    /// Signs with these keys from now on. What was signed with any other that was configured is of no session.
    pub(super) fn take(&self, session: &config::Session) {
        let keys = Arc::new(Keys::of(session, &self.own));
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    fn keys(&self) -> Arc<Keys> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }

    /// The body of the answer to a handshake, with the id that its client is to use; none if it opens no session.
    pub(super) fn in_open(&self, body: &[u8]) -> Option<String> {
        let rest = std::str::from_utf8(body).ok()?.strip_prefix(OPEN)?;
        let (id, rest) = rest.split_once('"')?;
        let id = self.signed(id.parse().ok()?);
        Some(format!(r#"{OPEN}{id}"{rest}"#))
    }

    /// The session that a request is for, whose URI says so in the engine's words from now on; none if it is for a new one.
    ///
    /// # Errors
    ///
    /// [`Rejection::Session`] for any other id than one that this node has signed, and where it is not plain which id is
    /// meant.
    pub(super) fn admit(&self, request: &mut Parts) -> Result<Option<Sid>, Rejection> {
        let query = request.uri.query().unwrap_or_default();
        let Some(signed) = parameter(query)? else {
            return Ok(None);
        };
        let id = self.verified(signed).ok_or(Rejection::Session)?;
        request.uri = with_id(&request.uri, id).ok_or(Rejection::Session)?;
        Ok(Some(id))
    }

    pub(super) fn signed(&self, id: Sid) -> String {
        let text = format!("{id}.{}", self.node);
        let mac = sign(&self.keys().signing, text.as_bytes());
        let mac = BASE64_URL_SAFE_NO_PAD.encode(&mac.as_ref()[..MAC]);
        format!("{text}.{mac}")
    }

    /// The engine's id in one that this node, or one of its keys, has signed for it.
    fn verified(&self, signed: &str) -> Option<Sid> {
        let (text, mac) = signed.rsplit_once('.')?;
        let (id, node) = text.split_once('.')?;
        let mac = BASE64_URL_SAFE_NO_PAD.decode(mac).ok()?;
        let is_signed_by = |key: &Key| {
            let expected = sign(key, text.as_bytes());
            verify_slices_are_equal(&expected.as_ref()[..MAC], &mac).is_ok()
        };
        // Sessions of other nodes are not here.
        let keys = self.keys();
        let mut all = std::iter::once(&keys.signing).chain(&keys.others);
        let is_ours = all.any(is_signed_by) && node == &*self.node;
        is_ours.then(|| id.parse().ok()).flatten()
    }
}

impl Keys {
    fn of(session: &config::Session, own: &Key) -> Self {
        let configured = session.keys.iter();
        let mut all = configured
            .map(|key| Key::new(HMAC_SHA256, key.expose().as_bytes()))
            .chain([own.clone()]);
        Self {
            signing: all.next().unwrap_or_else(|| own.clone()),
            others: all.collect(),
        }
    }
}

/// The value of the one parameter of that name.
///
/// # Errors
///
/// [`Rejection::Session`] where there are several, or one that others might read and the engine would not: it decodes
/// nothing, and takes the first.
fn parameter(query: &str) -> Result<Option<&str>, Rejection> {
    let is_named = |(name, _): &(_, _)| name == PARAMETER;
    match form_urlencoded::parse(query.as_bytes())
        .filter(is_named)
        .count()
    {
        0 => Ok(None),
        1 => {
            let value = query.split('&').find_map(value_of_id);
            value.map(Some).ok_or(Rejection::Session)
        }
        _ => Err(Rejection::Session),
    }
}

fn value_of_id(pair: &str) -> Option<&str> {
    pair.strip_prefix(PARAMETER)?.strip_prefix('=')
}

/// The same URI with the engine's id in place of what was there.
fn with_id(uri: &Uri, id: Sid) -> Option<Uri> {
    let query = uri.query()?;
    let mut target = format!("{}?", uri.path());
    for (number, pair) in query.split('&').enumerate() {
        if number > 0 {
            target.push('&');
        }
        match value_of_id(pair) {
            Some(_) => target.push_str(&format!("{PARAMETER}={id}")),
            None => target.push_str(pair),
        }
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::from_maybe_shared(target).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;
    use crate::config::Secret;

    fn session(keys: &[&str]) -> config::Session {
        config::Session {
            keys: keys.iter().map(|key| Secret::new(*key)).collect(),
        }
    }

    fn ids(node: &str, keys: &[&str]) -> SessionIds {
        SessionIds::new(&session(keys), node)
    }

    /// The session that a request with this query is for, and the query that the engine sees.
    fn admitted(ids: &SessionIds, query: &str) -> Result<(Option<Sid>, String), Rejection> {
        let uri = format!("/socket.io/?{query}");
        let (mut parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        let id = ids.admit(&mut parts)?;
        Ok((id, parts.uri.query().unwrap().to_owned()))
    }

    #[test]
    fn an_id_is_the_engines_the_nodes_and_a_signature_of_both() {
        let ids = ids("nodeAaaaaa", &["a key that the test knows"]);
        let id = "AAAAAAAAAAAAAAHs".parse().unwrap();

        // By `printf %s AAAAAAAAAAAAAAHs.nodeAaaaaa | openssl dgst -sha256 -hmac "a key that the test knows"`.
        assert_eq!(
            ids.signed(id),
            "AAAAAAAAAAAAAAHs.nodeAaaaaa.uJD36P-QgCPqrZnq"
        );
    }

    #[test]
    fn the_engine_sees_its_own_id_and_all_else_as_it_was() {
        let ids = ids("n1", &[]);
        let id = Sid::new();
        let signed = ids.signed(id);

        let (found, query) = admitted(
            &ids,
            &format!("EIO=4&a=%20b&sid={signed}&transport=polling&t=x"),
        )
        .unwrap();

        assert_eq!(found, Some(id));
        assert_eq!(
            query,
            format!("EIO=4&a=%20b&sid={id}&transport=polling&t=x")
        );
        let new = admitted(&ids, "EIO=4&transport=polling");
        assert_eq!(new, Ok((None, "EIO=4&transport=polling".to_owned())));
    }

    #[test]
    fn any_other_id_is_of_no_session() {
        let ids = ids("n1", &["one key", "another key"]);
        let id = Sid::new();
        let signed = ids.signed(id);
        let (text, mac) = signed.rsplit_once('.').unwrap();
        let changed = if mac.starts_with('A') { "B" } else { "A" };
        let other_node = self::ids("n2", &["one key", "another key"]);
        let stranger = self::ids("n1", &["one kez"]);
        for wrong in [
            String::new(),
            "nobody".to_owned(),
            "~AbCdEfGhIjKlMnOpQrS".to_owned(),
            id.to_string(),
            text.to_owned(),
            format!("{text}."),
            format!("{id}..{mac}"),
            format!("{id}.n2.{mac}"),
            format!("{}.n1.{mac}", Sid::new()),
            format!("{text}.{changed}{}", &mac[1..]),
            format!("{text}.{}", &mac[..15]),
            format!("{signed}A"),
            format!("{signed}="),
            format!("{signed}.{mac}"),
            format!(".{signed}"),
            signed.replace('.', "%2E"),
            signed.to_lowercase(),
            other_node.signed(id),
            stranger.signed(id),
        ] {
            let refused = admitted(&ids, &format!("EIO=4&transport=polling&sid={wrong}"));
            assert_eq!(refused, Err(Rejection::Session), "{wrong:?}");
        }
    }

    #[test]
    fn a_request_that_says_it_twice_or_in_other_letters_is_for_no_session() {
        let ids = ids("n1", &[]);
        let (mine, bare) = (ids.signed(Sid::new()), Sid::new());
        for query in [
            format!("sid={mine}&sid={bare}"),
            format!("sid={bare}&sid={mine}"),
            format!("sid={mine}&sid={mine}"),
            format!("sid={mine}&%73id={bare}"),
            format!("s%69d={mine}"),
            format!("sid={mine}&sid"),
            "sid".to_owned(),
            "sid=".to_owned(),
        ] {
            let refused = admitted(&ids, &query);
            assert_eq!(refused, Err(Rejection::Session), "{query}");
        }
    }

    #[test]
    fn an_older_key_verifies_while_a_newer_one_signs() {
        let (old, both, new) = (
            ids("n1", &["old"]),
            ids("n1", &["new", "old"]),
            ids("n1", &["new"]),
        );
        let id = Sid::new();

        assert_eq!(both.verified(&old.signed(id)), Some(id));
        assert_eq!(new.verified(&both.signed(id)), Some(id));
        assert_eq!(new.verified(&old.signed(id)), None);
    }

    #[test]
    fn keys_change_under_sessions_that_go_on_with_the_old_one_and_with_none() {
        let ids = ids("n1", &[]);
        let id = Sid::new();
        let own = ids.signed(id);

        ids.take(&session(&["old"]));
        let old = ids.signed(id);
        ids.take(&session(&["new", "old"]));
        let new = ids.signed(id);
        assert_eq!(ids.verified(&own), Some(id));
        assert_eq!(ids.verified(&old), Some(id));
        assert_eq!(ids.verified(&new), Some(id));
        assert_ne!(old, new);

        ids.take(&session(&["new"]));
        assert_eq!(ids.verified(&old), None);
        assert_eq!(ids.verified(&new), Some(id));
    }

    #[test]
    fn without_a_key_each_process_has_its_own() {
        let id = Sid::new();

        assert_eq!(ids("n1", &[]).verified(&ids("n1", &[]).signed(id)), None);
    }

    #[test]
    fn the_open_packet_is_given_the_signed_id_and_nothing_else_is() {
        let ids = ids("n1", &[]);
        let id = Sid::new();
        let open =
            |id: &str| format!(r#"0{{"sid":"{id}","upgrades":["websocket"],"maxPayload":7}}"#);

        let changed = ids.in_open(open(&id.to_string()).as_bytes());

        assert_eq!(changed, Some(open(&ids.signed(id))));
        assert_eq!(ids.in_open(open("short").as_bytes()), None);
        assert_eq!(ids.in_open(br#"{"code":"5"}"#), None);
        assert_eq!(ids.in_open(b""), None);
        assert_eq!(ids.in_open(b"\xff"), None);
    }

    proptest! {
        #[test]
        fn no_text_is_an_id_unless_it_was_signed(text in "[A-Za-z0-9._%-]{0,80}", id in "[A-Za-z0-9_-]{16}") {
            let ids = ids("n1", &[]);
            prop_assert_eq!(ids.verified(&text), None);
            prop_assert_eq!(ids.verified(&format!("{id}.n1.{id}")), None);
        }

        #[test]
        fn whatever_a_query_says_is_survived(query in "[ -~]{0,60}") {
            let _ = parameter(&query);
        }
    }
}
