//! The keys of session ids: one, or two while one takes the place of the other.

use crate::config::setting::Settings;
use crate::config::{Secret, Session};

/// Below this many bytes a key is a word that somebody made up, and can be found by trying.
const SHORTEST: usize = 32;

/// The new one and the old one.
const MOST: usize = 2;

pub(super) fn read(settings: &mut Settings) -> Session {
    let both: Option<Secret> = settings.optional("session.key");
    let keys = both.iter().flat_map(|both| both.expose().split(','));
    let keys: Vec<_> = keys.map(str::trim).map(Secret::new).collect();
    if keys.len() > MOST {
        let expected =
            "expected one key, or two with a comma between them: the new one and the old one";
        settings.refuse("session.key", expected);
    } else if keys.iter().any(|key| key.expose().len() < SHORTEST) {
        let expected =
            "expected keys of at least 32 bytes, such as `openssl rand -base64 32` makes";
        settings.refuse("session.key", expected);
    }
    Session { keys }
}
