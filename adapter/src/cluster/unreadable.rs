//! Messages that cannot be read: counted all, told once in a while, since whoever published them is told nothing.

use tokio::time::Instant;

use super::{Cluster, lock};
use crate::{observer::DropCause, wire::DecodeError};

/// How much of a channel's name is told. Rooms may be as long as anybody likes.
const MOST_CHARACTERS: usize = 200;

impl Cluster {
    /// Counts a message that came on `channel` and cannot be read, and tells of the first of its cause in a minute.
    pub(super) fn unreadable(&self, channel: &str, error: &DecodeError) {
        let cause = error.drop_cause();
        self.0.observer.dropped(cause, 1);
        let told = lock(&self.0.unreadable).tells(cause, Instant::now());
        let end = channel.char_indices().nth(MOST_CHARACTERS);
        let channel = end.map_or(channel, |(end, _)| &channel[..end]);
        match told {
            Some(untold) => tracing::warn!(
                channel,
                reason = %error,
                remedy = remedy(cause),
                untold,
                "dropped a message that somebody published"
            ),
            None => {
                tracing::debug!(channel, reason = %error, "dropped a message that somebody published");
            }
        }
    }
}

/// What whoever reads the log can do.
fn remedy(cause: DropCause) -> &'static str {
    match cause {
        DropCause::TooLarge => "have its publisher send less at a time",
        DropCause::Reserved => "have its publisher use another name for the event",
        DropCause::UnknownType => {
            "have its publisher send events only; if it is an adapter newer than this node, update the node"
        }
        _ => {
            "find its publisher: another program on this channel, or an emitter whose dialect is not understood"
        }
    }
}
