//! What waits to be written to one connection: small frames copied together, large ones shared with other connections.

use std::{
    collections::VecDeque,
    io::IoSlice,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;

/// A frame of at least as many bytes is not copied: the copies of 16 KiB for 2,000 clients are 32 MiB.
const SHARED: usize = 2048;

/// Slices that one write takes at most. More would fill more than a socket's buffer.
pub(super) const SLICES: usize = 16;

/// Buffers that are kept for the next round: a busy node uses as many at a time, an idle one keeps 2 MiB at most.
const SPARE: usize = 512;

/// A spare buffer is at most as large.
const SPARE_SIZE: usize = 4096;

/// Bytes to write, in order. Empty, it holds no memory.
#[derive(Debug, Default)]
pub(super) struct Queue {
    chunks: VecDeque<Chunk>,
    /// What was copied behind the last chunk.
    tail: Vec<u8>,
    /// How much of what comes first is written already.
    written: usize,
    len: usize,
}

#[derive(Debug)]
enum Chunk {
    Copied(Vec<u8>),
    Shared(Bytes),
}

/// Buffers that connections borrow while something waits for them.
#[derive(Debug, Default, Clone)]
pub(super) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Queue {
    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds what somebody else keeps, too.
    pub(super) fn push_shared(&mut self, frames: &Bytes, buffers: &Buffers) {
        if frames.len() < SHARED {
            return self.push(frames, buffers);
        }
        self.len += frames.len();
        if !self.tail.is_empty() {
            let tail = mem::take(&mut self.tail);
            self.chunks.push_back(Chunk::Copied(tail));
        }
        self.chunks.push_back(Chunk::Shared(frames.clone()));
    }

    /// Adds a copy.
    pub(super) fn push(&mut self, frames: &[u8], buffers: &Buffers) {
        if self.tail.capacity() == 0 {
            self.tail = buffers.borrow();
        }
        self.len += frames.len();
        self.tail.extend_from_slice(frames);
    }

    /// The first of what waits, as far as one write may take it.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        let chunks = self.chunks.iter().map(|chunk| match chunk {
            Chunk::Copied(bytes) => &bytes[..],
            Chunk::Shared(bytes) => &bytes[..],
        });
        let mut skip = self.written;
        let mut count = 0;
        for bytes in chunks.chain([&self.tail[..]]).take(SLICES) {
            slices[count] = IoSlice::new(&bytes[mem::take(&mut skip)..]);
            count += usize::from(!slices[count].is_empty());
        }
        count
    }

    /// So many bytes are written.
    pub(super) fn advance(&mut self, mut bytes: usize, buffers: &Buffers) {
        self.len -= bytes;
        bytes += self.written;
        while let Some(chunk) = self.chunks.front() {
            let len = match chunk {
                Chunk::Copied(copied) => copied.len(),
                Chunk::Shared(shared) => shared.len(),
            };
            if bytes < len {
                self.written = bytes;
                return;
            }
            bytes -= len;
            if let Some(Chunk::Copied(copied)) = self.chunks.pop_front() {
                buffers.give_back(copied);
            }
        }
        self.written = bytes;
        if self.len == 0 {
            self.clear(buffers);
        }
    }

    /// Forgets what waits.
    pub(super) fn clear(&mut self, buffers: &Buffers) {
        buffers.give_back(mem::take(&mut self.tail));
        *self = Self::default();
    }
}

impl Buffers {
    fn borrow(&self) -> Vec<u8> {
        self.lock()
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(SPARE_SIZE / 8))
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() == 0 || buffer.capacity() > SPARE_SIZE {
            return;
        }
        buffer.clear();
        let mut spare = self.lock();
        if spare.len() < SPARE {
            spare.push(buffer);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        // A list of buffers, whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All that waits, in writes of at most `step` bytes.
    fn written(queue: &mut Queue, buffers: &Buffers, step: usize) -> Vec<u8> {
        let mut out = Vec::new();
        while !queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = queue.slices(&mut slices);
            let bytes: Vec<u8> = slices[..count]
                .iter()
                .flat_map(|slice| slice.iter().copied())
                .take(step)
                .collect();
            assert!(!bytes.is_empty(), "{} bytes wait", queue.len());
            queue.advance(bytes.len(), buffers);
            out.extend(bytes);
        }
        out
    }

    #[test]
    fn what_is_written_is_given_back() {
        let (mut queue, buffers) = (Queue::default(), Buffers::default());
        queue.push(b"small", &buffers);
        queue.push_shared(&vec![1; SHARED].into(), &buffers);
        queue.push(b"again", &buffers);

        written(&mut queue, &buffers, 100);

        assert_eq!(buffers.lock().len(), 2);
        assert_eq!(queue.tail.capacity() + queue.chunks.capacity(), 0);
    }

    #[test]
    fn a_buffer_that_grew_large_is_not_kept() {
        let (mut queue, buffers) = (Queue::default(), Buffers::default());
        for _ in 0..20 {
            queue.push(&[0; SHARED - 1], &buffers);
        }

        queue.advance(queue.len(), &buffers);

        assert!(buffers.lock().is_empty());
    }

    proptest! {
        #[test]
        fn bytes_come_out_as_they_went_in(
            frames in proptest::collection::vec(
                prop_oneof![0..200_usize, SHARED - 1..SHARED + 10], 0..40),
            step in prop_oneof![1..50_usize, 1000..20_000_usize],
        ) {
            let (mut queue, buffers) = (Queue::default(), Buffers::default());
            let mut expected = Vec::new();
            for (number, len) in frames.into_iter().enumerate() {
                let frame = Bytes::from(vec![number as u8; len]);
                expected.extend_from_slice(&frame);
                queue.push_shared(&frame, &buffers);
            }

            prop_assert_eq!(queue.len(), expected.len());
            prop_assert_eq!(written(&mut queue, &buffers, step), expected);
        }
    }
}
