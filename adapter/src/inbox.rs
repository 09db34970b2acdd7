//! Messages from the bus that wait to be applied.
//!
//! Whoever reads the bus does nothing but fill this queue, so that it is never the reader that is late; whoever applies
//! takes all there is at a time, so that sockets find several packets to write at once.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};

use crate::{
    bus::Delivery,
    observer::{DropCause, Observer},
};

/// What a node says of itself is far shorter, with hundreds of namespaces.
const LONGEST_BEAT: usize = 64 * 1024;

/// A bounded queue in bytes. Full means that the newest message is dropped and counted: those before it keep their order.
#[derive(Clone)]
pub struct Inbox(Arc<Shared>);

struct Shared {
    limit: usize,
    queue: Mutex<Queue>,
    filled: Notify,
    beats_channel: String,
    /// What nodes say of themselves. Not behind all that waits: it is to prove that the bus is heard, however long applying
    /// takes. What finds no room is left out, for the next second brings another.
    beats: mpsc::Sender<Bytes>,
    observer: Arc<dyn Observer>,
}

#[derive(Default)]
struct Queue {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
    /// When the last message came.
    latest: Option<Instant>,
}

impl Inbox {
    /// A queue of at most `limit` bytes. What comes on `beats_channel` is handed to `beats` at once, too.
    pub(crate) fn new(
        limit: usize,
        beats_channel: String,
        beats: mpsc::Sender<Bytes>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self(Arc::new(Shared {
            limit,
            queue: Mutex::default(),
            filled: Notify::new(),
            beats_channel,
            beats,
            observer,
        }))
    }

    /// Adds a message, unless the queue is full.
    pub fn push(&self, delivery: Delivery) {
        if delivery.channel == self.0.beats_channel && delivery.payload.len() <= LONGEST_BEAT {
            // Full, or nobody listens any more: either way the next is as good.
            let _ = self.0.beats.try_send(delivery.payload.clone());
        }
        let size = size(&delivery);
        {
            let mut queue = self.lock();
            queue.latest = Some(Instant::now());
            if queue.bytes + size > self.0.limit {
                drop(queue);
                return self.lost(DropCause::InboxFull, 1);
            }
            queue.bytes += size;
            queue.deliveries.push_back(delivery);
        }
        self.0.filled.notify_one();
    }

    /// Counts messages that never got here.
    pub fn lost(&self, cause: DropCause, messages: u64) {
        self.0.observer.dropped(cause, messages);
    }

    /// Waits for messages and takes all of them, oldest first.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken if the future is dropped before it resolves.
    pub(crate) async fn take(&self) -> VecDeque<Delivery> {
        loop {
            self.0.filled.notified().await;
            let taken = {
                let mut queue = self.lock();
                queue.bytes = 0;
                mem::take(&mut queue.deliveries)
            };
            if !taken.is_empty() {
                return taken;
            }
        }
    }

    /// When the last message came, applied or not.
    pub(crate) fn latest(&self) -> Option<Instant> {
        self.lock().latest
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The queue is whole between any two statements, so a panic elsewhere leaves it usable.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(delivery: &Delivery) -> usize {
    size_of::<Delivery>() + delivery.channel.len() + delivery.payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Counts;

    fn delivery(bytes: usize) -> Delivery {
        Delivery {
            channel: String::new(),
            payload: Bytes::from(vec![0; bytes]),
            by_pattern: false,
        }
    }

    #[tokio::test]
    async fn a_full_inbox_drops_the_newest_and_counts_it() {
        let counts = Arc::new(Counts::default());
        let inbox = Inbox::new(1000, "beats".to_owned(), mpsc::channel(1).0, counts.clone());

        for bytes in [400, 300, 400, 1] {
            inbox.push(delivery(bytes));
        }
        let taken: Vec<_> = inbox.take().await.iter().map(|d| d.payload.len()).collect();

        assert_eq!(taken, [400, 300, 1]);
        assert_eq!(counts.dropped(DropCause::InboxFull), 1);
        inbox.push(delivery(900));
        assert_eq!(inbox.take().await.len(), 1, "taking makes room");
    }
}
