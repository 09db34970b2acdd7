//! What a node says of itself, and what it tells one other node: values of the server's own, which this crate carries beside
//! its heartbeat and does not look into.

use std::sync::{PoisonError, RwLock};

use serde_json::{Value, value::RawValue};
use tokio::sync::mpsc;

use super::{Cluster, lock};
use crate::{observer::DropCause, peers::Announcement};

/// The longest such value, in bytes of JSON.
const LONGEST: usize = 4096;

/// Notes that may wait to be taken. A further one is dropped and counted.
const MOST_NOTES: usize = 64;

/// What another node has told this one.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Note {
    /// Its name.
    pub from: String,
    /// What it said.
    pub value: Value,
}

type Describe = Box<dyn Fn() -> Value + Send + Sync>;

/// What this node has to say, and where notes to it go.
pub(super) struct About {
    describe: RwLock<Option<Describe>>,
    notes: mpsc::Sender<Note>,
}

impl About {
    pub(super) fn new() -> (Self, mpsc::Receiver<Note>) {
        let (notes, taken) = mpsc::channel(MOST_NOTES);
        let about = Self {
            describe: RwLock::default(),
            notes,
        };
        (about, taken)
    }

    /// The value that the server gives; `None` where it gives none.
    fn now(&self) -> Option<Value> {
        let describe = self.describe.read().unwrap_or_else(PoisonError::into_inner);
        describe.as_ref().map(|describe| describe())
    }
}

impl Cluster {
    /// Has this node say the value of `describe` of itself, at each heartbeat. At most 4 KiB of JSON; a longer one is not sent.
    ///
    /// It is called by the tasks of [`run`](Self::run), and must not wait.
    pub fn describe(&self, describe: impl Fn() -> Value + Send + Sync + 'static) {
        let about = &self.0.about;
        *about
            .describe
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(Box::new(describe));
        self.announce();
    }

    /// Has the heartbeat not wait for its time, after a change that the other nodes should know of.
    pub fn announce(&self) {
        self.0.to_announce.notify_one();
    }

    /// All nodes of this crate that are there, as [`nodes`](Self::nodes), each with what it says of itself; `None` where it
    /// says nothing. This node's is the latest, the others' are as old as their last heartbeat.
    pub fn described(&self) -> Vec<(String, Option<Value>)> {
        let mut all: Vec<_> = self
            .peers()
            .described()
            .map(|(node, about)| (node, about.and_then(|text| serde_json::from_str(text).ok())))
            .collect();
        all.push((self.0.node_id.clone(), self.0.about.now()));
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// Tells one other node something. It arrives at most once, and not at all where the node is gone or knows no notes. At
    /// most 4 KiB of JSON; a longer one is dropped and counted.
    pub fn tell(&self, node: &str, value: &Value) {
        let Some(note) = raw(value) else {
            return self.observer().dropped(DropCause::TooLarge, 1);
        };
        if self.is_alone() {
            return;
        }
        let message = Announcement {
            node: self.0.node_id.clone(),
            to: Some(node.to_owned()),
            note: Some(note),
            ..Announcement::default()
        };
        self.outbox()
            .push(self.0.beats_channel.clone(), message.to_bytes(), false);
    }

    /// What other nodes tell this one. For one receiver: `None` from the second call on.
    pub fn notes(&self) -> Option<mpsc::Receiver<Note>> {
        lock(&self.0.notes).take()
    }

    /// What this node says of itself in its next heartbeat.
    pub(super) fn about(&self) -> Option<Box<RawValue>> {
        let value = self.0.about.now()?;
        let about = raw(&value);
        if about.is_none() {
            tracing::debug!("what this node says of itself is too long to be sent");
        }
        about
    }

    /// Takes a note of another node, if it is to this one.
    pub(super) fn noted(&self, announcement: Announcement) {
        if announcement.to.as_ref() != Some(&self.0.node_id) {
            return;
        }
        let value = announcement.note.as_deref().map(RawValue::get);
        let value = value.and_then(|text| serde_json::from_str(text).ok());
        let Some(value) = value else {
            return self.observer().dropped(DropCause::Malformed, 1);
        };
        let note = Note {
            from: announcement.node,
            value,
        };
        if self.0.about.notes.try_send(note).is_err() {
            self.observer().dropped(DropCause::Busy, 1);
        }
    }
}

/// The value as text, if it is not too long.
fn raw(value: &Value) -> Option<Box<RawValue>> {
    let text = serde_json::value::to_raw_value(value).ok()?;
    is_short(&text).then_some(text)
}

/// Whether a value of another node may be kept.
pub(super) fn is_short(text: &RawValue) -> bool {
    text.get().len() <= LONGEST
}
