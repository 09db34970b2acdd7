//! A client with a seat in a namespace, whatever carries it.

use std::sync::Arc;

use bytes::Bytes;

use super::dialect::Dialect;
use super::link::Link;
use super::namespace::Namespace;
use super::post::{Held, Post};
use super::{Parser, Transport};
use crate::client::driver::{Driver, Inbound};
use crate::client::engine::Packet;
use crate::client::{self, Builder, CloseReason, ConnectError};

/// A connected client that nobody drives yet.
pub(crate) struct Seat(Carried);

enum Carried {
    Lean(Box<Link>),
    Client(Box<Driver>, Arc<Held>),
}

impl Seat {
    /// Connects as `builder` says. The parser is that of a WebSocket; what polls speaks JSON.
    pub(crate) async fn take(
        builder: &Builder,
        transport: Transport,
        parser: Parser,
    ) -> Result<Self, ConnectError> {
        let name = builder.chosen_namespace();
        let lean = |link| Self(Carried::Lean(Box::new(link)));
        match transport {
            Transport::WebSocket => {
                let dialect = Dialect::SocketIo(parser, Namespace::new(name));
                let opening = async {
                    let mut link = Link::open(&builder.transport_options()?, dialect, None).await?;
                    link.connect(name, builder.chosen_auth()).await?;
                    Ok(link)
                };
                builder.in_time(opening).await.map(lean)
            }
            Transport::Polling => {
                let polling = builder.clone().transport(client::Transport::Polling);
                let (handle, driver) = polling.open().await?.into_parts();
                let held = Held::new(handle, Namespace::new(name));
                Ok(Self(Carried::Client(Box::new(driver), held)))
            }
            Transport::Upgrade => builder.in_time(upgraded(builder)).await.map(lean),
            Transport::Raw => {
                let opening = async { Link::open_raw(&builder.transport_options()?, name).await };
                builder.in_time(opening).await.map(lean)
            }
        }
    }

    /// What sends on the connection.
    pub(crate) fn post(&self) -> Post {
        match &self.0 {
            Carried::Lean(link) => Post::Lean(Arc::clone(&link.post)),
            Carried::Client(_, held) => Post::Client(Arc::clone(held)),
        }
    }

    /// Works until the connection ends, or its [`Post`] ends it.
    pub(crate) async fn drive(self, inbound: &mut impl Inbound) -> CloseReason {
        match self.0 {
            Carried::Lean(mut link) => link.drive(inbound).await,
            Carried::Client(driver, held) => {
                let namespace = held.namespace.clone();
                driver.run(&mut Within { namespace, inbound }).await
            }
        }
    }
}

/// Takes the seat by polling, and then moves to a WebSocket, as stock clients do.
async fn upgraded(builder: &Builder) -> Result<Link, ConnectError> {
    let polling = builder.clone().transport(client::Transport::Polling);
    let mut opened = polling.open().await?;
    let session = &opened.connection.handshake;
    let dialect = Dialect::SocketIo(Parser::Json, Namespace::new(builder.chosen_namespace()));
    let mut link = Link::open(&builder.transport_options()?, dialect, Some(session)).await?;
    link.probe().await?;
    // The poll that is under way ends now, and may bring something yet.
    opened.connection.receiver.stop_polling();
    let mut frames = opened.early;
    while let Ok(frame) = opened.connection.receiver.recv().await {
        frames.push(frame);
    }
    let mut early = Vec::new();
    for frame in &frames {
        if let Packet::Message(packet) = frame.parse().map_err(ConnectError::Engine)? {
            early.push(packet.to_owned());
        }
    }
    link.moved(&early);
    Ok(link)
}

/// Takes the namespace off what the client's driver hands in.
struct Within<'a, I> {
    namespace: Namespace,
    inbound: &'a mut I,
}

impl<I: Inbound> Inbound for Within<'_, I> {
    fn message(&mut self, packet: &str) -> Result<(), CloseReason> {
        self.inbound.message(&self.namespace.strip(packet))
    }

    fn binary(&mut self, bytes: Bytes) -> Result<(), CloseReason> {
        self.inbound.binary(bytes)
    }
}
