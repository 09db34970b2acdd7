//! Messages from the bus that wait to be applied.
//!
//! Whoever reads the bus does nothing but fill this queue, so that it is never the reader that is late; whoever applies
//! takes all there is at a time, so that sockets find several packets to write at once.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{
    bus::Delivery,
    observer::{DropCause, Observer},
};

/// A bounded queue in bytes. Full means that the newest message is dropped and counted: those before it keep their order.
#[derive(Clone)]
pub struct Inbox(Arc<Shared>);

struct Shared {
    limit: usize,
    queue: Mutex<Queue>,
    filled: Notify,
    observer: Arc<dyn Observer>,
}

#[derive(Default)]
struct Queue {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
}

impl Inbox {
    pub(crate) fn new(limit: usize, observer: Arc<dyn Observer>) -> Self {
        Self(Arc::new(Shared {
            limit,
            queue: Mutex::default(),
            filled: Notify::new(),
            observer,
        }))
    }

    /// Adds a message, unless the queue is full.
    pub fn push(&self, delivery: Delivery) {
        self.0.observer.received();
        let size = size(&delivery);
        {
            let mut queue = self.lock();
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
            let taken = mem::take(&mut *self.lock()).deliveries;
            if !taken.is_empty() {
                return taken;
            }
        }
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
    use bytes::Bytes;

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
        let inbox = Inbox::new(1000, counts.clone());

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
