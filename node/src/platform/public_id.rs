//! The id by which a socket is known.
//!
//! The engine's session id lets whoever has it read and write a session that polls, so it is shown to nobody but its
//! client. What clients, gateways and other nodes see is an id of our own.

use std::fmt;

use rand::Rng as _;

/// Twenty characters, as ids of Node.js have, whose sharded adapter tells ids from rooms by that; the first is `~`, which
/// no room that clients can join begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublicId([u8; LENGTH]);

const LENGTH: usize = 20;

/// The alphabet of base64url, 6 bits each: 114 in all.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl PublicId {
    /// An id that nobody has, and nobody can guess.
    pub(crate) fn random() -> Self {
        let mut id = [0; LENGTH];
        rand::rng().fill(&mut id);
        for byte in &mut id {
            *byte = ALPHABET[usize::from(*byte % 64)];
        }
        id[0] = b'~';
        Self(id)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("the alphabet is ASCII")
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_nodes_length_and_no_name_of_a_room_that_can_be_joined() {
        let id = PublicId::random();

        assert_eq!(id.as_str().len(), 20);
        assert!(id.as_str().starts_with('~'));
        let is_of_base64url =
            |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        assert!(id.as_str()[1..].chars().all(is_of_base64url));
        assert_ne!(id, PublicId::random());
    }
}
