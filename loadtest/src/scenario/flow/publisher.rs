//! One publisher: numbers its messages and hands them to its connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::Value;

use super::run::Run;
use super::{Audience, chat};
use crate::scenario::events::EventNames;
use crate::swarm::Post;

/// A client that sends to its room, or to everyone.
pub(super) struct Publisher {
    index: usize,
    /// All of a packet that comes before the data, and after it.
    head: String,
    tail: &'static str,
    /// Guards the order: a number is given and its message sent without another in between.
    post: Mutex<Option<Post>>,
    /// In the chat, where data is a text, others see whether somebody types.
    chats: bool,
    types: AtomicBool,
    run: Arc<Run>,
}

impl Publisher {
    pub(super) fn new(
        index: usize,
        events: &EventNames,
        audience: Audience,
        room: &str,
        run: Arc<Run>,
    ) -> Self {
        let (head, tail) = events.publish(audience, room);
        Self {
            index,
            head,
            tail,
            post: Mutex::new(None),
            chats: matches!(audience, Audience::Chat(_)),
            types: AtomicBool::new(false),
            run,
        }
    }

    /// Sends on this connection from now on.
    pub(super) fn connected(&self, post: Post) {
        *self.post() = Some(post);
    }

    fn post(&self) -> MutexGuard<'_, Option<Post>> {
        // A handle, there or not.
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// Begins to type, in the chat.
    pub(super) fn begin_to_type(&self) {
        if self.chats && !self.types.swap(true, Ordering::Relaxed) {
            let post = self.post();
            // Where the connection does not take it, the message will say so.
            let _ = post.as_ref().map(|post| post.send(&chat::types(true)));
        }
    }

    /// Sends a message that was due at `scheduled`; one that the connection does not take now is counted as unsent.
    pub(super) fn publish(&self, scheduled: Instant) {
        let post = self.post();
        let sequence = self.run.sent(self.index).unwrap_or_default();
        let since = scheduled.saturating_duration_since(self.run.epoch);
        let mut packet = self.head.clone();
        let format = &self.run.format;
        if self.chats {
            let mut text = String::new();
            format.write(&mut text, self.index, sequence, since);
            packet.push_str(&Value::from(text).to_string());
        } else {
            format.write(&mut packet, self.index, sequence, since);
        }
        packet.push_str(self.tail);
        if self.types.swap(false, Ordering::Relaxed) {
            let _ = post.as_ref().map(|post| post.send(&chat::types(false)));
        }
        // Counted first: a delivery must never see a number that was not sent yet.
        self.run.set_sent(self.index, sequence + 1);
        if !post.as_ref().is_some_and(|post| post.send(&packet)) {
            self.run.count_unsent();
            self.run.set_sent(self.index, sequence);
        }
    }

    /// Sends a message now, unless time is up or all messages are spent.
    pub(super) fn publish_within_budget(&self) {
        if self.run.spend_one() {
            self.publish(Instant::now());
        }
    }
}
