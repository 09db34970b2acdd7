//! The adapter of one namespace: socketioxide's contract, kept for the whole cluster.

mod acks;
mod answering;
mod asking;
mod fresh;
mod init;
mod members;
mod options;
mod space;

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::FusedStream};
use socketioxide_core::{
    Sid,
    adapter::{
        AckStreamItem, BroadcastOptions, CoreAdapter, CoreLocalAdapter, DefinedAdapter,
        RemoteSocketData, Room, RoomParam, SocketEmitter,
        errors::{AdapterError, BroadcastError as CoreBroadcastError},
    },
    packet::Packet,
};

pub use init::Init;
pub(crate) use members::Reach;

use crate::{cluster::Cluster, error::BroadcastError, namespace::LocalNamespace};
use space::Space;

/// An adapter that makes rooms and broadcasts reach the sockets of all nodes.
///
/// Everything is about the sockets of all nodes, but for `fetch_sockets`, whose type has no place for the ids and handshakes
/// of other servers: it is about this node, and [`Namespace::fetch_sockets`](crate::Namespace::fetch_sockets) about all.
pub struct ClusterAdapter<E> {
    space: Arc<Space<E>>,
}

/// Why an operation on the cluster failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct AdapterFailure(#[from] BroadcastError);

impl From<AdapterFailure> for AdapterError {
    fn from(failure: AdapterFailure) -> Self {
        Self(Box::new(failure))
    }
}

impl<E: SocketEmitter> CoreAdapter<E> for ClusterAdapter<E> {
    type Error = AdapterFailure;
    type State = Cluster;
    /// Acks of clients of this node as they come, and those of other nodes with [`Sid::ZERO`], for it is not known whose
    /// they are. It ends when all have come, or at the timeout.
    type AckStream = std::pin::Pin<Box<dyn FusedStream<Item = AckStreamItem<E::AckError>> + Send>>;
    type InitRes = Init;

    fn new(cluster: &Cluster, local: CoreLocalAdapter<E>) -> Self {
        Self {
            space: Arc::new(Space::new(cluster.clone(), local)),
        }
    }

    fn init(self: Arc<Self>, on_success: impl FnOnce() + Send + 'static) -> Init {
        let space = &self.space;
        let confirmation = space.cluster.attach(&space.name, space.clone());
        // Before the first client gets its CONNECT answer, or it misses broadcasts.
        Init::new(async move {
            confirmation.wait().await;
            on_success();
        })
    }

    async fn close(&self) -> Result<(), AdapterFailure> {
        self.space.close();
        Ok(())
    }

    async fn broadcast(
        &self,
        packet: Packet,
        options: BroadcastOptions,
    ) -> Result<(), CoreBroadcastError> {
        let sent = LocalNamespace::broadcast(&*self.space, packet, options);
        sent.map_err(|error| AdapterError(Box::new(error)).into())
    }

    async fn broadcast_with_ack(
        &self,
        packet: Packet,
        options: BroadcastOptions,
        timeout: Option<Duration>,
    ) -> Result<Self::AckStream, AdapterFailure> {
        let (here, elsewhere) = self.space.asked(packet, options, timeout)?;
        let Some(elsewhere) = elsewhere else {
            return Ok(Box::pin(here));
        };
        let elsewhere = futures_util::stream::unfold(elsewhere, async |mut acks| {
            let values = acks.next().await?;
            Some((futures_util::stream::iter(values), acks))
        });
        let elsewhere = elsewhere.flatten().map(|value| (Sid::ZERO, Ok(value)));
        Ok(Box::pin(
            futures_util::stream::select(here, elsewhere).fuse(),
        ))
    }

    async fn add_sockets(
        &self,
        options: BroadcastOptions,
        rooms: impl RoomParam,
    ) -> Result<(), AdapterFailure> {
        self.space.sockets_join(options, names(rooms))?.await;
        Ok(())
    }

    async fn del_sockets(
        &self,
        options: BroadcastOptions,
        rooms: impl RoomParam,
    ) -> Result<(), AdapterFailure> {
        Ok(self.space.sockets_leave(options, names(rooms))?)
    }

    async fn disconnect_socket(&self, options: BroadcastOptions) -> Result<(), CoreBroadcastError> {
        let told = self.space.disconnect_sockets(options, false);
        told.map_err(|error| AdapterError(Box::new(error)).into())
    }

    async fn rooms(&self, options: BroadcastOptions) -> Result<Vec<Room>, AdapterFailure> {
        let sockets = self.space.clone().fetch_sockets(options)?.await;
        let rooms = sockets.value.into_iter().flat_map(|socket| socket.rooms);
        let rooms: std::collections::BTreeSet<_> = rooms.collect();
        Ok(rooms.into_iter().map(Room::Owned).collect())
    }

    async fn fetch_sockets(
        &self,
        options: BroadcastOptions,
    ) -> Result<Vec<RemoteSocketData>, AdapterFailure> {
        Ok(self.space.local_sockets(options))
    }

    fn get_local(&self) -> &CoreLocalAdapter<E> {
        &self.space.local
    }
}

impl<E> DefinedAdapter for ClusterAdapter<E> {}

fn names(rooms: impl RoomParam) -> Vec<String> {
    rooms.into_room_iter().map(Room::into_owned).collect()
}
