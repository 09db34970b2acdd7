//! Text that must not be seen.

use std::fmt;

use super::parse::Value;

/// A secret that was configured. `Debug` hides it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the secret as it was written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Value for Secret {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("expected a secret that is not empty".to_owned());
        }
        Ok(Self::new(text))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debug_print_hides_the_secret() {
        assert_eq!(format!("{:?}", Some(Secret::new("word"))), "Some((hidden))");
    }
}
