//! One publisher: numbers its messages and hands them to its connection.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;
use tokio::sync::mpsc;

use super::run::Run;
use crate::client::driver::Command;
use crate::client::engine::Frame;

/// A client that sends to its room.
pub(super) struct Publisher {
    index: usize,
    /// All of a packet that comes before the data.
    head: String,
    commands: mpsc::Sender<Command>,
    /// Guards the order: the number is given and the message queued without another in between.
    order: Mutex<()>,
    run: Arc<Run>,
}

impl Publisher {
    pub(super) fn new(
        index: usize,
        event: &str,
        room: &str,
        commands: mpsc::Sender<Command>,
        run: Arc<Run>,
    ) -> Self {
        let mut head = String::from("42[");
        let _ = write!(
            head,
            r#"{},{{"room":{},"data":"#,
            Value::from(event),
            Value::from(room)
        );
        Self {
            index,
            head,
            commands,
            order: Mutex::new(()),
            run,
        }
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Sends a message that was due at `scheduled`; one that the connection does not take now is counted as unsent.
    pub(super) fn publish(&self, scheduled: Instant) {
        let order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = self.run.sent(self.index).unwrap_or_default();
        let since = scheduled.saturating_duration_since(self.run.epoch);
        let mut text = self.head.clone();
        self.run
            .format
            .write(&mut text, self.index, sequence, since);
        text.push_str("}]");
        let command = Command::Send {
            packet: Frame::Text(text.into()),
            attachments: Vec::new(),
            written: None,
        };
        // Counted first: a delivery must never see a number that was not sent yet.
        self.run.set_sent(self.index, sequence + 1);
        if self.commands.try_send(command).is_err() {
            self.run.count_unsent();
            self.run.set_sent(self.index, sequence);
        }
        drop(order);
    }

    /// Sends a message now, unless time is up or all messages are spent.
    pub(super) fn publish_within_budget(&self) {
        if self.run.spend_one() {
            self.publish(Instant::now());
        }
    }
}
