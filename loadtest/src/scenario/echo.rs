//! `echo`: every client asks the server for its own data back, and checks each answer.

use clap::Args;
use serde_json::json;

use super::asking::{Asking, Question};

/// Options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Echo {
    #[command(flatten)]
    pub(super) asking: Asking,
    /// Size of an echo's data in bytes
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    payload: u32,
}

/// A text that is to come back, with its number before it.
struct Text {
    event: String,
    pad: String,
}

/// What the number of a text may take of its size.
const NUMBER: u32 = 10;

impl Question for Text {
    fn ask(&self, _: usize, number: u64) -> String {
        format!(r#"[{},"{number}:{}"]"#, self.event, self.pad)
    }

    fn is_answer(&self, _: usize, number: u64, values: &str) -> bool {
        let text = values
            .strip_prefix("[\"")
            .and_then(|text| text.strip_suffix("\"]"));
        text.and_then(|text| text.split_once(':'))
            .is_some_and(|(of, pad)| pad == self.pad && of.parse() == Ok(number))
    }
}

impl Echo {
    pub(super) async fn run(&self) -> anyhow::Result<crate::report::Report> {
        let question = Text {
            event: self.asking.cluster.events.echo(),
            pad: "x".repeat(self.payload.saturating_sub(NUMBER) as usize),
        };
        let more = ("payload_bytes".to_owned(), json!(self.payload));
        self.asking.run("echo", question, more).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_text_is_an_answer() {
        let text = Text {
            event: "\"echo\"".to_owned(),
            pad: "xx".to_owned(),
        };

        assert_eq!(text.ask(0, 7), r#"["echo","7:xx"]"#);
        assert!(text.is_answer(0, 7, r#"["7:xx"]"#));
        for wrong in [r#"["8:xx"]"#, r#"["7:xy"]"#, r#"["7:xx",1]"#, "[]", ""] {
            assert!(!text.is_answer(0, 7, wrong), "{wrong}");
        }
    }
}
