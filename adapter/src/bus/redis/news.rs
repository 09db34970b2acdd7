//! What the clients of a pair have to tell: messages, losses, and new connections.

use std::time::Duration;

use bytes::Bytes;
use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, EventInterface},
    types::{Message, MessageKind, Value, config::Server},
};
use tokio::{
    sync::{
        broadcast::{
            Receiver,
            error::{RecvError, TryRecvError},
        },
        watch,
    },
    time::Instant,
};

use super::report::Report;
use crate::{
    bus::{Delivery, Link},
    inbox::Inbox,
    observer::DropCause,
};

/// How often the state of the connections is looked at beside fred's own news of it, which come a little before the
/// state changes.
const LOOK: Duration = Duration::from_millis(100);

/// How long a lost connection to one node of a Redis Cluster may be away, before it goes to another: time for one attempt.
const MOVE: Duration = Duration::from_millis(500);

/// The same for a connection that is being made for the first time, and neither succeeds nor fails.
const MOVE_FROM_SILENCE: Duration = Duration::from_secs(3);

/// What two clients have to tell. Opened before they connect, so that nothing is missed.
#[derive(Debug)]
pub(super) struct News {
    publisher: Client,
    subscriber: Client,
    messages: Receiver<Message>,
    publisher_lost: Receiver<(Error, Option<Server>)>,
    subscriber_lost: Receiver<(Error, Option<Server>)>,
    publisher_made: Receiver<Server>,
    subscriber_made: Receiver<Server>,
    is_up: bool,
}

impl News {
    pub(super) fn of(publisher: &Client, subscriber: &Client, is_up: bool) -> Self {
        Self {
            publisher: publisher.clone(),
            subscriber: subscriber.clone(),
            messages: subscriber.message_rx(),
            publisher_lost: publisher.error_rx(),
            subscriber_lost: subscriber.error_rx(),
            publisher_made: publisher.reconnect_rx(),
            subscriber_made: subscriber.reconnect_rx(),
            is_up,
        }
    }

    /// Ends when the clients have been away for too long, if they could be elsewhere, and else never.
    pub(super) async fn follow(self, inbox: &Inbox, link: &watch::Sender<Link>, is_movable: bool) {
        let Self {
            publisher,
            subscriber,
            messages,
            mut publisher_lost,
            mut subscriber_lost,
            mut publisher_made,
            mut subscriber_made,
            is_up,
        } = self;
        let watching = async {
            let mut look = tokio::time::interval(LOOK);
            let mut heard = Report::new("subscriptions", is_up);
            let mut told = Report::new("publications", is_up);
            // fred keeps the state of a lost connection until it begins to make a new one.
            let (mut receiving, mut publishing) = (true, true);
            let mut away = Instant::now();
            let mut patience = MOVE_FROM_SILENCE;
            loop {
                let mut replaced = false;
                let mut failures = 0;
                tokio::select! {
                    // Of a loss and a new connection that are both known, the loss came first.
                    biased;
                    Some(lost) = came(&mut subscriber_lost) => {
                        receiving = false;
                        failures = 1;
                        if let Some((error, server)) = lost {
                            heard.failed(&error, server.as_ref());
                        }
                    }
                    Some(lost) = came(&mut publisher_lost) => {
                        publishing = false;
                        failures = 1;
                        if let Some((error, server)) = lost {
                            told.failed(&error, server.as_ref());
                        }
                    }
                    Some(made) = came(&mut publisher_made) => {
                        publishing = true;
                        if let Some(server) = made {
                            told.made(&server);
                        }
                    }
                    made = came(&mut subscriber_made) => {
                        let Some(made) = made else { return std::future::pending().await };
                        receiving = true;
                        replaced = true;
                        if let Some(server) = made {
                            heard.made(&server);
                        }
                    }
                    _ = look.tick() => {}
                }
                let now = (
                    receiving && subscriber.is_connected(),
                    publishing && publisher.is_connected(),
                );
                link.send_if_modified(|link| {
                    let old = *link;
                    link.epoch += u64::from(replaced);
                    link.failures += failures;
                    (link.receiving, link.publishing) = now;
                    *link != old
                });
                if now == (true, true) {
                    away = Instant::now();
                }
                if failures > 0 {
                    patience = MOVE;
                }
                if is_movable && away.elapsed() >= patience {
                    return;
                }
            }
        };
        tokio::select! {
            biased;
            () = drain(messages, inbox) => std::future::pending().await,
            () = watching => {}
        }
    }
}

/// Waits for an event, which is lost to us where too many came at once; `None` when there will be no more.
async fn came<T: Clone>(events: &mut Receiver<T>) -> Option<Option<T>> {
    match events.recv().await {
        Ok(event) => Some(Some(event)),
        Err(RecvError::Lagged(_)) => Some(None),
        Err(RecvError::Closed) => None,
    }
}

/// Does nothing but take messages out of fred's channel: all there are before it lets others run, since the task that
/// fills the channel does not wait for this one.
async fn drain(mut messages: Receiver<Message>, inbox: &Inbox) {
    loop {
        let message = match messages.try_recv() {
            Err(TryRecvError::Empty) => messages.recv().await,
            Ok(message) => Ok(message),
            Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
            Err(TryRecvError::Closed) => Err(RecvError::Closed),
        };
        match message {
            Ok(message) => {
                let by_pattern = message.kind == MessageKind::PMessage;
                let channel = message.channel.to_string();
                match payload(message.value) {
                    Some(payload) => inbox.push(Delivery {
                        channel,
                        payload,
                        by_pattern,
                    }),
                    None => inbox.lost(DropCause::Malformed, 1),
                }
            }
            Err(RecvError::Lagged(missed)) => inbox.lost(DropCause::Lagged, missed),
            Err(RecvError::Closed) => return,
        }
    }
}

/// A payload's bytes, which fred hands over as text where they happen to be UTF-8.
fn payload(value: Value) -> Option<Bytes> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        Value::String(text) => Some(text.into_inner()),
        _ => None,
    }
}
