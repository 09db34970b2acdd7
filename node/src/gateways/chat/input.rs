//! What clients of the chat may write.

use std::sync::Arc;

use serde::Deserialize;

use crate::auth::username;

/// A name of 1 to 64 characters (Unicode scalar values) once what is blank around it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Username(Arc<str>);

/// A message of 1 to 4,096 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Text(String);

/// Why a text is none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum InputError {
    #[error("a username has 1 to 64 characters")]
    Username,
    #[error("a message has 1 to 4096 bytes")]
    Text,
}

const TEXT_BYTES: usize = 4096;

impl TryFrom<String> for Username {
    type Error = InputError;

    fn try_from(name: String) -> Result<Self, InputError> {
        let name = username(&name).ok_or(InputError::Username)?;
        Ok(Self(name.into()))
    }
}

impl TryFrom<String> for Text {
    type Error = InputError;

    fn try_from(text: String) -> Result<Self, InputError> {
        if text.is_empty() || text.len() > TEXT_BYTES {
            return Err(InputError::Text);
        }
        Ok(Self(text))
    }
}

impl From<Username> for Arc<str> {
    fn from(name: Username) -> Self {
        name.0
    }
}

impl Text {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_is_trimmed_and_counted_in_characters() {
        let name = |text: &str| Username::try_from(text.to_owned()).map(|Username(name)| name);

        assert_eq!(&*name(" 小明\t").unwrap(), "小明");
        assert!(name(&"é".repeat(64)).is_ok());
        for wrong in ["", "   ", &"x".repeat(65)] {
            assert_eq!(name(wrong), Err(InputError::Username), "{wrong:?}");
        }
    }

    #[test]
    fn a_message_is_counted_in_bytes() {
        let text = |text: String| Text::try_from(text);

        assert!(text("é".repeat(2048)).is_ok());
        assert_eq!(text("é".repeat(2049)), Err(InputError::Text));
        assert_eq!(text(String::new()), Err(InputError::Text));
    }
}
