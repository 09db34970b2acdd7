//! Which work has made a broadcast, so that whoever caused it can be held back.
//!
//! A gateway broadcasts through a `Server` that belongs to nobody, deep inside a handler; so a mark of the thread is looked
//! at each time that the handler's future was polled.

use std::{cell::Cell, future::poll_fn, pin::pin};

thread_local! {
    static PUBLISHED: Cell<bool> = const { Cell::new(false) };
}

/// A broadcast was made by what runs on this thread.
pub(super) fn note() {
    PUBLISHED.set(true);
}

/// Runs `work`, and calls `tell` each time that it has made broadcasts.
pub(super) async fn told<T>(work: impl Future<Output = T>, tell: impl Fn()) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        PUBLISHED.set(false);
        let polled = work.as_mut().poll(context);
        if PUBLISHED.take() {
            tell();
        }
        polled
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn work_is_told_apart_from_other_work_on_its_thread() {
        let told_of = |broadcasts: usize| async move {
            let count = Arc::new(AtomicUsize::new(0));
            let counts = count.clone();
            let work = async move {
                for _ in 0..broadcasts {
                    note();
                    tokio::task::yield_now().await;
                }
            };
            told(work, move || {
                counts.fetch_add(1, Ordering::Relaxed);
            })
            .await;
            count.load(Ordering::Relaxed)
        };

        let (none, two) = tokio::join!(told_of(0), told_of(2));

        assert_eq!((none, two), (0, 2));
    }
}
