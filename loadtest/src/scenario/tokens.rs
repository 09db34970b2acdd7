//! Tokens with which clients ask for their seats. No message and no report shows one.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use clap::Args;

/// Where the tokens come from.
#[derive(Clone, Debug, Args)]
pub struct TokenSource {
    /// The token of every client: its auth.token, or over raw WebSockets its header Authorization
    #[arg(long, conflicts_with_all = ["token_file", "auth"])]
    token: Option<Secret>,
    /// A file of tokens, one a line, which clients take in turn
    #[arg(long, value_name = "FILE", conflicts_with = "auth", value_parser = read)]
    token_file: Option<Tokens>,
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
struct Secret(Arc<str>);

/// At least one token.
#[derive(Clone, Debug)]
struct Tokens(Arc<[Secret]>);

impl TokenSource {
    /// The token of the client with this number, if clients have any.
    pub(super) fn of(&self, client: usize) -> Option<&str> {
        let taken = || {
            let tokens = &self.token_file.as_ref()?.0;
            Some(&tokens[client % tokens.len()])
        };
        self.token
            .as_ref()
            .or_else(taken)
            .map(|Secret(token)| &**token)
    }

    /// Says where a token cannot be one, before any is sent.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let is_token = |Secret(token): &Secret| {
            !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        ensure!(
            self.token.iter().all(is_token),
            "--token is empty, or has spaces or letters in it that no token has"
        );
        if let Some(Tokens(tokens)) = &self.token_file {
            let wrong = tokens.iter().position(|token| !is_token(token));
            ensure!(
                wrong.is_none(),
                "token {} of --token-file has spaces or letters in it that no token has",
                wrong.unwrap_or_default() + 1
            );
        }
        Ok(())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("…")
    }
}

fn read(file: &str) -> anyhow::Result<Tokens> {
    let text = std::fs::read_to_string(Path::new(file)).context("it cannot be read")?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let tokens: Arc<[_]> = lines.map(|line| Secret(line.into())).collect();
    ensure!(!tokens.is_empty(), "it holds no token");
    Ok(Tokens(tokens))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(tokens: &[&str]) -> TokenSource {
        let tokens = tokens.iter().map(|token| Secret((*token).into()));
        TokenSource {
            token: None,
            token_file: Some(Tokens(tokens.collect())),
        }
    }

    #[test]
    fn clients_take_the_tokens_of_a_file_in_turn() {
        let source = source(&["a", "b"]);

        assert_eq!(
            [0, 1, 2].map(|client| source.of(client)),
            [Some("a"), Some("b"), Some("a")]
        );
    }

    #[test]
    fn no_message_shows_a_token() {
        let source = source(&["eyJ", "secret word"]);

        let said = format!("{source:?} {:?}", source.check().unwrap_err());

        assert!(said.contains("token 2"), "{said}");
        assert!(!said.contains("eyJ") && !said.contains("secret"), "{said}");
    }
}
