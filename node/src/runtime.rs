//! The runtime that a node runs on.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// A runtime of so many threads that serve clients.
///
/// One thread alone is a runtime of its own kind: nothing is shared, so nothing is locked or handed over. Measured per
/// processor it delivers most, so more threads are for a node that cannot be several.
///
/// # Errors
///
/// What the system says, for want of file descriptors or threads.
pub fn new(workers: usize) -> io::Result<Runtime> {
    let mut builder = match workers {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(workers.max(1)).enable_all().build()
}
