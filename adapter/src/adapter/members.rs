//! Who is in a namespace on this node, and how packets reach them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use socketioxide_core::{
    Sid,
    adapter::{BroadcastFlags, BroadcastOptions, CoreLocalAdapter, Room, SocketEmitter},
    packet::Packet,
};

use crate::{
    config::Subscribe,
    error::SendError,
    index::{Entry, Index},
    recipient::{Emission, Recipient},
};

/// The authority on who is in which room.
pub(super) enum Members {
    /// The server's own index: rooms are joined behind the adapter's back.
    Server,
    /// Ours: the server joins and leaves through the adapter.
    Own {
        index: Mutex<Index<Reach>>,
        /// Held while sockets share a room of the server's, so that one selection does not undo another.
        selecting: Mutex<()>,
    },
}

/// What a socket is reached by.
#[derive(Clone)]
pub(crate) enum Reach {
    /// The server's channel for its connection.
    Channel,
    /// Whatever it brought itself.
    Recipient(Arc<dyn Recipient>),
}

/// What came of a delivery.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Delivered {
    pub(super) recipients: usize,
    /// How many of those that the server's channel reaches missed it, because more waits for them than may.
    pub(super) overflowed: usize,
}

impl Members {
    pub(super) fn new(subscribe: Subscribe) -> Self {
        match subscribe {
            Subscribe::Pattern => Self::Server,
            Subscribe::PerRoom { .. } => Self::Own {
                index: Mutex::default(),
                selecting: Mutex::default(),
            },
        }
    }

    /// Whether rooms are subscribed to, each by its members.
    pub(super) fn are_ours(&self) -> bool {
        matches!(self, Self::Own { .. })
    }

    /// Delivers to the selected sockets, and then does what has to follow before anything else is delivered.
    pub(super) fn deliver<E: SocketEmitter>(
        &self,
        local: &CoreLocalAdapter<E>,
        emission: &Emission<'_>,
        options: BroadcastOptions,
        then: impl FnOnce(),
    ) -> Delivered {
        let Self::Own { index, .. } = self else {
            let delivered = through_server(local, emission.packet().clone(), options);
            then();
            return delivered;
        };
        let mut overflowed = 0;
        let mut index = lock(index);
        let recipients = index.select(&options, |socket, reach| match reach {
            Reach::Channel => {
                let sent = send(local, socket, emission.packet().clone());
                overflowed += usize::from(sent == Err(SendError::Full));
            }
            Reach::Recipient(recipient) => recipient.deliver(emission),
        });
        then();
        Delivered {
            recipients,
            overflowed,
        }
    }

    /// Takes a socket in that has connected.
    pub(super) fn add(&self, socket: Sid, reach: Reach) {
        if let Self::Own { index, .. } = self {
            lock(index).add(socket, reach);
        }
    }

    /// Puts a socket into a room; `then` is done before anything else changes.
    pub(super) fn join<E: SocketEmitter, T>(
        &self,
        local: &CoreLocalAdapter<E>,
        socket: Sid,
        room: &str,
        then: impl FnOnce(Entry) -> T,
    ) -> T {
        match self {
            Self::Own { index, .. } => {
                let mut index = lock(index);
                then(index.join(socket, room))
            }
            Self::Server => {
                local.add_all(socket, room.to_owned());
                then(Entry::Already)
            }
        }
    }

    /// Takes a socket out of a room; `then` is done before anything else changes, if it was in there.
    pub(super) fn leave<E: SocketEmitter>(
        &self,
        local: &CoreLocalAdapter<E>,
        socket: Sid,
        room: &str,
        then: impl FnOnce(),
    ) {
        match self {
            Self::Own { index, .. } => {
                let mut index = lock(index);
                if index.leave(socket, room) {
                    then();
                }
            }
            Self::Server => local.del(socket, room.to_owned()),
        }
    }

    /// Takes a socket out; `then` is done for each of its rooms before anything else changes.
    pub(super) fn remove<E: SocketEmitter>(
        &self,
        local: &CoreLocalAdapter<E>,
        socket: Sid,
        then: impl FnMut(Arc<str>),
    ) {
        match self {
            Self::Own { index, .. } => {
                let mut index = lock(index);
                index.remove(socket).into_iter().for_each(then);
            }
            Self::Server => local.del_all(socket),
        }
    }

    /// Takes everybody out; the rooms that are to be left, and for how many.
    pub(super) fn clear(&self) -> Vec<(Arc<str>, usize)> {
        match self {
            Self::Own { index, .. } => lock(index).clear(),
            Self::Server => Vec::new(),
        }
    }

    pub(super) fn rooms_of<E: SocketEmitter>(
        &self,
        local: &CoreLocalAdapter<E>,
        socket: Sid,
    ) -> Vec<String> {
        match self {
            Self::Own { index, .. } => {
                let index = lock(index);
                let rooms = index.rooms_of(socket).iter();
                rooms.map(|room| String::from(&**room)).collect()
            }
            Self::Server => {
                let rooms = local.socket_rooms(socket).into_iter();
                rooms.map(Room::into_owned).collect()
            }
        }
    }

    pub(super) fn rooms_with<E: SocketEmitter>(
        &self,
        local: &CoreLocalAdapter<E>,
        socket: Sid,
        more: &[String],
    ) -> usize {
        match self {
            Self::Own { index, .. } => {
                let index = lock(index);
                let rooms = index.rooms_of(socket);
                let is_new = |room: &&String| !rooms.iter().any(|joined| **joined == ***room);
                rooms.len() + more.iter().filter(is_new).count()
            }
            Self::Server => {
                let rooms = local.socket_rooms(socket);
                let is_new = |room: &&String| !rooms.contains(room.as_str());
                rooms.len() + more.iter().filter(is_new).count()
            }
        }
    }

    pub(super) fn is_occupied<E: SocketEmitter>(
        &self,
        local: &CoreLocalAdapter<E>,
        room: &str,
    ) -> bool {
        match self {
            Self::Own { index, .. } => lock(index).is_occupied(room),
            Self::Server => {
                let mut options = BroadcastOptions::default();
                options.rooms.push(Room::Owned(room.to_owned()));
                !local.sockets(options).is_empty()
            }
        }
    }

    pub(super) fn selected<E: SocketEmitter>(
        &self,
        local: &CoreLocalAdapter<E>,
        options: BroadcastOptions,
    ) -> Vec<Sid> {
        match self {
            Self::Own { index, .. } => lock(index).selected(&options),
            Self::Server => local.sockets(options),
        }
    }

    /// The selected sockets, each with what it is reached by.
    pub(super) fn reached<E: SocketEmitter>(
        &self,
        local: &CoreLocalAdapter<E>,
        options: BroadcastOptions,
    ) -> Vec<(Sid, Reach)> {
        match self {
            Self::Own { index, .. } => {
                let mut reached = Vec::new();
                lock(index).select(&options, |socket, reach| {
                    reached.push((socket, reach.clone()));
                });
                reached
            }
            Self::Server => {
                let sockets = local.sockets(options).into_iter();
                sockets.map(|socket| (socket, Reach::Channel)).collect()
            }
        }
    }

    /// The names of all rooms that have members.
    pub(super) fn all_rooms<E: SocketEmitter>(&self, local: &CoreLocalAdapter<E>) -> Vec<String> {
        match self {
            Self::Own { index, .. } => {
                let index = lock(index);
                index.rooms().map(|(room, _)| room.to_owned()).collect()
            }
            Self::Server => {
                let rooms = local.rooms(everyone()).into_iter();
                rooms.map(Room::into_owned).collect()
            }
        }
    }

    /// The names of all rooms that have members, and how many each has.
    pub(super) fn room_sizes<E: SocketEmitter>(
        &self,
        local: &CoreLocalAdapter<E>,
    ) -> Vec<(String, usize)> {
        match self {
            Self::Own { index, .. } => {
                let index = lock(index);
                let rooms = index.rooms();
                rooms.map(|(room, size)| (room.to_owned(), size)).collect()
            }
            Self::Server => {
                let size = |room: &Room| {
                    let mut options = BroadcastOptions::default();
                    options.rooms.push(room.clone());
                    local.sockets(options).len()
                };
                let rooms = local.rooms(everyone()).into_iter();
                rooms
                    .map(|room| {
                        let size = size(&room);
                        (room.into_owned(), size)
                    })
                    .collect()
            }
        }
    }

    /// Sends an event that asks for an ack through the server's channel to the selected sockets; the acks, and how many were
    /// asked.
    pub(super) fn ask<E: SocketEmitter>(
        &self,
        local: &CoreLocalAdapter<E>,
        packet: Packet,
        options: BroadcastOptions,
        timeout: Option<Duration>,
    ) -> (E::AckStream, u32) {
        let asked = match self {
            Self::Own { .. } => self.reached(local, options.clone()),
            Self::Server => Vec::new(),
        };
        let sent = self.with_selection(local, options, |selection| {
            local.broadcast_with_ack(packet, selection, timeout)
        });
        for (_, reach) in asked {
            if let Reach::Recipient(recipient) = reach {
                recipient.detoured();
            }
        }
        sent
    }

    /// The options by which the server's own index selects whom `options` select, while `act` runs.
    ///
    /// Where the index is ours the server knows no rooms, so the selected sockets share one for as long.
    pub(super) fn with_selection<E: SocketEmitter, T>(
        &self,
        local: &CoreLocalAdapter<E>,
        options: BroadcastOptions,
        act: impl FnOnce(BroadcastOptions) -> T,
    ) -> T {
        let Self::Own { selecting, .. } = self else {
            return act(options);
        };
        let _selecting = selecting.lock().unwrap_or_else(PoisonError::into_inner);
        // No name of a room is as long, so none is the same.
        let room = format!("{:300}", crate::cluster::random_id(20));
        let selected = self.selected(local, options);
        for socket in &selected {
            local.add_all(*socket, room.clone());
        }
        let mut shared = BroadcastOptions::default();
        shared.rooms.push(Room::Owned(room));
        let result = act(shared);
        for socket in selected {
            local.del_all(socket);
        }
        result
    }
}

/// The options that select everybody.
pub(super) fn everyone() -> BroadcastOptions {
    let mut everyone = BroadcastOptions::default();
    everyone.add_flag(BroadcastFlags::Broadcast);
    everyone
}

/// The id of a socket, as its client sees it.
pub(super) fn id_of(socket: Sid, reach: &Reach) -> String {
    match reach {
        Reach::Channel => socket.to_string(),
        Reach::Recipient(recipient) => recipient.socket_id().to_owned(),
    }
}

/// Sends through the channel that the server has for one socket.
pub(super) fn send<E: SocketEmitter>(
    local: &CoreLocalAdapter<E>,
    socket: Sid,
    packet: Packet,
) -> Result<(), SendError> {
    use socketioxide_core::adapter::errors::SocketError;

    let sent = local.broadcast(packet, BroadcastOptions::new(socket));
    match sent.map_err(|errors| errors.into_iter().next()) {
        Ok(()) | Err(None) => Ok(()),
        Err(Some(SocketError::InternalChannelFull)) => Err(SendError::Full),
        Err(Some(SocketError::Closed)) => Err(SendError::Closed),
    }
}

/// Volatile events go in their turn, too: the server's own way for them keeps the newest only, and lets it overtake.
fn through_server<E: SocketEmitter>(
    local: &CoreLocalAdapter<E>,
    packet: Packet,
    options: BroadcastOptions,
) -> Delivered {
    use socketioxide_core::adapter::errors::SocketError;

    let mut selected = BroadcastOptions::default();
    if options.has_flag(BroadcastFlags::Broadcast) {
        selected.add_flag(BroadcastFlags::Broadcast);
    }
    selected.rooms = options.rooms;
    selected.except = options.except;
    selected.sid = options.sid;
    let recipients = local.sockets(selected.clone()).len();
    let errors = local.broadcast(packet, selected).err().unwrap_or_default();
    let full = |error: &&SocketError| matches!(error, SocketError::InternalChannelFull);
    Delivered {
        recipients,
        overflowed: errors.iter().filter(full).count(),
    }
}

fn lock(index: &Mutex<Index<Reach>>) -> MutexGuard<'_, Index<Reach>> {
    // Between any two statements the index is whole but for the one socket in hand, which is no reason to stop.
    index.lock().unwrap_or_else(PoisonError::into_inner)
}
