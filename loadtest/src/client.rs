//! A Socket.IO client for tests: one connection, one namespace, and calls that wait with a deadline.

mod builder;
pub(crate) mod driver;
pub mod engine;
pub(crate) mod error;
mod event;
mod inbox;
pub mod packet;
mod target;
pub(crate) mod transport;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

pub use self::builder::Builder;
pub use self::error::{ClientError, CloseReason, ConnectError};
pub use self::event::{Ack, Event};
pub use self::target::Target;
pub use self::transport::Transport;

use self::driver::{Command, Handle, Opened};
use self::engine::Frame;
use self::inbox::{Inbox, Intake};
use self::packet::{Body, Packet};

/// How long a call waits where nothing else is said.
const DEADLINE: Duration = Duration::from_secs(5);

/// One connection to a server, with a seat in one namespace.
///
/// Pings are answered while nobody looks. Events wait in an inbox until they are read, in the order in which they
/// came. Every call that waits gives up after the client's deadline, 5 seconds unless set otherwise, and its error
/// names what it waited for. Dropping a client drops its TCP connection without a goodbye.
///
/// The client is strict: whatever breaks the protocol ends the connection with [`CloseReason::Protocol`], also what
/// official clients put up with, such as a second ack for the same event.
pub struct Client {
    id: String,
    connection_id: String,
    namespace: String,
    deadline: Duration,
    inbox: Arc<Inbox>,
    handle: Handle,
    /// Holds the one task that drives the connection; it ends with the client.
    driver: JoinSet<()>,
}

impl Client {
    /// Connects over WebSocket to the namespace `/`.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] if there is no connection within 5 seconds.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::builder(url).connect().await
    }

    /// Choices for a connection to `url`, which is `http://host:port`.
    pub fn builder(url: &str) -> Builder {
        Builder::new(url)
    }

    fn new(opened: Opened, namespace: String, deadline: Duration, capacity: usize) -> Self {
        let id = opened.id.clone();
        let connection_id = opened.connection.handshake.sid.clone();
        let (handle, work) = opened.into_parts();
        let inbox = Arc::new(Inbox::new(capacity));
        let mut intake = Intake::new(Arc::clone(&inbox), &namespace);
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            let reason = work.run(&mut intake).await;
            intake.inbox.close(reason);
        });
        Self {
            id,
            connection_id,
            namespace,
            deadline,
            inbox,
            handle,
            driver,
        }
    }

    /// The socket's id, as the server gave it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The Engine.IO session's id, which only this client and its server should know.
    pub fn connection_id(&self) -> &str {
        &self.connection_id
    }

    /// The namespace, with its leading slash.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Changes how long later calls wait.
    pub fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    /// Emits an event with one argument.
    ///
    /// Resolves once the kernel has the packet. A call that is dropped may have sent it or not.
    ///
    /// # Errors
    ///
    /// [`ClientError::Encode`], [`ClientError::Closed`], or [`ClientError::Timeout`] where the server does not read.
    pub async fn emit<T: Serialize + ?Sized>(
        &self,
        event: &str,
        data: &T,
    ) -> Result<(), ClientError> {
        self.emit_args(event, &[to_value(event, data)?]).await
    }

    /// Emits an event with any number of arguments.
    ///
    /// # Errors
    ///
    /// As [`Client::emit`].
    pub async fn emit_args(&self, event: &str, args: &[Value]) -> Result<(), ClientError> {
        let packet = self.event(event, None, args, &[]);
        self.write(&format!("write of {event:?}"), &packet).await
    }

    /// Emits an event with binary values: where they belong, `data` has `{"_placeholder":true,"num":N}`.
    ///
    /// # Errors
    ///
    /// As [`Client::emit`].
    pub async fn emit_binary(
        &self,
        event: &str,
        data: &Value,
        attachments: &[Bytes],
    ) -> Result<(), ClientError> {
        let packet = self.event(event, None, std::slice::from_ref(data), attachments);
        self.write(&format!("write of {event:?}"), &packet).await
    }

    /// Emits an event with one argument and waits for its ack.
    ///
    /// # Errors
    ///
    /// As [`Client::emit`]; [`ClientError::Timeout`] also where no ack comes.
    pub async fn emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        data: &T,
    ) -> Result<Vec<Value>, ClientError> {
        let args = [to_value(event, data)?];
        Ok(self.ask(event, &args, &[]).await?.args)
    }

    /// Emits an event with any number of arguments and waits for its ack.
    ///
    /// # Errors
    ///
    /// As [`Client::emit_with_ack`].
    pub async fn emit_args_with_ack(
        &self,
        event: &str,
        args: &[Value],
    ) -> Result<Vec<Value>, ClientError> {
        Ok(self.ask(event, args, &[]).await?.args)
    }

    /// Emits an event with binary values, as [`Client::emit_binary`], and waits for its ack with all that is in it.
    ///
    /// # Errors
    ///
    /// As [`Client::emit_with_ack`].
    pub async fn emit_binary_with_ack(
        &self,
        event: &str,
        data: &Value,
        attachments: &[Bytes],
    ) -> Result<Ack, ClientError> {
        self.ask(event, std::slice::from_ref(data), attachments)
            .await
    }

    /// Answers an event for which the server wants an ack.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoAck`] if it wants none; else as [`Client::emit`].
    pub async fn answer(&self, event: &Event, args: &[Value]) -> Result<(), ClientError> {
        let id = event
            .ack
            .ok_or_else(|| ClientError::NoAck(event.name.clone()))?;
        let args = args.to_vec();
        let packet = Packet::new(&self.namespace, Body::Ack { id, args });
        self.write(&format!("write of the ack of {:?}", event.name), &packet)
            .await
    }

    /// Waits for the next event of this name. Events of other names stay in the inbox, in their order.
    ///
    /// # Errors
    ///
    /// [`ClientError::Timeout`], which lists what came instead, or [`ClientError::Closed`].
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped takes no event.
    pub async fn expect(&mut self, event: &str) -> Result<Event, ClientError> {
        let next = self.inbox.event(|candidate| candidate.name == event);
        self.wait(&format!("event {event:?}"), next).await
    }

    /// Waits for the next event of any name.
    ///
    /// # Errors
    ///
    /// [`ClientError::Timeout`] or [`ClientError::Closed`].
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped takes no event.
    pub async fn next_event(&mut self) -> Result<Event, ClientError> {
        self.wait("event", self.inbox.event(|_| true)).await
    }

    /// The next event, if one is there already.
    pub fn try_event(&mut self) -> Option<Event> {
        self.inbox.take(|_| true)
    }

    /// Stops reading from the socket, so that the server's writes back up. Pings go unanswered meanwhile.
    pub fn pause_reading(&self) {
        self.handle.set_reading(false);
    }

    /// Reads on.
    pub fn resume_reading(&self) {
        self.handle.set_reading(true);
    }

    /// Whether the connection has not ended yet, as far as this side knows.
    pub fn is_open(&self) -> bool {
        self.inbox.closed().is_none()
    }

    /// Waits for the end of the connection and says why it ended. Events that came before can still be read.
    ///
    /// # Errors
    ///
    /// [`ClientError::Timeout`] if it stays open.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped changes nothing.
    pub async fn closed(&mut self) -> Result<CloseReason, ClientError> {
        let end = async { Ok(self.inbox.end().await) };
        self.wait("end of the connection", end).await
    }

    /// Leaves the namespace and closes the transport, as an official client does. Waits for the server's goodbye, but
    /// not long.
    pub async fn disconnect(mut self) {
        let namespace = self.namespace.clone();
        let goodbye = async {
            self.handle.send(Command::Disconnect { namespace }).await;
            self.driver.join_next().await;
        };
        // A server that does not even read the goodbye is left as it is.
        let _ = tokio::time::timeout(self.deadline, goodbye).await;
    }

    /// Drops the TCP connection without a goodbye, as a client that crashes does.
    pub fn kill(mut self) {
        self.driver.abort_all();
    }

    fn event(&self, name: &str, id: Option<u64>, args: &[Value], attachments: &[Bytes]) -> Packet {
        let body = Body::Event {
            id,
            name: name.to_owned(),
            args: args.to_vec(),
        };
        Packet {
            attachments: attachments.to_vec(),
            ..Packet::new(&self.namespace, body)
        }
    }

    async fn ask(
        &self,
        event: &str,
        args: &[Value],
        attachments: &[Bytes],
    ) -> Result<Ack, ClientError> {
        let (id, ack) = self.inbox.expect_ack();
        let packet = self.event(event, Some(id), args, attachments);
        let waited_for = format!("ack of {event:?}");
        self.write(&waited_for, &packet).await?;
        self.wait(&waited_for, self.or_end(ack)).await
    }

    async fn write(&self, waited_for: &str, packet: &Packet) -> Result<(), ClientError> {
        let (told, written) = oneshot::channel();
        let command = Command::Send {
            packet: Frame::message(&packet.encode()),
            attachments: packet.attachments.clone(),
            written: Some(told),
        };
        let send = async {
            self.handle.send(command).await;
            self.or_end(written).await
        };
        self.wait(waited_for, send).await
    }

    /// What `value` brings, or why the connection ended without it.
    async fn or_end<T>(&self, value: oneshot::Receiver<T>) -> Result<T, CloseReason> {
        match value.await {
            Ok(value) => Ok(value),
            Err(_) => Err(self.inbox.end().await),
        }
    }

    async fn wait<T>(
        &self,
        waited_for: &str,
        future: impl Future<Output = Result<T, CloseReason>>,
    ) -> Result<T, ClientError> {
        let waited_for = || waited_for.to_owned();
        match tokio::time::timeout(self.deadline, future).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(reason)) => Err(ClientError::Closed {
                waited_for: waited_for(),
                reason,
            }),
            Err(_) => Err(ClientError::Timeout {
                waited_for: waited_for(),
                after: self.deadline,
                unread: self.inbox.unread(),
            }),
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Client")
            .field("id", &self.id)
            .field("namespace", &self.namespace)
            .field("closed", &self.inbox.closed())
            .finish_non_exhaustive()
    }
}

fn to_value<T: Serialize + ?Sized>(event: &str, data: &T) -> Result<Value, ClientError> {
    serde_json::to_value(data).map_err(|source| ClientError::Encode {
        event: event.to_owned(),
        source,
    })
}
