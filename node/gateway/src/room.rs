//! Names of rooms, checked where they enter.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a room: 1 to 256 bytes, none of them U+0000.
///
/// As an argument (`Data<RoomName>`) or a field of one, anything else is told to the client as an exception.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomName(String);

/// The name of a room that a client may ask to join: any but those that begin with `~`.
///
/// Those are the ids of sockets. Each socket is in the room of its own id, so that an emit to that room
/// reaches it alone; a client that could join it would listen in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JoinableRoom(RoomName);

/// Why a string is no name of a room, or of one that can be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoomNameError {
    /// It is empty, or longer than 256 bytes.
    #[error("a room name has 1 to 256 bytes")]
    Length,
    /// It holds U+0000.
    #[error("a room name holds no U+0000")]
    Null,
    /// It begins with `~`, as ids of sockets do.
    #[error("a room that begins with ~ cannot be joined")]
    OfSocket,
}

const MAX_BYTES: usize = 256;

impl RoomName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl JoinableRoom {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for RoomName {
    type Error = RoomNameError;

    fn try_from(name: String) -> Result<Self, RoomNameError> {
        if name.is_empty() || name.len() > MAX_BYTES {
            return Err(RoomNameError::Length);
        }
        if name.contains('\0') {
            return Err(RoomNameError::Null);
        }
        Ok(Self(name))
    }
}

impl TryFrom<String> for JoinableRoom {
    type Error = RoomNameError;

    fn try_from(name: String) -> Result<Self, RoomNameError> {
        let name = RoomName::try_from(name)?;
        if name.as_str().starts_with('~') {
            return Err(RoomNameError::OfSocket);
        }
        Ok(Self(name))
    }
}

impl From<RoomName> for String {
    fn from(name: RoomName) -> Self {
        name.0
    }
}

impl From<JoinableRoom> for String {
    fn from(name: JoinableRoom) -> Self {
        name.0.0
    }
}

impl From<JoinableRoom> for RoomName {
    fn from(name: JoinableRoom) -> Self {
        name.0
    }
}

impl From<&RoomName> for String {
    fn from(name: &RoomName) -> Self {
        name.0.clone()
    }
}

impl From<&JoinableRoom> for String {
    fn from(name: &JoinableRoom) -> Self {
        name.0.0.clone()
    }
}

impl AsRef<str> for RoomName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for JoinableRoom {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for JoinableRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_counts_bytes() {
        assert!(RoomName::try_from("é".repeat(128)).is_ok());
        assert_eq!(
            RoomName::try_from("é".repeat(129)),
            Err(RoomNameError::Length)
        );
        assert_eq!(
            RoomName::try_from(String::new()),
            Err(RoomNameError::Length)
        );
    }

    #[test]
    fn the_rooms_of_sockets_can_be_named_but_not_joined() {
        assert!(RoomName::try_from("~AbCd".to_owned()).is_ok());
        assert_eq!(
            JoinableRoom::try_from("~AbCd".to_owned()),
            Err(RoomNameError::OfSocket)
        );
        assert!(JoinableRoom::try_from("a~".to_owned()).is_ok());
    }
}
