//! Pure: the order of what one connection is sent by two ways, the engine's channel and past it.
//!
//! Events and acks go past the engine, straight into the connection's queue; the engine itself sends CONNECT answers,
//! pings and goodbyes. Neither may overtake the other where a client could tell:
//!
//! - What is sent to a seat waits for its CONNECT answer, which is seen on its way out.
//! - A session that polls is reached by the channel alone. Once it has moved to a WebSocket, a fence is sent through the
//!   channel; what comes past it waits until the fence is seen, since all that was in the channel before has left then.
//! - Events that ask for an ack go through the channel, where the engine knows their answers. A fence follows each.

#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::frame::{Frame, Packet};

/// The id of the ack that is the fence. No client asks for an ack of this id, and one that got the fence would ignore it.
pub(crate) const FENCE: i64 = i64::from_be_bytes(*b"roomcast");

/// Which way a session is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the engine's channel alone.
    Channel,
    /// Past it.
    Direct,
}

/// What to do with something that is sent to a seat.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Send it through the engine's channel.
    Channel,
    /// It is kept here, and comes out behind what it waits for.
    Held,
    /// Write it now.
    Now,
}

/// The state of one session.
#[derive(Debug)]
pub(crate) struct Order {
    way: Way,
    closed: bool,
    /// What waits, and for what; nothing does most of the time.
    hold: Option<Box<Hold>>,
}

#[derive(Debug, Default)]
struct Hold {
    /// Seats to which nothing may be written yet.
    waiting: Vec<Seat>,
    /// How many fences were sent, and how many have been seen since.
    fences: u64,
    passed: u64,
    /// What waits for a fence, and for which.
    behind_fence: Vec<(u64, Bytes)>,
}

#[derive(Debug)]
struct Seat {
    namespace: Box<str>,
    /// Whether its CONNECT answer has been handed to the channel.
    is_taken: bool,
    /// The fence behind which it may be written to, should its CONNECT answer have left by a poll.
    fence: Option<u64>,
    /// What waits, and for which fence beside the answer.
    held: Vec<(u64, Bytes)>,
}

impl Order {
    pub(crate) fn new(way: Way) -> Self {
        Self {
            way,
            closed: false,
            hold: None,
        }
    }

    pub(crate) fn way(&self) -> Way {
        self.way
    }

    /// A client asks for a seat: its CONNECT answer is not in the channel yet.
    pub(crate) fn seat(&mut self, namespace: &str) {
        let hold = self.hold.get_or_insert_default();
        hold.waiting.retain(|seat| *seat.namespace != *namespace);
        hold.waiting.push(Seat {
            namespace: namespace.into(),
            is_taken: false,
            fence: None,
            held: Vec::new(),
        });
    }

    /// The CONNECT answer of a seat is in the channel. True if a fence has to be sent behind it.
    pub(crate) fn taken(&mut self, namespace: &str) -> bool {
        let Some(hold) = &mut self.hold else {
            return false;
        };
        let Some(at) = hold.position(namespace) else {
            return false;
        };
        if self.way == Way::Channel {
            hold.waiting.swap_remove(at);
            self.let_go();
            return false;
        }
        let seat = &mut hold.waiting[at];
        seat.is_taken = true;
        // While the session polled, the answer may have left by a poll.
        seat.fence.is_some_and(|_| {
            hold.fences += 1;
            seat.fence = Some(hold.fences);
            true
        })
    }

    /// A seat is given up.
    pub(crate) fn unseat(&mut self, namespace: &str) {
        if let Some(hold) = &mut self.hold {
            hold.waiting.retain(|seat| *seat.namespace != *namespace);
            self.let_go();
        }
    }

    /// The session has moved from polling to this connection. True if a fence has to be sent through the channel;
    /// `is_seated` says whether anything can be in it.
    pub(crate) fn moved(&mut self, is_seated: bool) -> bool {
        if self.way == Way::Direct {
            return false;
        }
        self.way = Way::Direct;
        if let Some(hold) = &mut self.hold {
            for seat in &mut hold.waiting {
                seat.fence = Some(0);
            }
        }
        if is_seated {
            self.hold.get_or_insert_default().fences += 1;
        }
        is_seated
    }

    /// Something was put into the channel although the session is reached past it. True if a fence has to be sent behind it:
    /// what comes past the channel from now on waits for that.
    pub(crate) fn detour(&mut self) -> bool {
        if self.way == Way::Channel {
            return false;
        }
        self.hold.get_or_insert_default().fences += 1;
        true
    }

    /// What to do with a packet for a seat, in frames. What is held is kept.
    pub(crate) fn route(&mut self, namespace: &str, frames: &Bytes) -> Route {
        if self.way == Way::Channel {
            return Route::Channel;
        }
        let Some(hold) = &mut self.hold else {
            return Route::Now;
        };
        if let Some(at) = hold.position(namespace) {
            hold.waiting[at].held.push((hold.fences, frames.clone()));
            Route::Held
        } else if hold.passed < hold.fences {
            hold.behind_fence.push((hold.fences, frames.clone()));
            Route::Held
        } else {
            Route::Now
        }
    }

    /// Takes a frame that the engine writes, and gives out in `write` what is to be written now: it and what has waited
    /// for it. A fence is not for clients.
    pub(crate) fn engine(&mut self, frame: &Frame<'_>, write: &mut impl FnMut(&[u8])) {
        self.closed |= frame.is_close();
        let Some(hold) = &mut self.hold else {
            return write(frame.bytes);
        };
        match frame.packet() {
            Some(Packet::Connect(namespace)) => {
                write(frame.bytes);
                let at = |seat: &Seat| seat.namespace.as_bytes() == namespace;
                if let Some(at) = hold.waiting.iter().position(at) {
                    let seat = hold.waiting.swap_remove(at);
                    hold.release(seat.held, write);
                }
            }
            Some(Packet::Ack(ack)) if hold.passed < hold.fences && is_fence(ack) => {
                hold.pass(write);
            }
            _ => write(frame.bytes),
        }
        self.let_go();
    }

    /// Whether nothing may be written any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// What is held, in bytes.
    pub(crate) fn held(&self) -> usize {
        let Some(hold) = &self.hold else { return 0 };
        let seats = hold.waiting.iter().flat_map(|seat| &seat.held);
        let all = seats.chain(&hold.behind_fence);
        all.map(|(_, frames)| frames.len()).sum()
    }

    /// Keeps no memory for what waits once nothing does.
    fn let_go(&mut self) {
        self.hold
            .take_if(|hold| hold.waiting.is_empty() && hold.passed == hold.fences);
    }
}

impl Hold {
    /// One more fence has been seen.
    fn pass(&mut self, write: &mut impl FnMut(&[u8])) {
        self.passed += 1;
        let passed = self.passed;
        self.behind_fence.retain(|(fence, frames)| {
            let is_behind = *fence > passed;
            if !is_behind {
                write(frames);
            }
            is_behind
        });
        let is_behind =
            |seat: &mut Seat| !seat.is_taken || seat.fence.is_none_or(|fence| fence > passed);
        let free: Vec<Seat> = self
            .waiting
            .extract_if(.., |seat| !is_behind(seat))
            .collect();
        for seat in free {
            self.release(seat.held, write);
        }
    }

    /// What has waited for a CONNECT answer waits for its fence alone.
    fn release(&mut self, held: Vec<(u64, Bytes)>, write: &mut impl FnMut(&[u8])) {
        for (fence, frames) in held {
            if fence > self.passed {
                self.behind_fence.push((fence, frames));
            } else {
                write(&frames);
            }
        }
    }

    fn position(&self, namespace: &str) -> Option<usize> {
        self.waiting
            .iter()
            .position(|seat| *seat.namespace == *namespace)
    }
}

/// Whether an ack is the fence, as JSON's or MessagePack's parser writes it.
fn is_fence(ack: &[u8]) -> bool {
    ack.ends_with(format!("{FENCE}[]").as_bytes()) || ack.ends_with(&FENCE.to_be_bytes())
}
