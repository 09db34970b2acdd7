//! Scenarios: what is done to a cluster. Each has options, which are checked before anything is sent, and a report.

mod asking;
mod broadcast;
mod chat;
mod churn;
mod cluster;
mod connect;
mod drain;
mod echo;
mod events;
mod fanout;
mod flow;
mod pace;
mod rooms;
mod slow;
mod tokens;

use std::time::Duration;

use clap::Subcommand;

use crate::report::Report;

pub use self::asking::Asking;
pub use self::broadcast::Broadcast;
pub use self::chat::Chat;
pub use self::churn::Churn;
pub use self::cluster::Cluster;
pub use self::connect::Connect;
pub use self::drain::Drain;
pub use self::echo::Echo;
pub use self::events::EventNames;
pub use self::fanout::Fanout;
pub use self::flow::Load;
pub use self::rooms::Rooms;
pub use self::slow::Slow;
pub use self::tokens::TokenSource;
pub use crate::swarm::{Parser, Transport};

/// What can be run.
#[derive(Clone, Debug, Subcommand)]
#[non_exhaustive]
pub enum Scenario {
    /// Clients in rooms, and publishers who send to those rooms; every delivery is checked
    Fanout(Fanout),
    /// Publishers who send to everyone in the namespace; every delivery is checked
    Broadcast(Broadcast),
    /// Every client asks for its own data back; every answer is checked
    Echo(Echo),
    /// Every client joins room after room and leaves the oldest; every answer is checked
    Rooms(Rooms),
    /// Clients connect at a rate, and then idle
    Connect(Connect),
    /// Users of the chat, who join rooms, read, type and write, leave and come back; deliveries and presence are checked
    Chat(Chat),
    /// As fanout, while clients drop their connections and come back
    Churn(Churn),
    /// As fanout, while a node is taken away and its clients go to the others
    Drain(Drain),
    /// As fanout, while some clients stop reading
    Slow(Slow),
}

impl Scenario {
    /// Says what is wrong with the options, before anything is sent.
    ///
    /// # Errors
    ///
    /// A sentence for the person who typed them.
    pub async fn check(&self) -> anyhow::Result<()> {
        match self {
            Self::Echo(echo) => echo.asking.check().await,
            Self::Rooms(rooms) => rooms.check().await,
            Self::Connect(connect) => connect.check().await,
            Self::Fanout(fanout) => fanout.flow().check().await,
            Self::Broadcast(broadcast) => broadcast.flow().check().await,
            Self::Chat(chat) => chat.flow().check().await,
            Self::Churn(churn) => churn.flow().check().await,
            Self::Drain(drain) => drain.flow().check().await,
            Self::Slow(slow) => slow.flow().check().await,
        }
    }

    /// Runs to the end, and says what happened. Loss and missed thresholds are part of the report.
    ///
    /// # Errors
    ///
    /// Whatever kept the scenario from being run, such as a cluster that refuses its clients.
    pub async fn run(&self) -> anyhow::Result<Report> {
        match self {
            Self::Echo(echo) => echo.run().await,
            Self::Rooms(rooms) => rooms.run().await,
            Self::Connect(connect) => connect.run().await,
            Self::Fanout(fanout) => fanout.flow().run().await,
            Self::Broadcast(broadcast) => broadcast.flow().run().await,
            Self::Chat(chat) => chat.flow().run().await,
            Self::Churn(churn) => churn.flow().run().await,
            Self::Drain(drain) => drain.flow().run().await,
            Self::Slow(slow) => slow.flow().run().await,
        }
    }

    /// How many threads are to drive the clients.
    pub fn threads(&self) -> u16 {
        let cluster = match self {
            Self::Echo(Echo { asking, .. }) | Self::Rooms(Rooms { asking, .. }) => &asking.cluster,
            Self::Connect(connect) => &connect.cluster,
            Self::Fanout(Fanout { load, .. })
            | Self::Broadcast(Broadcast { load })
            | Self::Chat(Chat { load, .. })
            | Self::Churn(Churn { load, .. })
            | Self::Drain(Drain { load, .. })
            | Self::Slow(Slow { load, .. }) => &load.cluster,
        };
        cluster.threads()
    }
}

/// No wait of a scenario is longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads `10s`, `500ms` or `2m`, up to a day.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let malformed = || format!("{text:?} is no duration such as 10s, 500ms or 2m");
    let digits = text
        .find(|character: char| !character.is_ascii_digit())
        .ok_or_else(malformed)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| malformed())?;
    let duration = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        _ => return Err(malformed()),
    };
    if duration > LONGEST {
        return Err(format!("{text:?} is longer than a day"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_a_unit() {
        assert_eq!(duration("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "10", "s", "-1s", "1.5s", "10h"] {
            assert!(duration(wrong).unwrap_err().contains("500ms"), "{wrong}");
        }
    }

    #[test]
    fn a_duration_ends_at_a_day() {
        assert!(duration("1440m").is_ok());
        for wrong in ["1441m", "18446744073709551615m"] {
            assert!(duration(wrong).unwrap_err().contains("a day"), "{wrong}");
        }
    }
}
