//! A client with a seat in a namespace, whatever carries it.

use std::sync::{Arc, Mutex};

use super::Parser;
use super::link::Link;
use super::post::Post;
use crate::client::driver::{Driver, Inbound};
use crate::client::engine::Packet;
use crate::client::{Builder, CloseReason, ConnectError, Transport};

/// A connected client that nobody drives yet.
pub(crate) struct Seat(Carried);

enum Carried {
    Lean(Box<Link>),
    Client(Box<Driver>, Post),
}

impl Seat {
    /// Connects as `builder` says. The parser is that of a WebSocket; what polls speaks JSON.
    pub(crate) async fn take(builder: &Builder, parser: Parser) -> Result<Self, ConnectError> {
        match builder.chosen_transport() {
            Transport::WebSocket => {
                builder
                    .in_time(async {
                        let mut link =
                            Link::open(&builder.transport_options()?, parser, None).await?;
                        link.connect(builder.chosen_namespace(), builder.chosen_auth())
                            .await?;
                        Ok(Self(Carried::Lean(Box::new(link))))
                    })
                    .await
            }
            Transport::Polling => {
                let (handle, driver) = builder.open().await?.into_parts();
                let post = Post::Client(Arc::new(Mutex::new(Some(handle))));
                Ok(Self(Carried::Client(Box::new(driver), post)))
            }
            Transport::Upgrade => builder.in_time(Self::upgraded(builder)).await,
        }
    }

    /// Takes the seat by polling, and then moves to a WebSocket, as stock clients do.
    async fn upgraded(builder: &Builder) -> Result<Self, ConnectError> {
        let polling = builder.clone().transport(Transport::Polling);
        let mut opened = polling.open().await?;
        let session = &opened.connection.handshake;
        let mut link =
            Link::open(&builder.transport_options()?, Parser::Json, Some(session)).await?;
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
        link.moved(early);
        Ok(Self(Carried::Lean(Box::new(link))))
    }

    /// What sends on the connection.
    pub(crate) fn post(&self) -> Post {
        match &self.0 {
            Carried::Lean(link) => Post::Lean(Arc::clone(&link.post)),
            Carried::Client(_, post) => post.clone(),
        }
    }

    /// Works until the connection ends, or its [`Post`] ends it.
    pub(crate) async fn drive(self, inbound: &mut impl Inbound) -> CloseReason {
        match self.0 {
            Carried::Lean(mut link) => link.drive(inbound).await,
            Carried::Client(driver, post) => {
                let reason = driver.run(inbound).await;
                drop(post);
                reason
            }
        }
    }
}
