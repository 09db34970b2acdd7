//! The adapter of one namespace: socketioxide's contract, kept for the whole cluster.

mod init;

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use socketioxide_core::{
    Sid, Value,
    adapter::{
        BroadcastFlags, BroadcastOptions, CoreAdapter, CoreLocalAdapter, DefinedAdapter, Room,
        RoomParam, SocketEmitter,
        errors::{AdapterError, BroadcastError as CoreBroadcastError, SocketError},
    },
    packet::{Packet, PacketData},
    parser::Parse,
};

pub use init::Init;

use crate::{
    channel,
    cluster::{Cluster, random_id},
    config::Subscribe,
    error::{BroadcastError, SendError},
    namespace::{Joining, LocalNamespace},
    observer::DropCause,
    wire::{self, DecodeError},
};

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
    members: Mutex<Members>,
}

/// Who is here. Held while the local index is changed, so that the two agree; the server empties that index by itself
/// when a socket goes, so it cannot be asked what there was.
#[derive(Default)]
struct Members {
    /// The rooms of each socket.
    sockets: HashMap<Sid, HashSet<String>>,
    /// How many sockets are in each room.
    rooms: HashMap<String, usize>,
}

impl<E: SocketEmitter> ClusterAdapter<E> {
    /// The one place where a broadcast is both delivered here and handed to the publisher.
    fn emit(&self, packet: Packet, options: BroadcastOptions) -> Result<(), BroadcastError> {
        let uid = self.local.server_id();
        if selects_somebody(&options)
            && !options.is_local(uid)
            && let PacketData::Event(data, _) | PacketData::BinaryEvent(data, _) = &packet.inner
        {
            let targets = targets(&options);
            let message = wire::encode_broadcast(&self.uid, &self.name, data, &targets)?;
            let key = &self.cluster.config().key;
            let channel = match &targets.rooms[..] {
                [room] => channel::room(key, &self.name, room),
                _ => channel::namespace(key, &self.name),
            };
            self.deliver(packet, options);
            self.cluster.outbox().push(channel, message);
        } else {
            self.deliver(packet, options);
        }
        Ok(())
    }

    /// Delivers to sockets of this node, volatile events too in their turn: socketioxide's own way for them keeps the
    /// newest only, and lets it overtake.
    fn deliver(&self, packet: Packet, options: BroadcastOptions) {
        let mut selected = BroadcastOptions::default();
        if options.has_flag(BroadcastFlags::Broadcast) {
            selected.add_flag(BroadcastFlags::Broadcast);
        }
        selected.rooms = options.rooms;
        selected.except = options.except;
        selected.sid = options.sid;
        let observer = self.cluster.observer();
        observer.delivered(self.recipients(&selected));
        if let Err(errors) = self.local.broadcast(packet, selected) {
            let full = |error: &&SocketError| matches!(error, SocketError::InternalChannelFull);
            let overflowed = errors.iter().filter(full).count();
            if overflowed > 0 {
                observer.overflowed(overflowed);
            }
        }
    }

    fn recipients(&self, options: &BroadcastOptions) -> usize {
        let simple = options.except.is_empty() && !options.has_flag(BroadcastFlags::Broadcast);
        match &options.rooms[..] {
            [room] if simple && self.joins_here() => {
                self.members().rooms.get(&**room).copied().unwrap_or(0)
            }
            // Everybody, which is not worth a list.
            [] if options.except.is_empty() && options.sid.is_none() && self.joins_here() => {
                self.members().sockets.len()
            }
            _ => self.local.sockets(options.clone()).len(),
        }
    }

    /// Applies a broadcast of another node.
    fn receive(&self, room: Option<&str>, payload: &Bytes) -> Result<(), DecodeError> {
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
        self.deliver(Packet::event(self.local.path().clone(), data), options);
        Ok(())
    }

    fn is_occupied(&self, room: &str) -> bool {
        if self.joins_here() {
            return self.members().rooms.contains_key(room);
        }
        let mut options = BroadcastOptions::default();
        options.rooms.push(Room::Owned(room.to_owned()));
        !self.local.sockets(options).is_empty()
    }

    /// Whether the server joins and leaves through this adapter, so that it knows all members.
    fn joins_here(&self) -> bool {
        matches!(self.cluster.config().subscribe, Subscribe::PerRoom { .. })
    }

    fn add(&self, socket: Sid, rooms: impl IntoIterator<Item = String>) -> Joining {
        let mut members = self.members();
        let Members {
            sockets,
            rooms: counts,
        } = &mut *members;
        let Some(joined) = sockets.get_mut(&socket) else {
            return Box::pin(std::future::ready(()));
        };
        let mut confirmations = Vec::new();
        for room in rooms {
            if !joined.insert(room.clone()) {
                // Its earlier join may still be under way.
                confirmations.push(self.cluster.join_again(&self.name, &room));
                continue;
            }
            self.local.add_all(socket, room.clone());
            confirmations.push(self.cluster.join(&self.name, &room));
            *counts.entry(room).or_default() += 1;
        }
        drop(members);
        Box::pin(async move {
            for confirmation in confirmations {
                confirmation.wait().await;
            }
        })
    }

    fn remove(&self, members: &mut Members, socket: Sid, room: &str) {
        self.local.del(socket, room.to_owned());
        if let Some(count) = members.rooms.get_mut(room) {
            *count -= 1;
            if *count == 0 {
                members.rooms.remove(room);
            }
            self.cluster.leave(&self.name, room);
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        // Counts and index may disagree about the one room in hand after a panic, which is no reason to stop.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: SocketEmitter> LocalNamespace for ClusterAdapter<E> {
    fn connected(&self, socket: Sid, id: &str) -> Joining {
        self.members().sockets.entry(socket).or_default();
        self.add(socket, [id.to_owned()])
    }

    fn disconnected(&self, socket: Sid) {
        let mut members = self.members();
        for room in members.sockets.remove(&socket).unwrap_or_default() {
            self.remove(&mut members, socket, &room);
        }
        self.local.del_all(socket);
    }

    fn join(&self, socket: Sid, rooms: Vec<String>) -> Joining {
        self.add(socket, rooms)
    }

    fn leave(&self, socket: Sid, rooms: &[String]) {
        let mut members = self.members();
        for room in rooms {
            let joined = members.sockets.get_mut(&socket);
            if joined.is_some_and(|joined| joined.remove(room)) {
                self.remove(&mut members, socket, room);
            }
        }
    }

    fn rooms(&self, socket: Sid) -> Vec<String> {
        let members = self.members();
        let rooms = members.sockets.get(&socket);
        rooms
            .map(|rooms| rooms.iter().cloned().collect())
            .unwrap_or_default()
    }

    fn is_connected(&self, socket: Sid) -> bool {
        !self
            .local
            .fetch_sockets(BroadcastOptions::new(socket))
            .is_empty()
    }

    fn send(&self, socket: Sid, packet: Packet) -> Result<(), SendError> {
        let sent = self.local.broadcast(packet, BroadcastOptions::new(socket));
        match sent.map_err(|errors| errors.into_iter().next()) {
            Ok(()) | Err(None) => Ok(()),
            Err(Some(SocketError::InternalChannelFull)) => {
                self.cluster.observer().overflowed(1);
                Err(SendError::Full)
            }
            Err(Some(SocketError::Closed)) => Err(SendError::Closed),
        }
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
            members: Mutex::default(),
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
        let rooms = mem::take(&mut *self.members()).rooms;
        for (room, members) in rooms {
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
        Ok(self.local.broadcast_with_ack(packet, options, timeout).0)
    }

    async fn add_sockets(
        &self,
        options: BroadcastOptions,
        rooms: impl RoomParam,
    ) -> Result<(), AdapterFailure> {
        if !self.joins_here() {
            self.local.add_sockets(options, rooms);
            return Ok(());
        }
        let rooms: Vec<String> = rooms.into_room_iter().map(Room::into_owned).collect();
        let joins: Vec<_> = self
            .local
            .sockets(options)
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
        if !self.joins_here() {
            self.local.del_sockets(options, rooms);
            return Ok(());
        }
        let rooms: Vec<String> = rooms.into_room_iter().map(Room::into_owned).collect();
        for socket in self.local.sockets(options) {
            self.leave(socket, &rooms);
        }
        Ok(())
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
