//! `rooms`: every client joins one room after another and leaves the oldest; every ack is checked.
//!
//! Each room is one client's own, so no join finds the subscription of another: the dearest case for a cluster that
//! subscribes by room. A client first joins as many rooms as it is to keep, and then joins and leaves in turn.

use anyhow::ensure;
use clap::Args;
use serde_json::{Value, json};

use super::asking::{Asking, Question};

/// Options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Rooms {
    #[command(flatten)]
    pub(super) asking: Asking,
    /// In how many rooms each client stays
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    held: u32,
}

/// A join, or a leave.
struct Move {
    join: String,
    leave: String,
    held: u64,
}

impl Move {
    /// Which of its rooms a client's move with this number is about, and whether it joins it.
    fn of(&self, number: u64) -> (u64, bool) {
        match number.checked_sub(self.held) {
            None => (number, true),
            Some(turn) if turn % 2 == 0 => (self.held + turn / 2, true),
            Some(turn) => (turn / 2, false),
        }
    }
}

impl Question for Move {
    fn ask(&self, client: usize, number: u64) -> String {
        let (room, joins) = self.of(number);
        let event = if joins { &self.join } else { &self.leave };
        format!(r#"[{event},"of-{client}-{room}"]"#)
    }

    fn is_answer(&self, client: usize, number: u64, values: &str) -> bool {
        let (room, joins) = self.of(number);
        let values: Value = serde_json::from_str(values).unwrap_or_default();
        values == json!([{"room": format!("of-{client}-{room}"), "joined": joins}])
    }
}

impl Rooms {
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.asking.rate.is_some()
                || self.asking.in_flight.is_none_or(|moves| moves <= self.held),
            "--in-flight is more than --held {}: rooms would be left before they are joined",
            self.held
        );
        self.asking.check().await
    }

    pub(super) async fn run(&self) -> anyhow::Result<crate::report::Report> {
        let (join, leave) = self.asking.cluster.events.moves();
        let question = Move {
            join,
            leave,
            held: self.held.into(),
        };
        let more = ("held".to_owned(), json!(self.held));
        self.asking.run("rooms", question, more).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moves() -> Move {
        Move {
            join: "\"joinRoom\"".to_owned(),
            leave: "\"leaveRoom\"".to_owned(),
            held: 2,
        }
    }

    #[test]
    fn a_client_joins_what_it_keeps_and_then_joins_and_leaves_in_turn() {
        let all: Vec<_> = (0..7).map(|number| moves().of(number)).collect();

        assert_eq!(
            all,
            [
                (0, true),
                (1, true),
                (2, true),
                (0, false),
                (3, true),
                (1, false),
                (4, true)
            ]
        );
    }

    #[test]
    fn an_ack_has_to_name_the_room_and_what_became_of_it() {
        assert_eq!(moves().ask(5, 3), r#"["leaveRoom","of-5-0"]"#);
        assert!(moves().is_answer(5, 3, r#"[{"joined":false,"room":"of-5-0"}]"#));
        for wrong in [
            r#"[{"joined":true,"room":"of-5-0"}]"#,
            r#"[{"joined":false,"room":"of-5-1"}]"#,
            "[]",
            "nonsense",
        ] {
            assert!(!moves().is_answer(5, 3, wrong), "{wrong}");
        }
    }
}
