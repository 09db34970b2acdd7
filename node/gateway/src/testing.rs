//! Call handlers with no network, and look at what they sent. Needs the feature `test-util`.
//!
//! ```
//! use roomcast_gateway::{Ack, Data, Gateway, testing::{Client, Sent, block_on}};
//! use serde_json::json;
//!
//! async fn ping(Data(text): Data<String>) -> Ack<String> {
//!     Ack(text)
//! }
//!
//! let client = Client::of(Gateway::new("/echo").on("ping", ping));
//!
//! block_on(client.emit_with_ack("ping", "hello"));
//!
//! assert_eq!(client.sent(), [Sent::ack(json!("hello"))]);
//! ```

mod server;

use std::{
    collections::BTreeSet,
    fmt,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::SystemTime,
};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::{
    DisconnectReason, EmitError, Gateway, Handshake, Outcome, Refusal, Server, Socket, attachments,
    occasion::{Connect, Disconnect, Init},
    platform::{AckId, AckPayload, Incoming, Joining, Outgoing, Selection, ServerPort, SocketPort},
    run::{Dispatch, Hook, Streaming},
    socket_data::SocketValues,
};
use server::RecordingServer;

/// A client of a gateway that is connected to nothing, and keeps what it is sent.
#[derive(Debug)]
pub struct Client {
    gateway: Gateway,
    port: Arc<Recorder>,
    socket: Socket,
}

/// Something that a handler sent.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Sent {
    /// An event to the client itself.
    Event {
        /// Its name.
        event: String,
        /// Its argument.
        data: Value,
        /// What placeholders in `data` refer to.
        attachments: Vec<Bytes>,
    },
    /// The answer to the ack that the client asked for.
    Ack {
        /// Its argument.
        data: Value,
        /// What placeholders in `data` refer to.
        attachments: Vec<Bytes>,
    },
    /// An event to many.
    Broadcast {
        /// The namespace it goes to.
        namespace: String,
        /// Who gets it.
        selection: Selection,
        /// Its name.
        event: String,
        /// Its argument.
        data: Value,
        /// What placeholders in `data` refer to.
        attachments: Vec<Bytes>,
    },
}

impl Client {
    /// A client of `gateway`, with an empty handshake. No hook has run.
    pub fn of(gateway: Gateway) -> Self {
        Self::with_handshake(
            gateway,
            Handshake::new("/socket.io/", SystemTime::UNIX_EPOCH),
        )
    }

    /// A client of `gateway` that connects with `handshake`.
    pub fn with_handshake(gateway: Gateway, handshake: Handshake) -> Self {
        let id = "~client0000000000001".to_owned();
        let port = Arc::new(Recorder {
            rooms: Mutex::new(BTreeSet::from([id.clone()])),
            id,
            namespace: gateway.namespace().to_owned(),
            handshake,
            is_open: AtomicBool::new(true),
            values: SocketValues::default(),
            streams: Mutex::default(),
            server: Arc::default(),
        });
        Self {
            gateway,
            socket: Socket::new(Arc::clone(&port) as Arc<dyn SocketPort>),
            port,
        }
    }

    /// Runs the gateway's `on_init`.
    pub fn init(&self) -> Hook<Init> {
        self.gateway.init(self.socket.server())
    }

    /// Asks the gateway whether it lets the client in.
    ///
    /// # Errors
    ///
    /// Why not.
    pub async fn admission(&self) -> Result<(), Refusal> {
        match self.gateway.admission(self.socket.clone()) {
            Some(admission) => admission.await,
            None => Ok(()),
        }
    }

    /// Runs the gateway's `on_connection`.
    pub fn connect(&self) -> Hook<Connect> {
        self.gateway.connected(self.socket.clone())
    }

    /// Runs the gateway's `on_disconnect`. The socket is closed by then.
    pub fn disconnect(&self, reason: DisconnectReason) -> Hook<Disconnect> {
        self.port.disconnect(false);
        self.gateway.disconnected(self.socket.clone(), reason)
    }

    /// Emits an event that asks for no ack.
    ///
    /// # Panics
    ///
    /// If `data` has no form in JSON.
    #[track_caller]
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, data: &T) -> Dispatch {
        self.dispatch(&(event, data), false)
    }

    /// Emits an event that asks for an ack.
    ///
    /// # Panics
    ///
    /// If `data` has no form in JSON.
    #[track_caller]
    pub fn emit_with_ack<T: Serialize + ?Sized>(&self, event: &str, data: &T) -> Dispatch {
        self.dispatch(&(event, data), true)
    }

    /// Lets an event arrive, of any number of arguments.
    pub fn receive(&self, event: Incoming) -> Dispatch {
        let ack = event.wants_ack().then_some(AckId(0));
        self.gateway.dispatch(self.socket.clone(), event, ack)
    }

    /// Drives the streams of replies that handlers have returned, one after the other, to their ends. A disconnect drops
    /// them.
    pub async fn streamed(&self) -> Vec<Outcome> {
        let streams = std::mem::take(&mut *lock(&self.port.streams));
        let mut outcomes = Vec::new();
        for stream in streams {
            outcomes.push(stream.await);
        }
        outcomes
    }

    /// Takes what has been sent since it was last asked.
    pub fn sent(&self) -> Vec<Sent> {
        self.port.server.take()
    }

    /// The socket that handlers are given.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// False once a handler has disconnected it.
    pub fn is_connected(&self) -> bool {
        self.port.is_open.load(Ordering::Relaxed)
    }

    #[track_caller]
    fn dispatch<T: Serialize>(&self, array: &T, wants_ack: bool) -> Dispatch {
        let (text, attachments) = attachments::encode(array).expect("the data has a form in JSON");
        let event = Incoming::parse(text, attachments, wants_ack).expect("it was just written");
        self.receive(event)
    }
}

impl Sent {
    /// An event to the client itself, without attachments.
    pub fn event(event: impl Into<String>, data: Value) -> Self {
        Self::Event {
            event: event.into(),
            data,
            attachments: Vec::new(),
        }
    }

    /// An ack without attachments.
    pub fn ack(data: Value) -> Self {
        Self::Ack {
            data,
            attachments: Vec::new(),
        }
    }

    /// An event to the selected sockets of `namespace`, without attachments.
    pub fn broadcast(
        namespace: impl Into<String>,
        selection: Selection,
        event: impl Into<String>,
        data: Value,
    ) -> Self {
        Self::Broadcast {
            namespace: namespace.into(),
            selection,
            event: event.into(),
            data,
            attachments: Vec::new(),
        }
    }

    /// The same with `attachments`.
    #[must_use]
    pub fn with_attachments(mut self, added: impl IntoIterator<Item = Bytes>) -> Self {
        let (Self::Event { attachments, .. }
        | Self::Ack { attachments, .. }
        | Self::Broadcast { attachments, .. }) = &mut self;
        attachments.extend(added);
        self
    }
}

/// Runs a future on this thread. Enough for handlers that wait for nothing but each other; those that use a
/// runtime's timers or sockets are tested on that runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}

struct Recorder {
    id: String,
    namespace: String,
    handshake: Handshake,
    rooms: Mutex<BTreeSet<String>>,
    is_open: AtomicBool,
    values: SocketValues,
    streams: Mutex<Vec<Streaming>>,
    server: Arc<RecordingServer>,
}

impl Recorder {
    fn send(&self, sent: Sent) -> Result<(), EmitError> {
        if !self.is_open.load(Ordering::Relaxed) {
            return Err(EmitError::Closed);
        }
        self.server.push(sent);
        Ok(())
    }
}

impl SocketPort for Recorder {
    fn id(&self) -> &str {
        &self.id
    }

    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    fn values(&self) -> &SocketValues {
        &self.values
    }

    fn emit(&self, event: Outgoing) -> Result<(), EmitError> {
        let name = event.event().to_owned();
        let (text, attachments) = event.into_parts();
        self.send(Sent::event(name, argument(&text, 1)).with_attachments(attachments))
    }

    fn ack(&self, _id: AckId, payload: AckPayload) -> Result<(), EmitError> {
        let (text, attachments) = payload.into_parts();
        self.send(Sent::ack(argument(&text, 0)).with_attachments(attachments))
    }

    fn stream(&self, replies: Streaming) -> bool {
        lock(&self.streams).push(replies);
        true
    }

    fn join(&self, rooms: Vec<String>) -> Joining {
        lock(&self.rooms).extend(rooms);
        Box::pin(std::future::ready(Ok(())))
    }

    fn leave(&self, rooms: &[String]) {
        lock(&self.rooms).retain(|room| !rooms.contains(room));
    }

    fn rooms(&self) -> Vec<String> {
        lock(&self.rooms).iter().cloned().collect()
    }

    fn disconnect(&self, _close: bool) {
        self.is_open.store(false, Ordering::Relaxed);
        lock(&self.rooms).clear();
        lock(&self.streams).clear();
    }

    fn server(&self) -> Server {
        Server::new(
            Arc::clone(&self.server) as Arc<dyn ServerPort>,
            &*self.namespace,
        )
    }
}

fn argument(array: &str, index: usize) -> Value {
    let mut array: Value = serde_json::from_str(array).expect("it was just encoded");
    array[index].take()
}

/// A handler that panicked while it held a lock is what some tests are about.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
