//! `roomcast completions`: what shells complete verbs and flags by.

use clap::ValueEnum;
use clap_complete::{generate, shells};

use super::{Answer, usage};

/// For which shell to make a script.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roomcast completions bash > /usr/share/bash-completion/completions/roomcast
  roomcast completions zsh > /usr/share/zsh/vendor-completions/_roomcast
  roomcast completions fish > ~/.config/fish/completions/roomcast.fish
  source <(roomcast completions bash)")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

/// The shells that the scripts are tried in.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    pub(super) fn run(&self) -> Answer {
        let mut script = Vec::new();
        let mut command = usage::complete();
        let name = "roomcast";
        match self.shell {
            Shell::Bash => generate(shells::Bash, &mut command, name, &mut script),
            Shell::Zsh => generate(shells::Zsh, &mut command, name, &mut script),
            Shell::Fish => generate(shells::Fish, &mut command, name, &mut script),
        }
        Answer::good(String::from_utf8_lossy(&script))
    }
}
