//! Before the first message: every client gets somebody who drives it, and a seat in its room.

use std::process;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::Fanout;
use super::member::{JOIN_ID, Member};
use super::publisher::Publisher;
use super::run::Run;
use crate::client::CloseReason;
use crate::client::driver::{Command, Handle, Opened};
use crate::client::engine::Frame;
use crate::client::packet::{Body, Packet};
use crate::scenario::cluster::{Crowd, EventNames};

/// Clients that are in their rooms.
pub(super) struct Joined {
    /// Dropping a handle ends its client.
    pub(super) handles: Vec<Handle>,
    pub(super) publishers: Vec<Arc<Publisher>>,
    /// What drives the clients; each gives its member back when it ends.
    pub(super) members: JoinSet<(Member, CloseReason)>,
}

impl Fanout {
    /// Has every client join its room, and waits for all acks.
    pub(super) async fn join(&self, crowd: Crowd, run: &Arc<Run>) -> anyhow::Result<Joined> {
        let names = room_names(self.rooms as usize);
        let mut joined = Joined {
            handles: Vec::new(),
            publishers: Vec::new(),
            members: JoinSet::new(),
        };
        let mut acks = Vec::new();
        for (client, opened) in crowd.clients.into_iter().enumerate() {
            let name = &names[client % names.len()];
            acks.push(self.seat(&mut joined, client, opened, name, run).await);
        }
        let deadline = Instant::now() + self.cluster.connect_timeout;
        for (client, ack) in acks.into_iter().enumerate() {
            let context = || {
                let stray = run.totals().stray.clone();
                let came =
                    stray.map_or_else(String::new, |event| format!(" (instead came {event})"));
                format!("joining client {} to its room{came}", client + 1)
            };
            timeout_at(deadline, ack)
                .await
                .with_context(|| format!("no ack within {:?}", self.cluster.connect_timeout))
                .with_context(context)?
                .context("the connection ended, or the ack does not say that the room is joined")
                .with_context(context)?;
        }
        Ok(joined)
    }

    /// Has one client driven, and asks for its room. What comes back is told when the room is joined.
    async fn seat(
        &self,
        joined: &mut Joined,
        client: usize,
        opened: Opened,
        name: &str,
        run: &Arc<Run>,
    ) -> oneshot::Receiver<()> {
        let events = EventNames::default();
        let (rooms, publishers) = (self.rooms as usize, self.publishers() as usize);
        let (handle, driver) = opened.into_parts();
        let (told, ack) = oneshot::channel();
        let event = &events.room_message;
        let mut member = Member::new(
            client % rooms,
            rooms,
            publishers,
            event,
            told,
            Arc::clone(run),
        );
        if client < publishers {
            let event = &events.send_to_room;
            let publisher = Publisher::new(client, event, name, handle.commands(), Arc::clone(run));
            let publisher = Arc::new(publisher);
            if self.in_flight.is_some() {
                member.publish_on_return(Arc::clone(&publisher));
            }
            joined.publishers.push(publisher);
        }
        joined.members.spawn(async move {
            let reason = driver.run(&mut member).await;
            (member, reason)
        });
        let body = Body::Event {
            id: Some(JOIN_ID),
            name: events.join_room,
            args: vec![name.into()],
        };
        let command = Command::Send {
            packet: Frame::message(&Packet::new("/", body).encode()),
            attachments: Vec::new(),
            written: None,
        };
        // A connection that has ended shows where its ack is missing.
        handle.send(command).await;
        joined.handles.push(handle);
        ack
    }
}

/// Names that no other run uses at the same time on the same cluster.
fn room_names(rooms: usize) -> Vec<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let run = format!(
        "{:x}-{:x}",
        process::id(),
        now.unwrap_or_default().as_micros()
    );
    (0..rooms)
        .map(|room| format!("fanout-{run}-{room}"))
        .collect()
}
