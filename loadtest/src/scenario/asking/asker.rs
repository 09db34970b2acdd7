//! One client that asks, and checks and times what it is answered. This is the hot path.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Question;
use super::pending::Pending;
use crate::client::CloseReason;
use crate::client::driver::Inbound;
use crate::measure::{Latency, Tally, Track};
use crate::monitor::Counters;
use crate::swarm::Post;

/// What all clients share.
pub(super) struct Shared<Q> {
    question: Q,
    /// Whether an answer makes a client ask again.
    on_return: bool,
    pub(super) over: AtomicBool,
    sent: AtomicU64,
    totals: Mutex<Totals>,
}

/// What has come, over all clients.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) latency: Latency,
    answered: u64,
    /// The first packet that is no answer.
    pub(super) stray: Option<String>,
}

/// The asking side of one client.
pub(super) struct Client<Q> {
    number: usize,
    pub(super) post: Post,
    pending: Mutex<Pending>,
    shared: Arc<Shared<Q>>,
}

/// The side that listens.
pub(super) struct Asker<Q> {
    client: Arc<Client<Q>>,
    track: Track,
    tally: Tally,
    /// When what is being handed in was read.
    now: Option<Instant>,
}

impl<Q: Question> Client<Q> {
    pub(super) fn new(number: usize, post: Post, shared: &Arc<Shared<Q>>) -> Self {
        Self {
            number,
            post,
            pending: Mutex::default(),
            shared: Arc::clone(shared),
        }
    }

    /// Asks the next question, which was due at this time.
    pub(super) fn ask(&self, due: Instant) {
        // Held while it is sent, so that questions leave in their order.
        let mut pending = lock(&self.pending);
        let id = pending.ask(due);
        let question = self.shared.question.ask(self.number, id);
        self.shared.sent.fetch_add(1, Ordering::Relaxed);
        // What the connection does not take is missing in the end.
        self.post.send(&format!("2{id}{question}"));
    }
}

impl<Q: Question> Asker<Q> {
    pub(super) fn new(client: Arc<Client<Q>>) -> Self {
        Self {
            client,
            track: Track::default(),
            tally: Tally::default(),
            now: None,
        }
    }

    /// What came of this client's questions.
    pub(super) fn tally(&self) -> Tally {
        let asked = lock(&self.client.pending).asked();
        Tally {
            expected: asked,
            lost: self.track.lost(asked),
            ..self.tally
        }
    }

    fn answer(&mut self, id: u64, values: &str) {
        let client = Arc::clone(&self.client);
        let shared = &client.shared;
        if !shared.question.is_answer(client.number, id, values) {
            self.tally.corrupted += 1;
            shared.totals().answered += 1;
            return;
        }
        let verdict = self.track.deliver(id);
        self.tally.count(verdict);
        let Some(due) = lock(&client.pending).answer(id) else {
            return;
        };
        let now = self.now.unwrap_or_else(Instant::now);
        {
            let mut totals = shared.totals();
            totals.answered += 1;
            totals.latency.record(now.saturating_duration_since(due));
        }
        if shared.on_return && !shared.over.load(Ordering::Relaxed) {
            client.ask(Instant::now());
        }
    }
}

impl<Q: Question> Inbound for Asker<Q> {
    fn batch(&mut self, now: Instant) {
        self.now = Some(now);
    }

    fn message(&mut self, packet: &str) -> Result<(), CloseReason> {
        let ack = packet
            .strip_prefix('3')
            .and_then(|ack| Some(ack.split_at(ack.find('[')?)));
        match ack.and_then(|(id, values)| Some((id.parse().ok()?, values))) {
            Some((id, values)) => self.answer(id, values),
            None if packet == "1" => return Err(CloseReason::ServerDisconnect),
            None => {
                let mut totals = self.client.shared.totals();
                totals
                    .stray
                    .get_or_insert_with(|| packet.chars().take(200).collect());
            }
        }
        Ok(())
    }

    fn binary(&mut self, _: bytes::Bytes) -> Result<(), CloseReason> {
        Ok(())
    }
}

impl<Q> Shared<Q> {
    pub(super) fn new(question: Q, on_return: bool) -> Self {
        Self {
            question,
            on_return,
            over: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            totals: Mutex::default(),
        }
    }

    pub(super) fn totals(&self) -> MutexGuard<'_, Totals> {
        lock(&self.totals)
    }
}

impl<Q: Question> Counters for Shared<Q> {
    fn done(&self) -> u64 {
        self.totals().answered
    }

    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counters and times; one that is off by one does no harm.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
