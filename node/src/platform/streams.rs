//! The streams of replies that one socket has under way.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How many one socket may have under way; a client that asks for more is told an exception.
const MOST: usize = 1000;

/// Made for the first of them: most sockets never have one.
#[derive(Debug, Default)]
pub(super) struct Streams(OnceLock<Arc<Shared>>);

/// What ends with a socket's seat.
#[derive(Debug, Default)]
struct Shared {
    end: CancellationToken,
    count: AtomicUsize,
}

impl Streams {
    /// Drives a stream in a task of its own until [`end`](Self::end); false if there are too many already.
    ///
    /// `is_gone` says whether the socket has left: perhaps before there was anything to end.
    pub(super) fn begin(
        &self,
        tasks: &TaskTracker,
        is_gone: impl FnOnce() -> bool,
        driven: impl Future<Output = ()> + Send + 'static,
    ) -> bool {
        let shared = self.0.get_or_init(Arc::default).clone();
        if shared.count.fetch_add(1, Ordering::Relaxed) >= MOST {
            shared.count.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        if is_gone() {
            shared.end.cancel();
        }
        tasks.spawn(async move {
            // `None` is the end of the seat, which is nobody's mistake.
            let _ended = shared.end.run_until_cancelled(driven).await;
            shared.count.fetch_sub(1, Ordering::Relaxed);
        });
        true
    }

    /// What ends with the seat.
    pub(super) fn ended(&self) -> CancellationToken {
        self.0.get_or_init(Arc::default).end.clone()
    }

    /// Drops those that are under way.
    pub(super) fn end(&self) {
        if let Some(shared) = self.0.get() {
            shared.end.cancel();
        }
    }
}
