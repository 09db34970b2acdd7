//! Messages that wait to be published.
//!
//! Local delivery never waits for the bus: a broadcast is put here and its caller goes on. [`Queue`] is the pure rule,
//! [`Outbox`] the handle, [`publish`] the task that empties it.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    mem, ptr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt, poll,
    stream::{FuturesOrdered, SelectAll},
};
use tokio::{sync::Notify, time::Instant};

use crate::{
    bus::Bus,
    error::BusError,
    observer::{DropCause, Observer},
};

/// How many messages are on their way to the bus at a time: enough that none waits for another's answer, few enough that
/// what is lost with a connection is little.
const IN_FLIGHT: usize = 512;

/// How many bytes they may have together before no further one is sent: those of a bus that hangs stay in memory.
const IN_FLIGHT_BYTES: usize = 4 * 1024 * 1024;

/// How often waiting messages are looked through for those that are too old, while the bus is away.
const LOOK: Duration = Duration::from_millis(500);

/// Whom a waker wakes: the addresses of its data and of what acts on them.
type Asker = (usize, usize);

fn asker(waker: &Waker) -> Asker {
    (waker.data().addr(), ptr::from_ref(waker.vtable()).addr())
}

/// Pure: a queue bounded in bytes and in age. Full means that the oldest goes first.
#[derive(Debug)]
struct Queue {
    bytes_limit: usize,
    age_limit: Duration,
    messages: VecDeque<Message>,
    bytes: usize,
    /// How many were taken out and have not arrived yet.
    under_way: usize,
    /// The bus takes messages, so that waiting helps.
    is_emptied: bool,
    /// Those who wait before they publish more, each once, however often it asks.
    held_back: HashMap<Asker, Waker>,
}

#[derive(Debug)]
struct Message {
    channel: String,
    payload: Bytes,
    since: Instant,
    /// It is not sent before all others have arrived: those on other channels may take another way.
    behind_all: bool,
}

impl Message {
    fn size(&self) -> usize {
        size_of::<Self>() + self.channel.len() + self.payload.len()
    }
}

impl Queue {
    /// Adds a message; returns how many went to make room, itself included if it is larger than the queue.
    fn push(&mut self, message: Message) -> u64 {
        let size = message.size();
        if size > self.bytes_limit {
            return 1;
        }
        let mut dropped = 0;
        while self.bytes + size > self.bytes_limit && self.pop().is_some() {
            dropped += 1;
        }
        self.bytes += size;
        self.messages.push_back(message);
        dropped
    }

    /// Drops what is too old at `now`; returns how many.
    fn expire(&mut self, now: Instant) -> u64 {
        let mut dropped = 0;
        while let Some(oldest) = self.messages.front()
            && now.duration_since(oldest.since) > self.age_limit
        {
            self.pop();
            dropped += 1;
        }
        dropped
    }

    /// Whether whoever publishes shall wait: the bus is slower than they. While it is away, waiting helps nobody.
    fn holds_back(&self) -> bool {
        self.is_emptied && self.bytes > self.bytes_limit / 2
    }

    /// Those who need not wait any more.
    fn released(&mut self) -> HashMap<Asker, Waker> {
        if self.is_emptied && self.bytes > self.bytes_limit / 4 {
            return HashMap::new();
        }
        mem::take(&mut self.held_back)
    }

    fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.size();
        Some(message)
    }
}

/// A cheap handle to the queue.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    changed: Notify,
    observer: Arc<dyn Observer>,
}

impl Outbox {
    pub(crate) fn new(bytes: usize, age: Duration, observer: Arc<dyn Observer>) -> Self {
        Self(Arc::new(Shared {
            queue: Mutex::new(Queue {
                bytes_limit: bytes,
                age_limit: age,
                messages: VecDeque::new(),
                bytes: 0,
                under_way: 0,
                is_emptied: false,
                held_back: HashMap::new(),
            }),
            changed: Notify::new(),
            observer,
        }))
    }

    /// Adds a message; with `behind_all`, it is not sent before the bus has all that were added before it.
    pub(crate) fn push(&self, channel: String, payload: Bytes, behind_all: bool) {
        let dropped = self.lock().push(Message {
            channel,
            payload,
            since: Instant::now(),
            behind_all,
        });
        self.dropped(DropCause::OutboxFull, dropped);
        self.0.changed.notify_one();
    }

    /// Ready to take more without losing what waits. Where more waits than half of what may, and the bus takes it, the
    /// waker is woken once a quarter is left.
    pub(crate) fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut queue = self.lock();
        if !queue.holds_back() {
            return Poll::Ready(());
        }
        let waker = context.waker();
        queue.held_back.insert(asker(waker), waker.clone());
        Poll::Pending
    }

    /// Whether the bus takes messages at the moment.
    fn set_emptied(&self, is_emptied: bool) {
        self.lock().is_emptied = is_emptied;
        self.release();
    }

    fn release(&self) {
        let released = self.lock().released();
        released.into_values().for_each(Waker::wake);
    }

    /// Whether everything has arrived, or was given up.
    fn is_done(&self) -> bool {
        let queue = self.lock();
        queue.messages.is_empty() && queue.under_way == 0
    }

    /// The next message, which is under way from now on.
    fn take(&self) -> Option<Message> {
        let message = {
            let mut queue = self.lock();
            let message = queue.pop()?;
            queue.under_way += 1;
            message
        };
        self.release();
        Some(message)
    }

    /// Takes back a message that was not sent after all; it is the next one again.
    fn put_back(&self, message: Message) {
        let mut queue = self.lock();
        queue.under_way -= 1;
        queue.bytes += message.size();
        queue.messages.push_front(message);
    }

    fn expire(&self) {
        let dropped = self.lock().expire(Instant::now());
        self.dropped(DropCause::Expired, dropped);
    }

    fn dropped(&self, cause: DropCause, messages: u64) {
        if messages > 0 {
            self.0.observer.dropped(cause, messages);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The queue is whole between any two statements, so a panic elsewhere leaves it usable.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes what waits, in order, for as long as it is polled.
pub(crate) async fn publish(outbox: Outbox, bus: Arc<dyn Bus>) {
    let mut link = bus.link();
    let mut under_way = FuturesOrdered::new();
    // On their way over connections that are gone: each has its end, but nobody waits for it.
    let mut astray = SelectAll::new();
    let mut epoch = None;
    let mut bytes = 0;
    let mut look = tokio::time::interval(LOOK);
    loop {
        let now = *link.borrow_and_update();
        outbox.set_emptied(now.publishing);
        let new_epoch = now.publishing.then_some(now.epoch);
        if new_epoch != epoch {
            epoch = new_epoch;
            astray.push(mem::take(&mut under_way));
            bytes = 0;
        }
        if now.publishing {
            outbox.expire();
            while under_way.len() < IN_FLIGHT
                && bytes < IN_FLIGHT_BYTES
                && let Some(message) = outbox.take()
            {
                if message.behind_all && !under_way.is_empty() {
                    outbox.put_back(message);
                    break;
                }
                let mut sending = bus.publish(message.channel.clone(), message.payload.clone());
                // The first poll hands the message to the client, so this loop is what keeps the order.
                match poll!(&mut sending) {
                    Poll::Ready(Err(BusError::Disconnected)) => {
                        outbox.put_back(message);
                        break;
                    }
                    Poll::Ready(result) => outbox.sent(&result),
                    Poll::Pending => {
                        let size = message.size();
                        bytes += size;
                        under_way.push_back(sending.map(move |result| (size, result)));
                    }
                }
            }
        }
        tokio::select! {
            Some((size, result)) = under_way.next() => {
                bytes -= size;
                outbox.sent(&result);
            }
            Some((_, result)) = astray.next() => outbox.sent(&result),
            () = outbox.0.changed.notified() => {}
            changed = link.changed() => if changed.is_err() { return },
            _ = look.tick() => outbox.expire(),
        }
    }
}

impl Outbox {
    fn sent<E>(&self, result: &Result<(), E>) {
        self.lock().under_way -= 1;
        match result {
            Ok(()) => self.0.observer.published(),
            Err(_) => self.0.observer.dropped(DropCause::PublishFailed, 1),
        }
    }

    /// Waits until the bus has everything.
    pub(crate) fn drained(&self) -> impl Future<Output = ()> + use<> {
        let outbox = self.clone();
        async move {
            let mut look = tokio::time::interval(Duration::from_millis(10));
            while !outbox.is_done() {
                look.tick().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue {
        Queue {
            bytes_limit: 1000,
            age_limit: Duration::from_secs(5),
            messages: VecDeque::new(),
            bytes: 0,
            under_way: 0,
            is_emptied: true,
            held_back: HashMap::new(),
        }
    }

    fn message(bytes: usize, since: Instant) -> Message {
        Message {
            channel: String::new(),
            payload: Bytes::from(vec![0; bytes]),
            since,
            behind_all: false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_outbox_drops_the_oldest_first() {
        let mut queue = queue();
        let now = Instant::now();

        let dropped: Vec<_> = [300, 301, 302, 700, 5000]
            .map(|bytes| queue.push(message(bytes, now)))
            .into();

        assert_eq!(dropped, [0, 0, 1, 2, 1]);
        assert_eq!(queue.pop().unwrap().payload.len(), 700);
        assert_eq!(queue.bytes, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_older_than_its_age_is_sent() {
        let mut queue = queue();
        queue.push(message(1, Instant::now()));
        tokio::time::advance(Duration::from_secs(3)).await;
        queue.push(message(2, Instant::now()));

        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(
            queue.expire(Instant::now()),
            0,
            "five seconds are not too old"
        );
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(queue.expire(Instant::now()), 1);

        assert_eq!(queue.pop().unwrap().payload.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_publishes_waits_while_the_bus_is_slower() {
        let counts = Arc::new(crate::testing::Counts::default());
        let outbox = Outbox::new(1000, Duration::from_secs(5), counts.clone());
        outbox.set_emptied(true);
        let push = || outbox.push(String::new(), Bytes::from(vec![0; 200]), false);
        let ready = async || poll!(std::future::poll_fn(|context| outbox.poll_ready(context)));

        push();
        assert!(ready().await.is_ready());
        push();
        push();
        assert!(ready().await.is_pending());
        let waiting = std::future::poll_fn(|context| outbox.poll_ready(context));
        let emptying = async {
            tokio::task::yield_now().await;
            while outbox.take().is_some() {}
        };
        tokio::join!(waiting, emptying);

        push();
        push();
        push();
        assert!(ready().await.is_pending());
        outbox.set_emptied(false);
        assert!(ready().await.is_ready(), "an outage holds nobody back");
        assert_eq!(counts.dropped(DropCause::OutboxFull), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_often_waits_once() {
        let outbox = Outbox::new(1000, Duration::from_secs(5), Arc::new(()));
        outbox.set_emptied(true);
        outbox.push(String::new(), Bytes::from(vec![0; 700]), false);

        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(outbox.poll_ready(&mut context).is_pending());
        }

        assert_eq!(outbox.lock().held_back.len(), 1);
    }

    /// A bus that keeps what it is given until it is let.
    struct Gated {
        bus: crate::bus::MemoryBus,
        gate: Arc<tokio::sync::Semaphore>,
        begun: tokio::sync::mpsc::Sender<String>,
    }

    impl Gated {
        fn publish(&self, channel: String, payload: Bytes) -> crate::bus::BusFuture {
            let (gate, begun) = (self.gate.clone(), self.begun.clone());
            let published = self.bus.publish(channel.clone(), payload);
            Box::pin(async move {
                begun.try_send(channel).unwrap();
                gate.acquire().await.unwrap().forget();
                published.await
            })
        }
    }

    impl Bus for Gated {
        fn publish(&self, channel: String, payload: Bytes) -> crate::bus::BusFuture {
            self.publish(channel, payload)
        }
        fn subscribe(&self, topics: Vec<crate::bus::Topic>) -> crate::bus::BusFuture {
            self.bus.subscribe(topics)
        }
        fn unsubscribe(&self, topics: Vec<crate::bus::Topic>) -> crate::bus::BusFuture {
            self.bus.unsubscribe(topics)
        }
        fn subscribers(&self, channels: Vec<String>) -> crate::bus::CountFuture {
            self.bus.subscribers(channels)
        }
        fn reopen(&self) -> crate::bus::BusFuture {
            self.bus.reopen()
        }
        fn link(&self) -> tokio::sync::watch::Receiver<crate::bus::Link> {
            self.bus.link()
        }
        fn listen(
            &self,
            inbox: crate::inbox::Inbox,
        ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
            self.bus.listen(inbox)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_to_come_behind_all_others_waits_until_they_have_arrived() {
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let (begun, mut begins) = tokio::sync::mpsc::channel(10);
        let bus = Gated {
            bus: crate::bus::MemoryHub::default().connect(),
            gate: gate.clone(),
            begun,
        };
        let outbox = Outbox::new(1000, Duration::from_secs(5), Arc::new(()));
        for (channel, behind_all) in [("a", false), ("b", false), ("c", true), ("d", false)] {
            outbox.push(channel.to_owned(), Bytes::new(), behind_all);
        }
        let publishing = publish(outbox, Arc::new(bus));
        let watching = async {
            assert_eq!(begins.recv().await.unwrap(), "a");
            assert_eq!(begins.recv().await.unwrap(), "b");
            gate.add_permits(1);
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(begins.try_recv().is_err(), "one of them has not arrived");
            gate.add_permits(1);
            assert_eq!(begins.recv().await.unwrap(), "c");
            assert_eq!(begins.recv().await.unwrap(), "d");
        };

        tokio::select! {
            () = publishing => unreachable!("it goes on for as long as it is polled"),
            () = watching => {}
        }
    }
}
