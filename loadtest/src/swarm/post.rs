//! The sending end of a connection, and its switch.

use std::io;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::task::AtomicWaker;
use tokio::net::tcp::OwnedWriteHalf;

use super::dialect::Dialect;
use super::frame::{self, Kind};
use super::namespace::Namespace;
use crate::client::driver::{Command, Handle};
use crate::client::engine::Frame;

/// What may wait for a server that does not read.
const MOST: usize = 4 * 1024 * 1024;

/// Sends packets on a connection that somebody else drives. A cheap handle.
#[derive(Clone)]
pub(crate) enum Post {
    Lean(Arc<Lean>),
    /// Through the client.
    Client(Arc<Held>),
}

/// A client's handle, dropped to end it.
pub(crate) struct Held {
    handle: Mutex<Option<Handle>>,
    pub(super) namespace: Namespace,
}

/// What the driver of a lean connection is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    Run = 0,
    /// Read nothing.
    Pause = 1,
    /// Let go, without a goodbye.
    End = 2,
}

/// The outgoing half of a lean WebSocket.
pub(crate) struct Lean {
    writing: OwnedWriteHalf,
    pub(super) dialect: Dialect,
    out: Mutex<Out>,
    switch: AtomicU8,
    masks: AtomicU32,
    /// Wakes the driver.
    pub(super) waker: AtomicWaker,
}

#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    /// While a batch of frames is handled, what they make the client send gathers.
    gathers: bool,
}

impl Post {
    /// Sends a packet, without its Engine.IO type; false if the connection does not take it.
    pub(crate) fn send(&self, packet: &str) -> bool {
        match self {
            Self::Lean(lean) => lean.packet(packet),
            Self::Client(held) => {
                let packet = held.namespace.parts(packet).concat();
                held.command(Command::Send {
                    packet: Frame::message(&packet),
                    attachments: Vec::new(),
                    written: None,
                })
            }
        }
    }

    /// Stops reading, so that the server's writes back up.
    pub(crate) fn pause(&self) {
        match self {
            Self::Lean(lean) => lean.turn(Switch::Pause),
            Self::Client(held) => held.set_reading(false),
        }
    }

    /// Reads on.
    pub(crate) fn resume(&self) {
        match self {
            Self::Lean(lean) => lean.resume(),
            Self::Client(held) => held.set_reading(true),
        }
    }

    /// Lets go of the connection without a goodbye.
    pub(crate) fn end(&self) {
        match self {
            Self::Lean(lean) => lean.turn(Switch::End),
            Self::Client(held) => drop(lock(&held.handle).take()),
        }
    }

    /// Lets go of the connection so that the server knows at once: what polls has to say goodbye.
    pub(crate) fn leave(&self) {
        let is_told = match self {
            Self::Lean(_) => false,
            Self::Client(held) => held.command(Command::Disconnect {
                namespace: held.namespace.name().to_owned(),
            }),
        };
        if !is_told {
            self.end();
        }
    }
}

impl Held {
    pub(super) fn new(handle: Handle, namespace: Namespace) -> Arc<Self> {
        Arc::new(Self {
            handle: Mutex::new(Some(handle)),
            namespace,
        })
    }

    fn command(&self, command: Command) -> bool {
        let handle = lock(&self.handle);
        let taken = handle.as_ref().map(Handle::commands);
        taken.is_some_and(|commands| commands.try_send(command).is_ok())
    }

    fn set_reading(&self, reading: bool) {
        if let Some(handle) = &*lock(&self.handle) {
            handle.set_reading(reading);
        }
    }
}

impl Lean {
    pub(super) fn new(writing: OwnedWriteHalf, dialect: Dialect) -> Self {
        Self {
            writing,
            dialect,
            out: Mutex::default(),
            switch: AtomicU8::new(Switch::Run as u8),
            masks: AtomicU32::new(0x9e37_79b9),
            waker: AtomicWaker::new(),
        }
    }

    pub(super) fn switch(&self) -> Switch {
        match self.switch.load(Ordering::Acquire) {
            0 => Switch::Run,
            1 => Switch::Pause,
            _ => Switch::End,
        }
    }

    fn turn(&self, switch: Switch) {
        self.switch.fetch_max(switch as u8, Ordering::AcqRel);
        self.waker.wake();
    }

    fn resume(&self) {
        let (pause, run) = (Switch::Pause as u8, Switch::Run as u8);
        // Where it does not pause, it runs already or has ended.
        let _ = self
            .switch
            .compare_exchange(pause, run, Ordering::AcqRel, Ordering::Acquire);
        self.waker.wake();
    }

    /// Writes the packet of this text in the connection's form.
    pub(super) fn packet(&self, packet: &str) -> bool {
        let send = |kind, parts: &[&[u8]]| self.send(kind, parts);
        self.dialect.write(packet, send)
    }

    /// Writes a frame, now or with the batch that is being handled.
    pub(super) fn send(&self, kind: Kind, parts: &[&[u8]]) -> bool {
        let mut out = lock(&self.out);
        if out.bytes.len() > MOST {
            return false;
        }
        // It need not be hard to guess here, only different each time.
        let mask = self.masks.fetch_add(0x9e37_79b9, Ordering::Relaxed);
        frame::put(&mut out.bytes, kind, parts, mask.to_ne_bytes());
        if out.gathers {
            return true;
        }
        match self.write(&mut out.bytes) {
            Ok(true) => {}
            // The driver waits for the connection to take more, or meets the same error.
            Ok(false) | Err(_) => self.waker.wake(),
        }
        true
    }

    /// From now on frames gather, until [`poll_flush`](Self::poll_flush).
    pub(super) fn gather(&self) {
        lock(&self.out).gathers = true;
    }

    /// Writes all that waits.
    pub(super) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut out = lock(&self.out);
        out.gathers = false;
        while !self.write(&mut out.bytes)? {
            ready!(self.writing.as_ref().poll_write_ready(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// True once nothing is left; false if the connection takes no more.
    fn write(&self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        while !bytes.is_empty() {
            match self.writing.try_write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => drop(bytes.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holds values that are whole between any two statements.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
