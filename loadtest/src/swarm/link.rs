//! One lean WebSocket connection: opened step by step, and then driven by polling it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time::{Sleep, sleep};

use super::dialect::Dialect;
use super::frame::{Frame, FrameError, Kind, split};
use super::post::{Lean, Switch};
use crate::client::CloseReason;
use crate::client::driver::Inbound;
use crate::client::engine::{Frame as EngineFrame, Handshake, Packet};
use crate::client::error::ConnectError;
use crate::client::packet::{Body, Decoder, Packet as SocketPacket};
use crate::client::transport::TransportOptions;

/// Where raw WebSockets are, before the name of their namespace.
const RAW_PATH: &str = "/ws";

/// What one system call reads at most.
const SCRATCH: usize = 256 * 1024;

/// What the head of the server's answer may hold.
const HEAD: usize = 16 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// A connection in its incoming half.
pub(super) struct Link {
    reading: OwnedReadHalf,
    pub(super) post: Arc<Lean>,
    /// The beginning of a frame that is not all there.
    partial: Vec<u8>,
    patience: Duration,
    /// Packets that came before the seat was granted.
    early: Vec<String>,
}

impl Link {
    /// Opens a WebSocket and takes the server's open packet, unless it moves a session that is open already.
    pub(super) async fn open(
        options: &TransportOptions,
        dialect: Dialect,
        session: Option<&Handshake>,
    ) -> Result<Self, ConnectError> {
        let mut target = options.request_target("websocket");
        if let Some(session) = session {
            target += "&sid=";
            target += &session.sid;
        }
        let mut link = Self::dial(options, dialect, &target).await?;
        let handshake = match session {
            Some(session) => session.clone(),
            None => match link
                .next(engine_frame)
                .await?
                .parse()
                .map_err(ConnectError::Engine)?
            {
                Packet::Open(handshake) => handshake,
                other => return Err(ConnectError::Unexpected(format!("{other:?}"))),
            },
        };
        link.patience = handshake.patience();
        Ok(link)
    }

    /// Opens a raw WebSocket in this namespace, whose seat comes with it.
    ///
    /// Nothing says that it is granted, but only who is let in is answered a ping. How often a server pings is said nowhere
    /// either, so its silence is not watched.
    pub(super) async fn open_raw(
        options: &TransportOptions,
        namespace: &str,
    ) -> Result<Self, ConnectError> {
        let target = format!("{RAW_PATH}{}", namespace.trim_end_matches('/'));
        let mut link = Self::dial(options, Dialect::raw(), &target).await?;
        link.post.send(Kind::Ping, &[]);
        loop {
            let text = link.next(|frame| match frame {
                Frame::Pong => Ok(None),
                Frame::Close(payload) => Err(ConnectError::Closed(closed(payload))),
                Frame::Text(text) => Ok(Some(String::from_utf8_lossy(text).into_owned())),
                other => Err(ConnectError::Unexpected(format!("{other:?}"))),
            });
            let Some(text) = text.await? else {
                return Ok(link);
            };
            let packet = link
                .post
                .dialect
                .text(&text)
                .map_err(ConnectError::Packet)?;
            link.early.extend(packet.map(Cow::into_owned));
        }
    }

    async fn dial(
        options: &TransportOptions,
        dialect: Dialect,
        target: &str,
    ) -> Result<Self, ConnectError> {
        let stream = options.target.dial(options.receive_buffer).await?;
        let partial = upgrade(&stream, options, target).await?;
        let (reading, writing) = stream.into_split();
        Ok(Self {
            reading,
            post: Arc::new(Lean::new(writing, dialect)),
            partial,
            patience: Duration::MAX,
            early: Vec::new(),
        })
    }

    /// Asks for a seat and waits for it.
    pub(super) async fn connect(
        &mut self,
        namespace: &str,
        auth: Option<&serde_json::Value>,
    ) -> Result<(), ConnectError> {
        let connect = SocketPacket::new("/", Body::Connect(auth.cloned()));
        self.post.packet(&connect.encode());
        loop {
            let frame = self.next(engine_frame).await?;
            let packet = match frame.parse().map_err(ConnectError::Engine)? {
                Packet::Message(text) => {
                    let packet = self.post.dialect.text(text);
                    packet.map(|packet| packet.map(Cow::into_owned))
                }
                Packet::Binary(bytes) => self.post.dialect.binary(bytes),
                Packet::Ping(_) => {
                    self.post.send(Kind::Text, &[b"3"]);
                    continue;
                }
                _ => continue,
            };
            let Some(packet) = packet.map_err(ConnectError::Packet)? else {
                continue;
            };
            if !packet.starts_with(['0', '4']) {
                self.early.push(packet);
                continue;
            }
            let answer = Decoder::default().text(&packet);
            return match answer
                .map_err(ConnectError::Packet)?
                .map(|answer| answer.body)
            {
                Some(Body::Connect(_)) => Ok(()),
                Some(Body::ConnectError(error)) => Err(ConnectError::Refused {
                    namespace: namespace.to_owned(),
                    message: error["message"].as_str().unwrap_or_default().to_owned(),
                    data: error.get("data").cloned(),
                }),
                _ => Err(ConnectError::Unexpected(packet)),
            };
        }
    }

    /// Moves a session here that polls: once this returns, nothing comes by polling any more but what is under way.
    pub(super) async fn probe(&mut self) -> Result<(), ConnectError> {
        self.post.send(Kind::Text, &[b"2probe"]);
        match self.next(engine_frame).await? {
            EngineFrame::Text(text) if text == "3probe" => Ok(()),
            other => Err(ConnectError::Unexpected(format!("{other:?}"))),
        }
    }

    /// The move is over; these packets came before it.
    pub(super) fn moved(&mut self, early: &[String]) {
        let dialect = &self.post.dialect;
        let packets = early.iter().filter_map(|text| dialect.text(text).ok()?);
        self.early.extend(packets.map(Cow::into_owned));
        self.post.send(Kind::Text, &[b"5"]);
    }

    /// Works until the connection ends, or is told to.
    pub(super) async fn drive(&mut self, inbound: &mut impl Inbound) -> CloseReason {
        for packet in std::mem::take(&mut self.early) {
            if let Err(reason) = inbound.message(&packet) {
                return reason;
            }
        }
        let mut overdue = pin!(sleep(self.patience));
        poll_fn(|context| self.poll(context, overdue.as_mut(), inbound)).await
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut overdue: Pin<&mut Sleep>,
        inbound: &mut impl Inbound,
    ) -> Poll<CloseReason> {
        self.post.waker.register(context.waker());
        match self.post.switch() {
            Switch::Run => {}
            Switch::Pause => return Poll::Pending,
            Switch::End => return Poll::Ready(CloseReason::Killed),
        }
        if overdue.as_mut().poll(context).is_ready() {
            return Poll::Ready(CloseReason::PingTimeout);
        }
        loop {
            if let Poll::Ready(Err(error)) = self.post.poll_flush(context) {
                return Poll::Ready(failed(&error));
            }
            let read = BUFFER.with_borrow_mut(|scratch| {
                let mut buffer = ReadBuf::new(scratch);
                ready!(Pin::new(&mut self.reading).poll_read(context, &mut buffer))
                    .map_err(|error| failed(&error))?;
                if buffer.filled().is_empty() {
                    let reason = CloseReason::TransportClose("without a goodbye".to_owned());
                    return Poll::Ready(Err(reason));
                }
                inbound.batch(Instant::now());
                self.post.gather();
                Poll::Ready(self.take(buffer.filled(), inbound))
            });
            match ready!(read) {
                Ok(false) => {}
                Ok(true) => {
                    overdue
                        .as_mut()
                        .reset(tokio::time::Instant::now() + self.patience);
                    // To be woken by it.
                    if overdue.as_mut().poll(context).is_ready() {
                        return Poll::Ready(CloseReason::PingTimeout);
                    }
                }
                Err(reason) => return Poll::Ready(reason),
            }
        }
    }

    /// Hands on what is in `bytes`, behind what has come before; whether there was a ping.
    fn take(&mut self, bytes: &[u8], inbound: &mut impl Inbound) -> Result<bool, CloseReason> {
        let mut pinged = false;
        let waiting;
        let mut rest = if self.partial.is_empty() {
            bytes
        } else {
            self.partial.extend_from_slice(bytes);
            waiting = std::mem::take(&mut self.partial);
            &waiting[..]
        };
        while let Some((frame, len)) = split(rest).map_err(broken)? {
            rest = &rest[len..];
            pinged |= self.hand_on(frame, inbound)?;
        }
        self.partial = rest.to_vec();
        Ok(pinged)
    }

    fn hand_on(&self, frame: Frame<'_>, inbound: &mut impl Inbound) -> Result<bool, CloseReason> {
        match frame {
            Frame::Text(text) if self.post.dialect.is_raw() => self.packet(text, inbound)?,
            Frame::Text([b'4', packet @ ..]) => self.packet(packet, inbound)?,
            Frame::Binary(bytes) => match self.post.dialect.binary(bytes)? {
                Some(packet) => inbound.message(&packet)?,
                None => inbound.binary(Bytes::copy_from_slice(bytes))?,
            },
            Frame::Text([b'2', ping @ ..]) => {
                self.post.send(Kind::Text, &[b"3", ping]);
                return Ok(true);
            }
            Frame::Text(b"6") | Frame::Pong => {}
            Frame::Text(b"1") => {
                return Err(CloseReason::TransportClose("close packet".to_owned()));
            }
            Frame::Text(other) => {
                let text: String = String::from_utf8_lossy(other).chars().take(80).collect();
                return Err(CloseReason::Protocol(format!("a packet {text:?}")));
            }
            Frame::Ping(payload) => {
                self.post.send(Kind::Pong, &[payload]);
            }
            Frame::Close(payload) => return Err(closed(payload)),
        }
        Ok(false)
    }

    fn packet(&self, text: &[u8], inbound: &mut impl Inbound) -> Result<(), CloseReason> {
        let text = std::str::from_utf8(text)
            .map_err(|_| CloseReason::Protocol("a text that is no UTF-8".to_owned()))?;
        match self.post.dialect.text(text)? {
            Some(packet) => inbound.message(&packet),
            None => Ok(()),
        }
    }

    /// What `take` makes of the next frame, while the connection is opened.
    async fn next<T>(
        &mut self,
        take: impl Fn(Frame<'_>) -> Result<T, ConnectError>,
    ) -> Result<T, ConnectError> {
        loop {
            let first =
                split(&self.partial).map_err(|error| ConnectError::Closed(broken(error)))?;
            if let Some((frame, len)) = first.map(|(frame, len)| (take(frame), len)) {
                self.partial.drain(..len);
                return frame;
            }
            let read = self.reading.readable().await;
            read.map_err(|error| ConnectError::Closed(failed(&error)))?;
            fill(&mut self.partial, |scratch| self.reading.try_read(scratch))?;
        }
    }
}

/// A frame of Socket.IO's WebSockets.
fn engine_frame(frame: Frame<'_>) -> Result<EngineFrame, ConnectError> {
    match frame {
        Frame::Text(text) => Ok(EngineFrame::Text(
            String::from_utf8_lossy(text).into_owned().into(),
        )),
        Frame::Binary(bytes) => Ok(EngineFrame::Binary(Bytes::copy_from_slice(bytes))),
        Frame::Close(payload) => Err(ConnectError::Closed(closed(payload))),
        Frame::Ping(_) | Frame::Pong => Ok(EngineFrame::Text("6".into())),
    }
}

/// Asks for the WebSocket; what came behind the answer.
async fn upgrade(
    stream: &TcpStream,
    options: &TransportOptions,
    target: &str,
) -> Result<Vec<u8>, ConnectError> {
    let mut request = format!(
        "GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        options.target.authority()
    )
    .into_bytes();
    for (name, value) in &options.headers {
        request.extend_from_slice(name.as_str().as_bytes());
        request.extend_from_slice(b": ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let failed = |error: std::io::Error| ConnectError::Closed(failed(&error));
    while !request.is_empty() {
        stream.writable().await.map_err(failed)?;
        match stream.try_write(&request) {
            Ok(written) => drop(request.drain(..written)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let mut answer = Vec::new();
    loop {
        stream.readable().await.map_err(failed)?;
        fill(&mut answer, |scratch| stream.try_read(scratch))?;
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let unreadable = || ConnectError::Unexpected("an answer that is no HTTP".to_owned());
        match response.parse(&answer).map_err(|_| unreadable())? {
            httparse::Status::Complete(len) if response.code == Some(101) => {
                return Ok(answer.split_off(len));
            }
            httparse::Status::Complete(len) => {
                return Err(ConnectError::Http {
                    status: response.code.unwrap_or_default(),
                    body: String::from_utf8_lossy(&answer[len..]).into_owned(),
                });
            }
            httparse::Status::Partial if answer.len() > HEAD => return Err(unreadable()),
            httparse::Status::Partial => {}
        }
    }
}

/// Appends what can be read now.
fn fill(
    bytes: &mut Vec<u8>,
    read: impl FnOnce(&mut [u8]) -> std::io::Result<usize>,
) -> Result<(), ConnectError> {
    let read = BUFFER.with_borrow_mut(|scratch| {
        let count = read(scratch)?;
        bytes.extend_from_slice(&scratch[..count]);
        Ok(count)
    });
    match read {
        Ok(0) => Err(ConnectError::Closed(CloseReason::TransportClose(
            "without a goodbye".to_owned(),
        ))),
        Ok(_) => Ok(()),
        Err(error) if std::io::Error::kind(&error) == std::io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(ConnectError::Closed(failed(&error))),
    }
}

fn failed(error: &std::io::Error) -> CloseReason {
    CloseReason::TransportError(error.to_string())
}

fn broken(error: FrameError) -> CloseReason {
    CloseReason::Protocol(error.to_string())
}

fn closed(payload: &[u8]) -> CloseReason {
    CloseReason::TransportClose(match payload.split_first_chunk() {
        Some((code, reason)) => {
            let reason = String::from_utf8_lossy(reason);
            format!("code {} {reason}", u16::from_be_bytes(*code))
        }
        None => "no code".to_owned(),
    })
}
