//! One namespace of this node: who is in it, and how broadcasts leave and enter.

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use socketioxide_core::{
    Sid, Value,
    adapter::{BroadcastOptions, CoreLocalAdapter, RemoteSocketData, SocketEmitter},
    packet::{Packet, PacketData},
    parser::Parse,
};

use super::{
    fresh::{Fresh, Freshness},
    members::{Members, Reach},
    options::{options, selects_somebody, targets},
};
use tokio::time::Instant;

use crate::{
    channel,
    cluster::{Cluster, Confirmation},
    error::BroadcastError,
    index::Entry,
    namespace::{Encode, Joining, ServerSide},
    recipient::Emission,
    wire::{self, DecodeError, EventData, Targets},
};

pub(super) struct Space<E> {
    pub(super) cluster: Cluster,
    pub(super) local: CoreLocalAdapter<E>,
    pub(super) name: String,
    /// Names this adapter on the wire, so that its own messages are told from others'.
    pub(super) uid: String,
    pub(super) speaks_msgpack: bool,
    pub(super) members: Members,
    pub(super) fresh: Fresh,
    application: RwLock<Option<Arc<dyn ServerSide>>>,
}

/// A message that is to be published.
pub(super) struct Message {
    channel: String,
    payload: Bytes,
    /// What went to the same room before may be on another way.
    behind_all: bool,
}

impl<E: SocketEmitter> Space<E> {
    pub(super) fn new(cluster: Cluster, local: CoreLocalAdapter<E>) -> Self {
        Self {
            name: local.path().to_string(),
            uid: cluster.dialect().id(),
            speaks_msgpack: speaks_msgpack(&local.parser()),
            members: Members::new(cluster.config().subscribe),
            fresh: Fresh::default(),
            application: RwLock::default(),
            local,
            cluster,
        }
    }

    /// Serves nobody any more.
    pub(super) fn close(&self) {
        self.cluster.detach(&self.name);
        for (room, members) in self.members.clear() {
            for _ in 0..members {
                self.cluster.leave(&self.name, &room);
            }
        }
        self.local.close();
    }

    pub(super) fn application(&self) -> Option<Arc<dyn ServerSide>> {
        let application = self.application.read();
        application.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_application(&self, application: Arc<dyn ServerSide>) {
        let mut place = self
            .application
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *place = Some(application);
    }

    /// Whether other nodes have nothing to do with these options.
    pub(super) fn is_local(&self, options: &BroadcastOptions) -> bool {
        self.cluster.is_alone()
            || options.is_local(self.local.server_id())
            || !selects_somebody(options)
    }

    pub(super) fn emit(
        &self,
        packet: Packet,
        options: BroadcastOptions,
    ) -> Result<(), BroadcastError> {
        let message = self.message(&packet, &options)?;
        self.send_out(packet, options, message);
        Ok(())
    }

    /// The one place where a broadcast is both delivered here and handed to the publisher: in one step, so that other
    /// nodes get the broadcasts of this one in the order in which its own sockets do.
    pub(super) fn send_out(
        &self,
        packet: Packet,
        options: BroadcastOptions,
        message: Option<Message>,
    ) {
        self.deliver(packet, options, || {
            if let Some(message) = message {
                let (channel, payload) = (message.channel, message.payload);
                self.cluster
                    .outbox()
                    .push(channel, payload, message.behind_all);
            }
        });
    }

    /// What other nodes are to be told of a broadcast, if anything.
    pub(super) fn message(
        &self,
        packet: &Packet,
        options: &BroadcastOptions,
    ) -> Result<Option<Message>, BroadcastError> {
        let (PacketData::Event(data, _) | PacketData::BinaryEvent(data, _)) = &packet.inner else {
            return Ok(None);
        };
        if self.is_local(options) {
            return Ok(None);
        }
        let mut targets = targets(options);
        targets.flags.trace = self.cluster.observer().trace();
        let dialect = self.cluster.dialect();
        let payload = dialect.broadcast(&self.uid, &self.name, data, &targets)?;
        let key = &self.cluster.config().key;
        let (channel, freshness) = match &targets.rooms[..] {
            [room] if dialect.has_channel(room) => match self.fresh.look(room, Instant::now()) {
                Freshness::Fresh => (channel::namespace(key, &self.name), Freshness::Fresh),
                freshness => (channel::room(key, &self.name, room), freshness),
            },
            _ => (channel::namespace(key, &self.name), Freshness::None),
        };
        Ok(Some(Message {
            channel,
            payload,
            behind_all: dialect.is_sharded() && freshness == Freshness::JustOver,
        }))
    }

    /// Delivers to sockets of this node, and then does what has to follow before anything else is delivered.
    fn deliver(&self, packet: Packet, options: BroadcastOptions, then: impl FnOnce()) {
        let emission = Emission::new(packet, &self.local);
        let delivered = self.members.deliver(&self.local, &emission, options, then);
        let observer = self.cluster.observer();
        observer.delivered(delivered.recipients);
        if delivered.overflowed > 0 {
            observer.overflowed(delivered.overflowed);
        }
    }

    /// Applies a broadcast of another node.
    pub(super) fn receive(&self, room: Option<&str>, payload: &Bytes) -> Result<(), DecodeError> {
        // A room nobody here is in costs nothing more; the empty name cannot be told from the whole namespace.
        if room.is_some_and(|room| !room.is_empty() && !self.is_occupied(room)) {
            return Ok(());
        }
        if wire::sent_by(payload, &self.uid) {
            return Ok(());
        }
        let broadcast = wire::decode_broadcast(payload)?;
        if broadcast.namespace != self.name {
            return Ok(());
        }
        self.deliver_remote(&broadcast.data, broadcast.targets);
        Ok(())
    }

    /// Whether anybody here is in a room.
    pub(super) fn is_occupied(&self, room: &str) -> bool {
        self.members.is_occupied(&self.local, room)
    }

    /// Delivers an event of another node.
    pub(super) fn deliver_remote(&self, data: &EventData<'_>, targets: Targets) {
        let traced = targets.flags.trace.map(|trace| (trace, Instant::now()));
        let packet = self.packet(data);
        self.deliver(packet, options(targets), || ());
        if let Some((trace, came)) = traced {
            let observer = self.cluster.observer();
            observer.traced(trace, came, &self.name);
        }
    }

    /// An event of another node, in the form of this namespace's parser.
    pub(super) fn packet(&self, data: &EventData<'_>) -> Packet {
        let value = if self.speaks_msgpack {
            Value::Bytes(data.to_msgpack())
        } else {
            let (text, attachments) = data.to_json();
            Value::Str(
                text.into(),
                (!attachments.is_empty()).then(|| attachments.into()),
            )
        };
        Packet::event(self.local.path().clone(), value)
    }

    /// Puts a socket into rooms.
    pub(super) fn add(&self, socket: Sid, rooms: impl IntoIterator<Item = String>) -> Joining {
        let mut confirmations = Vec::new();
        for room in rooms {
            let confirmation = self
                .members
                .join(&self.local, socket, &room, |entry| match entry {
                    Entry::New => Some(self.cluster.join(&self.name, &room)),
                    // Its earlier join may still be under way.
                    Entry::Already => Some(self.cluster.join_again(&self.name, &room)),
                    Entry::Unknown => None,
                });
            confirmations.extend(confirmation.filter(Confirmation::is_open));
        }
        if confirmations.is_empty() {
            return Box::pin(std::future::ready(()));
        }
        Box::pin(async move {
            for confirmation in confirmations {
                confirmation.wait().await;
            }
        })
    }

    /// Subscribes to a room as one more socket in it would.
    pub(super) fn subscribe(&self, room: &str) -> Joining {
        if !self.members.are_ours() {
            return Box::pin(std::future::ready(()));
        }
        let confirmation = self.cluster.join(&self.name, room);
        Box::pin(confirmation.wait())
    }

    /// Takes that back.
    pub(super) fn unsubscribe(&self, room: &str) {
        if self.members.are_ours() {
            self.cluster.leave(&self.name, room);
        }
    }

    /// Puts the selected sockets of this node into rooms.
    pub(super) fn add_selected(&self, options: BroadcastOptions, rooms: &[String]) -> Joining {
        let selected = self.members.selected(&self.local, options);
        let joins: Vec<_> = selected
            .into_iter()
            .map(|socket| self.add(socket, rooms.iter().cloned()))
            .collect();
        Box::pin(async move {
            for join in joins {
                join.await;
            }
        })
    }

    /// Takes a socket out of rooms.
    pub(super) fn remove(&self, socket: Sid, rooms: &[String]) {
        for room in rooms {
            self.members.leave(&self.local, socket, room, || {
                self.cluster.leave(&self.name, room);
            });
        }
    }

    /// Takes the selected sockets of this node out of rooms.
    pub(super) fn remove_selected(&self, options: BroadcastOptions, rooms: &[String]) {
        for socket in self.members.selected(&self.local, options) {
            self.remove(socket, rooms);
        }
    }

    /// Disconnects the selected sockets of this node, and their connections with `close`.
    pub(super) fn disconnect_selected(&self, options: BroadcastOptions, close: bool) {
        for (socket, reach) in self.members.reached(&self.local, options) {
            match reach {
                Reach::Recipient(recipient) => recipient.disconnect(close),
                Reach::Channel => {
                    let one = BroadcastOptions::new(socket);
                    // A socket that has just gone is what was wanted.
                    let _ = self.local.disconnect_socket(one);
                }
            }
        }
    }

    pub(super) fn local_sockets(&self, options: BroadcastOptions) -> Vec<RemoteSocketData> {
        let select = |selection| self.local.fetch_sockets(selection);
        self.members.with_selection(&self.local, options, select)
    }
}

impl<E: SocketEmitter> Encode for CoreLocalAdapter<E> {
    fn encode(&self, packet: Packet) -> Value {
        self.parser().encode(packet)
    }
}

fn speaks_msgpack(parser: &impl Parse) -> bool {
    // The parser does not say what it is, but what it makes does.
    matches!(parser.encode_value(&(), None), Ok(Value::Bytes(_)))
}
