//! The adapter of one namespace: socketioxide's contract, kept for the whole cluster.

mod init;
mod members;

use std::{collections::HashSet, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt as _;
use socketioxide_core::{
    Sid, Value,
    adapter::{
        BroadcastFlags, BroadcastOptions, CoreAdapter, CoreLocalAdapter, DefinedAdapter,
        RemoteSocketData, Room, RoomParam, SocketEmitter,
        errors::{AdapterError, BroadcastError as CoreBroadcastError},
    },
    packet::{Packet, PacketData},
    parser::Parse,
};

pub use init::Init;
pub(crate) use members::Reach;

use crate::{
    channel,
    cluster::{Cluster, Confirmation, random_id},
    error::{BroadcastError, SendError},
    index::Entry,
    namespace::{Asked, Asking, Encode, Joining, LocalNamespace},
    observer::DropCause,
    recipient::{Emission, Recipient},
    wire::{self, DecodeError},
};
use members::Members;

/// An adapter that makes rooms and broadcasts reach the sockets of all nodes.
///
/// Broadcasts pass between nodes; acks, fetches and remote joins, leaves and disconnects are about this node's sockets.
pub struct ClusterAdapter<E> {
    cluster: Cluster,
    local: CoreLocalAdapter<E>,
    name: String,
    /// Names this adapter on the wire, so that its own messages are told from others'. Six characters, as Node's.
    uid: String,
    speaks_msgpack: bool,
    members: Members,
}

/// A message that is to be published.
struct Message {
    channel: String,
    payload: Bytes,
}

impl<E: SocketEmitter> ClusterAdapter<E> {
    /// The one place where a broadcast is both delivered here and handed to the publisher: in one step, so that other
    /// nodes get the broadcasts of this one in the order in which its own sockets do.
    fn emit(&self, packet: Packet, options: BroadcastOptions) -> Result<(), BroadcastError> {
        let message = self.message(&packet, &options)?;
        self.deliver(packet, options, || {
            if let Some(Message { channel, payload }) = message {
                self.cluster.outbox().push(channel, payload);
            }
        });
        Ok(())
    }

    /// What other nodes are to be told of a broadcast, if anything.
    fn message(
        &self,
        packet: &Packet,
        options: &BroadcastOptions,
    ) -> Result<Option<Message>, BroadcastError> {
        let (PacketData::Event(data, _) | PacketData::BinaryEvent(data, _)) = &packet.inner else {
            return Ok(None);
        };
        let is_local = self.cluster.is_alone() || options.is_local(self.local.server_id());
        if is_local || !selects_somebody(options) {
            return Ok(None);
        }
        let targets = targets(options);
        let payload = wire::encode_broadcast(&self.uid, &self.name, data, &targets)?;
        let key = &self.cluster.config().key;
        let channel = match &targets.rooms[..] {
            [room] => channel::room(key, &self.name, room),
            _ => channel::namespace(key, &self.name),
        };
        Ok(Some(Message { channel, payload }))
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
    fn receive(&self, room: Option<&str>, payload: &Bytes) -> Result<(), DecodeError> {
        // A room nobody here is in costs nothing more; the empty name cannot be told from the whole namespace.
        let is_empty = |room: &str| !self.members.is_occupied(&self.local, room);
        if room.is_some_and(|room| !room.is_empty() && is_empty(room)) {
            return Ok(());
        }
        if wire::sent_by(payload, &self.uid) {
            return Ok(());
        }
        let broadcast = wire::decode_broadcast(payload)?;
        if broadcast.namespace != self.name {
            return Ok(());
        }
        let data = if self.speaks_msgpack {
            Value::Bytes(broadcast.data.to_msgpack())
        } else {
            let (text, attachments) = broadcast.data.to_json();
            Value::Str(
                text.into(),
                (!attachments.is_empty()).then(|| attachments.into()),
            )
        };
        let mut options = BroadcastOptions::default();
        options.rooms = broadcast.rooms.into_iter().map(Room::Owned).collect();
        options.except = broadcast.except.into_iter().map(Room::Owned).collect();
        if options.rooms.is_empty() {
            options.add_flag(BroadcastFlags::Broadcast);
        }
        let packet = Packet::event(self.local.path().clone(), data);
        self.deliver(packet, options, || ());
        Ok(())
    }

    fn add(&self, socket: Sid, rooms: impl IntoIterator<Item = String>) -> Joining {
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
}

impl<E: SocketEmitter> Encode for CoreLocalAdapter<E> {
    fn encode(&self, packet: Packet) -> Value {
        self.parser().encode(packet)
    }
}

impl<E: SocketEmitter> LocalNamespace for ClusterAdapter<E> {
    fn connected(&self, socket: Sid, id: &str, reach: Reach) -> Joining {
        self.members.add(socket, reach);
        self.add(socket, [id.to_owned()])
    }

    fn disconnected(&self, socket: Sid) {
        self.members.remove(&self.local, socket, |room| {
            self.cluster.leave(&self.name, &room);
        });
    }

    fn join(&self, socket: Sid, rooms: Vec<String>) -> Joining {
        self.add(socket, rooms)
    }

    fn leave(&self, socket: Sid, rooms: &[String]) {
        for room in rooms {
            self.members.leave(&self.local, socket, room, || {
                self.cluster.leave(&self.name, room);
            });
        }
    }

    fn rooms(&self, socket: Sid) -> Vec<String> {
        self.members.rooms_of(&self.local, socket)
    }

    fn recipients(&self, options: &BroadcastOptions) -> Vec<(Sid, Arc<dyn Recipient>)> {
        self.members.recipients(options)
    }

    fn ask(&self, packet: Packet, options: BroadcastOptions, timeout: Duration) -> Asking {
        let answers = self
            .members
            .with_selection(&self.local, options, |selection| {
                let (answers, _) = self
                    .local
                    .broadcast_with_ack(packet, selection, Some(timeout));
                answers
            });
        Box::pin(async move {
            let mut answers = pin!(answers);
            let mut asked = Asked::default();
            while let Some((_, answer)) = answers.next().await {
                match answer {
                    Ok(values) => asked.answers.push(values),
                    Err(_) => asked.missing += 1,
                }
            }
            asked
        })
    }

    fn is_connected(&self, socket: Sid) -> bool {
        !self
            .local
            .fetch_sockets(BroadcastOptions::new(socket))
            .is_empty()
    }

    fn send(&self, socket: Sid, packet: Packet) -> Result<(), SendError> {
        members::send(&self.local, socket, packet)
    }

    fn emission(&self, packet: Packet) -> Emission<'_> {
        Emission::new(packet, &self.local)
    }

    fn broadcast(&self, packet: Packet, options: BroadcastOptions) -> Result<(), BroadcastError> {
        self.emit(packet, options)
    }

    fn apply(&self, room: Option<&str>, payload: &Bytes) {
        if let Err(error) = self.receive(room, payload) {
            tracing::debug!(namespace = self.name, room, %error, "dropped a message of another node");
            self.cluster.observer().dropped(cause(&error), 1);
        }
    }
}

/// What an operation on the cluster can fail with; none of those that exist can.
pub type AdapterFailure = std::convert::Infallible;

impl<E: SocketEmitter> CoreAdapter<E> for ClusterAdapter<E> {
    type Error = AdapterFailure;
    type State = Cluster;
    type AckStream = E::AckStream;
    type InitRes = Init;

    fn new(cluster: &Cluster, local: CoreLocalAdapter<E>) -> Self {
        Self {
            cluster: cluster.clone(),
            name: local.path().to_string(),
            uid: random_id(6),
            speaks_msgpack: speaks_msgpack(&local.parser()),
            members: Members::new(cluster.config().subscribe),
            local,
        }
    }

    fn init(self: Arc<Self>, on_success: impl FnOnce() + Send + 'static) -> Init {
        let confirmation = self.cluster.attach(&self.name, self.clone());
        // Before the first client gets its CONNECT answer, or it misses broadcasts.
        Init::new(async move {
            confirmation.wait().await;
            on_success();
        })
    }

    async fn close(&self) -> Result<(), AdapterFailure> {
        self.cluster.detach(&self.name);
        for (room, members) in self.members.clear() {
            for _ in 0..members {
                self.cluster.leave(&self.name, &room);
            }
        }
        self.local.close();
        Ok(())
    }

    async fn broadcast(
        &self,
        packet: Packet,
        options: BroadcastOptions,
    ) -> Result<(), CoreBroadcastError> {
        self.emit(packet, options)
            .map_err(|error| AdapterError(Box::new(error)).into())
    }

    async fn broadcast_with_ack(
        &self,
        packet: Packet,
        options: BroadcastOptions,
        timeout: Option<Duration>,
    ) -> Result<E::AckStream, AdapterFailure> {
        Ok(self
            .members
            .with_selection(&self.local, options, |selection| {
                self.local.broadcast_with_ack(packet, selection, timeout).0
            }))
    }

    async fn add_sockets(
        &self,
        options: BroadcastOptions,
        rooms: impl RoomParam,
    ) -> Result<(), AdapterFailure> {
        let rooms: Vec<String> = rooms.into_room_iter().map(Room::into_owned).collect();
        let joins: Vec<_> = self
            .members
            .selected(&self.local, options)
            .into_iter()
            .map(|socket| self.add(socket, rooms.iter().cloned()))
            .collect();
        for join in joins {
            join.await;
        }
        Ok(())
    }

    async fn del_sockets(
        &self,
        options: BroadcastOptions,
        rooms: impl RoomParam,
    ) -> Result<(), AdapterFailure> {
        let rooms: Vec<String> = rooms.into_room_iter().map(Room::into_owned).collect();
        for socket in self.members.selected(&self.local, options) {
            self.leave(socket, &rooms);
        }
        Ok(())
    }

    async fn disconnect_socket(&self, options: BroadcastOptions) -> Result<(), CoreBroadcastError> {
        self.members
            .with_selection(&self.local, options, |selection| {
                self.local.disconnect_socket(selection)
            })
            .map_err(CoreBroadcastError::Socket)
    }

    async fn rooms(&self, options: BroadcastOptions) -> Result<Vec<Room>, AdapterFailure> {
        let selected = self.members.selected(&self.local, options).into_iter();
        let rooms: HashSet<String> = selected
            .flat_map(|socket| self.members.rooms_of(&self.local, socket))
            .collect();
        Ok(rooms.into_iter().map(Room::Owned).collect())
    }

    async fn fetch_sockets(
        &self,
        options: BroadcastOptions,
    ) -> Result<Vec<RemoteSocketData>, AdapterFailure> {
        Ok(self
            .members
            .with_selection(&self.local, options, |selection| {
                self.local.fetch_sockets(selection)
            }))
    }

    fn get_local(&self) -> &CoreLocalAdapter<E> {
        &self.local
    }
}

impl<E> DefinedAdapter for ClusterAdapter<E> {}

fn speaks_msgpack(parser: &impl Parse) -> bool {
    // The parser does not say what it is, but what it makes does.
    matches!(parser.encode_value(&(), None), Ok(Value::Bytes(_)))
}

/// Whether the options select a socket at all: those that name nobody mean nobody here, but everybody on the wire.
fn selects_somebody(options: &BroadcastOptions) -> bool {
    options.has_flag(BroadcastFlags::Broadcast)
        || !options.rooms.is_empty()
        || options.sid.is_some()
}

fn targets(options: &BroadcastOptions) -> wire::Targets {
    let all_but = options.has_flag(BroadcastFlags::Broadcast);
    let sender = options.sid.map(|sid| sid.to_string());
    let mut rooms: Vec<String> = options
        .rooms
        .iter()
        .cloned()
        .map(Room::into_owned)
        .collect();
    let mut except = Vec::new();
    match sender {
        Some(sender) if all_but => except.push(sender),
        Some(sender) if rooms.is_empty() => rooms.push(sender),
        _ => {}
    }
    except.extend(options.except.iter().cloned().map(Room::into_owned));
    wire::Targets {
        rooms,
        except,
        flags: wire::Flags {
            volatile: options.has_flag(BroadcastFlags::Volatile),
            ..wire::Flags::default()
        },
    }
}

fn cause(error: &DecodeError) -> DropCause {
    match error {
        DecodeError::TooLarge { .. } => DropCause::TooLarge,
        DecodeError::UnknownType { .. } => DropCause::UnknownType,
        DecodeError::ReservedEvent { .. } => DropCause::Reserved,
        _ => DropCause::Malformed,
    }
}
