//! Drives one open connection: reads and writes at the same time, answers pings, and says why it ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};

use super::engine::{Frame, Packet};
use super::error::CloseReason;
use super::packet::{Body, Packet as SocketPacket};
use super::transport::{Connection, Receiver, Sender};

/// How long the server has to answer a goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// How many commands may wait for the writer; who sends more waits.
const COMMANDS: usize = 256;

/// What a connection's owner does with what comes in. Called by the driver, so it must not block.
pub(crate) trait Inbound {
    /// What comes until the next call was read at this time. Not every driver tells.
    fn batch(&mut self, now: std::time::Instant) {
        let _ = now;
    }

    /// Takes the text of a Socket.IO packet.
    fn message(&mut self, packet: &str) -> Result<(), CloseReason>;

    /// Takes an attachment.
    fn binary(&mut self, bytes: Bytes) -> Result<(), CloseReason>;
}

/// A connection with a seat in a namespace, which nobody drives yet.
pub(crate) struct Opened {
    /// The seat's id.
    pub(crate) id: String,
    /// What came before the seat was granted, complete packets only.
    pub(crate) early: Vec<Frame>,
    pub(crate) connection: Connection,
}

/// The owner's end of a driven connection. Dropping it drops the connection without a goodbye.
pub(crate) struct Handle {
    commands: mpsc::Sender<Command>,
    reading: watch::Sender<bool>,
}

/// Runs the connection that a [`Handle`] controls.
pub(crate) struct Driver {
    opened: Opened,
    commands: mpsc::Receiver<Command>,
    reading: watch::Receiver<bool>,
}

/// What the writer is to do next.
pub(crate) enum Command {
    /// Writes one packet.
    Send {
        /// Its text.
        packet: Frame,
        /// What follows the text.
        attachments: Vec<Bytes>,
        /// Told once the packet is with the kernel; dropped where it never gets there.
        written: Option<oneshot::Sender<()>>,
    },
    /// Leaves the namespace and closes the transport.
    Disconnect { namespace: String },
}

impl Opened {
    /// Splits control from the work.
    pub(crate) fn into_parts(self) -> (Handle, Driver) {
        let (commands, waiting) = mpsc::channel(COMMANDS);
        let (reading, may_read) = watch::channel(true);
        let driver = Driver {
            opened: self,
            commands: waiting,
            reading: may_read,
        };
        (Handle { commands, reading }, driver)
    }
}

impl Handle {
    /// Queues a command; false if the connection has ended.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped while it waits queues nothing.
    pub(crate) async fn send(&self, command: Command) -> bool {
        self.commands.send(command).await.is_ok()
    }

    /// What queues commands without waiting.
    pub(crate) fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// Stops reading from the socket, or goes on.
    pub(crate) fn set_reading(&self, reading: bool) {
        self.reading.send_replace(reading);
    }
}

impl Driver {
    /// Works until the connection ends.
    pub(crate) async fn run(self, inbound: &mut impl Inbound) -> CloseReason {
        let Opened {
            early, connection, ..
        } = self.opened;
        for frame in &early {
            if let Err(reason) = take(frame, inbound) {
                return reason;
            }
        }
        let Connection {
            handshake,
            mut sender,
            mut receiver,
        } = connection;
        let pong = Notify::new();
        let leaving = AtomicBool::new(false);

        // Both halves run in one task. The writer never holds the reader up: a server that stops reading from us
        // until we have read from it would otherwise wait forever.
        let reason = tokio::select! {
            reason = read(&mut receiver, self.reading, handshake.patience(), &pong, inbound) => reason,
            reason = write(&mut sender, self.commands, &pong, &leaving) => reason,
        };
        if leaving.into_inner() {
            return CloseReason::ClientDisconnect;
        }
        reason
    }
}

async fn read(
    receiver: &mut Receiver,
    mut reading: watch::Receiver<bool>,
    patience: Duration,
    pong: &Notify,
    inbound: &mut impl Inbound,
) -> CloseReason {
    let overdue = sleep(patience);
    tokio::pin!(overdue);
    loop {
        if !*reading.borrow_and_update() {
            if reading.changed().await.is_err() {
                return CloseReason::Killed;
            }
            // Pings may wait unread: the server gets its time again.
            overdue.as_mut().reset(Instant::now() + patience);
            continue;
        }
        // In this order: nothing is read once reading is paused, and a ping that waits in the socket is in time.
        let frame = tokio::select! {
            biased;
            changed = reading.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return CloseReason::Killed,
            },
            frame = receiver.recv() => frame,
            () = &mut overdue => return CloseReason::PingTimeout,
        };
        match frame.and_then(|frame| take(&frame, inbound)) {
            Ok(Taken::Ping) => {
                overdue.as_mut().reset(Instant::now() + patience);
                pong.notify_one();
            }
            Ok(Taken::Other) => {}
            Err(reason) => return reason,
        }
    }
}

enum Taken {
    Ping,
    Other,
}

fn take(frame: &Frame, inbound: &mut impl Inbound) -> Result<Taken, CloseReason> {
    match frame.parse()? {
        Packet::Message(text) => inbound.message(text)?,
        Packet::Binary(bytes) => inbound.binary(Bytes::clone(bytes))?,
        Packet::Ping(_) => return Ok(Taken::Ping),
        Packet::Noop => {}
        Packet::Close => return Err(CloseReason::TransportClose("close packet".to_owned())),
        Packet::Open(_) => {
            return Err(CloseReason::Protocol("a second open packet".to_owned()));
        }
    }
    Ok(Taken::Other)
}

async fn write(
    sender: &mut Sender,
    mut commands: mpsc::Receiver<Command>,
    pong: &Notify,
    leaving: &AtomicBool,
) -> CloseReason {
    let mut waiting = Vec::new();
    let mut frames = Vec::new();
    let mut written = Vec::new();
    loop {
        tokio::select! {
            () = pong.notified() => frames.push(Frame::pong()),
            count = commands.recv_many(&mut waiting, COMMANDS) => if count == 0 {
                return CloseReason::Killed;
            },
        }
        let mut goodbye = false;
        for command in waiting.drain(..) {
            match command {
                Command::Send {
                    packet,
                    attachments,
                    written: told,
                } => {
                    frames.push(packet);
                    frames.extend(attachments.into_iter().map(Frame::Binary));
                    written.extend(told);
                }
                Command::Disconnect { namespace } => {
                    let packet = SocketPacket::new(&namespace, Body::Disconnect);
                    frames.push(Frame::message(&packet.encode()));
                    goodbye = true;
                    break;
                }
            }
        }
        // Whatever the server does from here on answers our goodbye.
        if goodbye {
            leaving.store(true, Ordering::Relaxed);
        }
        if let Err(reason) = sender.send(&mut frames).await {
            return reason;
        }
        for told in written.drain(..) {
            // An emit that was given up does not want to know.
            let _: Result<(), ()> = told.send(());
        }
        if goodbye {
            if let Err(reason) = sender.close().await {
                return reason;
            }
            sleep(GOODBYE).await;
            return CloseReason::ClientDisconnect;
        }
    }
}
