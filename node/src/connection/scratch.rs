//! Where connections read: many bytes in one call, while each keeps only what is left of them.

use std::cell::RefCell;

/// What one system call reads at most.
const SIZE: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SIZE].into());
}

/// Lends the buffer of this thread. What is in it means nothing to the next borrower.
pub(super) fn with_scratch<T>(read: impl FnOnce(&mut [u8]) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| read(scratch))
}
