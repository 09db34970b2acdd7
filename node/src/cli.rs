//! The command line of `roomcast`: which verb, and everything the verbs do that is not serving.

mod answer;
mod check;
mod client;
mod completions;
mod drain;
mod emit;
mod exit;
mod healthcheck;
mod kick;
mod nodes;
mod presence;
mod progress;
mod rebalance;
mod rooms;
mod settings;
mod sockets;
mod table;
#[cfg(test)]
mod tests;
mod token;
mod usage;
mod verb;
mod words;

use std::ffi::OsString;

pub use answer::Answer;
pub use exit::Exit;

use self::client::Client;
use self::verb::Verb;
use crate::config::{self, Reading, Sources, nearest_word};

/// What a command line asks for.
#[derive(Debug)]
struct Command {
    /// What to do.
    verb: Verb,
    /// The flags and the environment to do it with.
    sources: Sources,
}

/// What is left to do once the command line has been dealt with.
#[derive(Debug)]
#[must_use]
pub enum Next {
    /// Run a node; this is for `main`: what is configured where, and what it says, which was read once.
    Serve(Sources, Box<Reading>),
    /// Say this and end.
    Done(Answer),
}

/// Does what the command line of this process asks for, up to the point where a node would run.
pub async fn begin() -> Next {
    let (args, environment) = config::process();
    let next = match Command::parse(args, environment) {
        Ok(command) => command.run().await,
        Err(answer) => Err(answer),
    };
    next.unwrap_or_else(Next::Done)
}

impl Command {
    /// Takes `args`, which do not start with the name of the program, and `environment`.
    ///
    /// # Errors
    ///
    /// What to say about words that are no verb. Wrong settings are found when the verb needs them, by
    /// [`run`](Self::run), unless a wrong flag may be why the words are not understood.
    fn parse(
        args: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Answer> {
        let sources = Sources::with_words(args, environment, &usage::own_flags());
        match usage::verb(sources.words()) {
            Ok(verb) => Ok(Self { verb, sources }),
            Err(answer) => match sources.config() {
                Err(errors) if sources.has_wrong_flags() => Err(errors.into()),
                _ => Err(answer),
            },
        }
    }

    /// Does it, or hands a checked configuration to the caller that is to serve.
    ///
    /// # Errors
    ///
    /// What to say where it could not be done.
    async fn run(self) -> Result<Next, Answer> {
        let sources = &self.sources;
        let node = || Client::of(sources);
        let answer = match self.verb {
            Verb::Serve => {
                let reading = Box::new(sources.read()?);
                return Ok(Next::Serve(self.sources, reading));
            }
            Verb::Check => check::run(sources)?,
            Verb::Config(verb) => verb.run(sources)?,
            Verb::Nodes(verb) => verb.run(&node()?).await?,
            Verb::Sockets(verb) => verb.run(&node()?).await?,
            Verb::Rooms(verb) => verb.run(&node()?).await?,
            Verb::Presence(verb) => verb.run(&node()?).await?,
            Verb::Emit(verb) => verb.run(&node()?).await?,
            Verb::Request(verb) => verb.run(&node()?).await?,
            Verb::Kick(verb) => verb.run(&node()?).await?,
            Verb::Drain(verb) => verb.run(&node()?).await?,
            Verb::Rebalance(verb) => verb.run(&node()?).await?,
            Verb::Healthcheck => healthcheck::run(&sources.config()?.admin.url).await,
            Verb::Token(verb) => verb.run(sources)?,
            Verb::Completions(verb) => verb.run(),
            Verb::Version => Answer::good(format!("roomcast {}\n", env!("CARGO_PKG_VERSION"))),
            Verb::Help(text) => Answer::good(text),
        };
        Ok(Next::Done(answer))
    }
}
