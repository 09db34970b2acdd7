//! What this node asks of the sockets of all nodes: done here at once, and asked of the others in the order of the calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::de::IgnoredAny;
use socketioxide_core::{
    Sid,
    adapter::{BroadcastOptions, SocketEmitter},
    packet::{Packet, PacketData},
};
use tokio::time::Instant;

use super::{
    acks::{self, RemoteAcks},
    answering::MOST_PATIENCE,
    members::{self, Reach},
    options::targets,
    space::Space,
};
use crate::{
    dialect::Dialect,
    error::{BroadcastError, SendError},
    gather::Missing,
    namespace::{
        Asked, Asking, Gathered, Gathering, Joining, LocalNamespace, Prepared, ServerSide,
    },
    recipient::Emission,
    remote::RemoteSocket,
    wire::{Answer, DecodeError, EncodeError, Form, Question, Request, Targets},
};

impl<E: SocketEmitter> LocalNamespace for Space<E> {
    fn uid(&self) -> &str {
        &self.uid
    }

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
        self.remove(socket, rooms);
    }

    fn hold(&self, room: &str) -> Joining {
        self.subscribe(room)
    }

    fn release(&self, room: &str) {
        self.unsubscribe(room);
    }

    fn rooms(&self, socket: Sid) -> Vec<String> {
        self.members.rooms_of(&self.local, socket)
    }

    fn rooms_with(&self, socket: Sid, more: &[String]) -> usize {
        self.members.rooms_with(&self.local, socket, more)
    }

    fn is_connected(&self, socket: Sid) -> bool {
        let one = BroadcastOptions::new(socket);
        !self.local.fetch_sockets(one).is_empty()
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

    fn prepare(
        self: Arc<Self>,
        packet: Packet,
        options: BroadcastOptions,
    ) -> Result<Prepared, BroadcastError> {
        let message = self.message(&packet, &options)?;
        Ok(Box::new(move || self.send_out(packet, options, message)))
    }

    fn ask(
        &self,
        packet: Packet,
        options: BroadcastOptions,
        timeout: Duration,
    ) -> Result<Asking, BroadcastError> {
        let (here, mut elsewhere) = self.asked(packet, options, Some(timeout))?;
        Ok(Box::pin(async move {
            let mut here = pin!(here);
            let mut asked = Asked::default();
            loop {
                tokio::select! {
                    Some((_, answer)) = here.next() => match answer {
                        Ok(values) => asked.answers.push(values),
                        Err(_) => asked.silent += 1,
                    },
                    Some(values) = acks::next(&mut elsewhere) => asked.answers.extend(values),
                    else => break,
                }
            }
            if let Some(elsewhere) = elsewhere {
                asked.silent += elsewhere.question().silent();
                asked.missing = elsewhere.question().missing();
            }
            asked
        }))
    }

    fn sockets_join(
        &self,
        options: BroadcastOptions,
        rooms: Vec<String>,
    ) -> Result<Joining, BroadcastError> {
        let told = self.told(&options, |targets| Question::Join {
            targets,
            rooms: rooms.clone(),
            of_one: false,
        })?;
        let joining = self.add_selected(options, &rooms);
        if told.is_some() {
            self.fresh.add(&rooms, Instant::now());
        }
        self.tell(told);
        Ok(joining)
    }

    fn sockets_leave(
        &self,
        options: BroadcastOptions,
        rooms: Vec<String>,
    ) -> Result<(), BroadcastError> {
        let told = self.told(&options, |targets| Question::Leave {
            targets,
            rooms: rooms.clone(),
            of_one: false,
        })?;
        self.remove_selected(options, &rooms);
        self.tell(told);
        Ok(())
    }

    fn disconnect_sockets(
        &self,
        options: BroadcastOptions,
        close: bool,
    ) -> Result<(), BroadcastError> {
        let told = self.told(&options, |targets| Question::Disconnect {
            targets,
            close,
            of_one: false,
        })?;
        self.disconnect_selected(options, close);
        self.tell(told);
        Ok(())
    }

    fn fetch_sockets(
        self: Arc<Self>,
        options: BroadcastOptions,
    ) -> Result<Gathering<Vec<RemoteSocket>>, BroadcastError> {
        let question = self.fetching(&options, Form::Sockets)?;
        Ok(Box::pin(async move {
            let mut sockets = self.describe(options).await;
            let missing = self.sockets_elsewhere(question, &mut sockets).await;
            Gathered {
                value: sockets,
                missing,
            }
        }))
    }

    fn fetch_page(
        self: Arc<Self>,
        options: BroadcastOptions,
        after: Option<String>,
        limit: usize,
    ) -> Result<Gathering<Vec<RemoteSocket>>, BroadcastError> {
        let form = Form::Page {
            after: after.clone(),
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        };
        let question = self.fetching(&options, form)?;
        Ok(Box::pin(async move {
            let mut sockets = self.page(options, after.as_deref(), limit).await;
            let missing = self.sockets_elsewhere(question, &mut sockets).await;
            // Servers of Node.js list all that they have.
            sockets.retain(|socket| after.as_ref().is_none_or(|after| socket.id > *after));
            sockets.sort_by(|one, other| one.id.cmp(&other.id));
            sockets.truncate(limit);
            Gathered {
                value: sockets,
                missing,
            }
        }))
    }

    fn room_sizes(self: Arc<Self>) -> Gathering<BTreeMap<String, usize>> {
        let question = self.fetching(&members::everyone(), Form::Sizes);
        Box::pin(async move {
            let mut sizes = self.sizes();
            // A request without parts can always be written.
            let (answers, missing) = self
                .gathered(question.ok().flatten(), |answer| match answer {
                    Answer::Sizes(text) => serde_json::from_str(&text).ok(),
                    Answer::Sockets(text) => serde_json::from_str::<Vec<RemoteSocket>>(&text)
                        .ok()
                        .map(sizes_of),
                    _ => None,
                })
                .await;
            for (room, size) in answers.into_iter().flatten() {
                let sum = sizes.entry(room).or_default();
                *sum = sum.saturating_add(size);
            }
            Gathered {
                value: sizes,
                missing,
            }
        })
    }

    fn count(
        self: Arc<Self>,
        options: BroadcastOptions,
    ) -> Result<Gathering<usize>, BroadcastError> {
        let question = self.fetching(&options, Form::Count)?;
        Ok(Box::pin(async move {
            let here = self.members.selected(&self.local, options).len();
            let (counts, missing) = self
                .gathered(question, |answer| match answer {
                    Answer::Count(count) => usize::try_from(count).ok(),
                    Answer::Sockets(text) => {
                        let list = serde_json::from_str::<Vec<IgnoredAny>>(&text);
                        list.ok().map(|list| list.len())
                    }
                    _ => None,
                })
                .await;
            Gathered {
                value: counts.into_iter().fold(here, usize::saturating_add),
                missing,
            }
        }))
    }

    fn all_rooms(self: Arc<Self>) -> Gathering<BTreeSet<String>> {
        if self.cluster.dialect().is_sharded() {
            return self.rooms_of_sockets();
        }
        let question = self.ask_all(Question::Rooms, None);
        Box::pin(async move {
            let here = self.members.all_rooms(&self.local);
            let mut rooms = BTreeSet::from_iter(here);
            // A request without parts can always be written.
            let (lists, missing) = self
                .gathered(question.ok(), |answer| match answer {
                    Answer::Rooms(rooms) => Some(rooms),
                    _ => None,
                })
                .await;
            rooms.extend(lists.into_iter().flatten());
            Gathered {
                value: rooms,
                missing,
            }
        })
    }

    fn server_side_emit(&self, event: String) -> Result<(), BroadcastError> {
        if self.cluster.is_alone() {
            return Ok(());
        }
        let request = self.request(None, Question::ServerSideEmit { data: event });
        let payload = self.encoded(&request)?;
        self.tell(Some(payload));
        Ok(())
    }

    fn server_side_ask(
        self: Arc<Self>,
        event: String,
        timeout: Duration,
    ) -> Result<Gathering<Vec<Option<String>>>, BroadcastError> {
        let question = if self.cluster.is_alone() {
            None
        } else {
            Some(self.ask_all(Question::ServerSideEmit { data: event }, Some(timeout))?)
        };
        Ok(Box::pin(async move {
            let (value, missing) = self
                .gathered(question, |answer| match answer {
                    Answer::Value(value) => Some(value),
                    _ => None,
                })
                .await;
            Gathered { value, missing }
        }))
    }

    fn on_server_side(&self, application: Arc<dyn ServerSide>) {
        self.set_application(application);
    }

    fn apply(self: Arc<Self>, room: Option<&str>, payload: &Bytes) -> Result<(), DecodeError> {
        match self.cluster.dialect() {
            Dialect::Classic => self.receive(room, payload),
            Dialect::Sharded { .. } => self.hear(room, payload),
        }
    }

    fn requested(self: Arc<Self>, payload: &Bytes) -> Result<(), DecodeError> {
        self.take_request(payload)
    }
}

/// The rooms of these sockets and how many each has, those of their own ids left out.
fn sizes_of(sockets: Vec<RemoteSocket>) -> BTreeMap<String, usize> {
    let mut sizes = BTreeMap::new();
    for socket in sockets {
        for room in socket.rooms {
            if room != socket.id {
                *sizes.entry(room).or_default() += 1;
            }
        }
    }
    sizes
}

/// A question whose answers come from other nodes.
type Elsewhere = Pin<Box<dyn Future<Output = (Vec<Bytes>, Missing)> + Send>>;

impl<E: SocketEmitter> Space<E> {
    fn request<'a>(&self, id: Option<String>, question: Question<'a>) -> Request<'a> {
        Request {
            uid: Some(self.uid.clone()),
            id,
            question,
        }
    }

    /// The request to do something to the selected sockets, unless other nodes have nothing to do with it.
    fn told(
        &self,
        options: &BroadcastOptions,
        what: impl FnOnce(Targets) -> Question<'static>,
    ) -> Result<Option<Bytes>, EncodeError> {
        if self.is_local(options) {
            return Ok(None);
        }
        let request = self.request(None, what(targets(options)));
        self.encoded(&request).map(Some)
    }

    fn encoded(&self, request: &Request<'_>) -> Result<Bytes, EncodeError> {
        let dialect = self.cluster.dialect();
        dialect.request(&self.uid, &self.name, request)
    }

    /// Sends a request, behind all that was broadcast before.
    fn tell(&self, request: Option<Bytes>) {
        if let Some(payload) = request {
            let key = &self.cluster.config().key;
            let dialect = self.cluster.dialect();
            let channel = dialect.requests(key, &self.name);
            // What went to rooms before may be on another way there.
            self.cluster
                .outbox()
                .push(channel, payload, dialect.is_sharded());
        }
    }

    /// The question for the selected sockets, unless other nodes have nothing to do with them.
    fn fetching(
        self: &Arc<Self>,
        options: &BroadcastOptions,
        form: Form,
    ) -> Result<Option<Elsewhere>, EncodeError> {
        if self.is_local(options) {
            return Ok(None);
        }
        let targets = targets(options);
        self.ask_all(Question::Fetch { targets, form }, None)
            .map(Some)
    }

    /// Asks every other server; resolves once all have answered or are gone, or after `timeout`, which is the configured
    /// time where it is not given.
    fn ask_all(
        self: &Arc<Self>,
        question: Question<'static>,
        timeout: Option<Duration>,
    ) -> Result<Elsewhere, EncodeError> {
        let id = self.cluster.dialect().id();
        let payload = self.encoded(&self.request(Some(id.clone()), question))?;
        let space = self.clone();
        Ok(Box::pin(async move {
            let cluster = &space.cluster;
            let timeout = timeout.unwrap_or(cluster.config().request_timeout);
            let deadline = Instant::now() + timeout.min(MOST_PATIENCE);
            if cluster.is_alone() {
                return Default::default();
            }
            let census = cluster.census(&space.name, &space.uid, deadline).await;
            let open = cluster.open_question(id);
            let Some(census) = census else {
                // Nobody can be asked, so nobody will answer.
                open.expect_heard(&space.name);
                return (Vec::new(), open.missing());
            };
            let is_anybody = !census.named.is_empty() || census.others > 0;
            open.expect(census);
            if !is_anybody {
                return (Vec::new(), open.missing());
            }
            space.tell(Some(payload));
            // What has come by then is the answer, and who is missing is told.
            let _ = tokio::time::timeout_at(deadline, open.done()).await;
            (open.take(), open.missing())
        }))
    }

    /// What was answered elsewhere, as `read` reads it. What cannot be read is no answer, and neither is one to another question.
    async fn gathered<T>(
        &self,
        question: Option<Elsewhere>,
        read: impl Fn(Answer<'_>) -> Option<T> + Send,
    ) -> (Vec<T>, Missing) {
        let Some(question) = question else {
            return (Vec::new(), Missing::default());
        };
        let (messages, mut missing) = question.await;
        let dialect = self.cluster.dialect();
        let answers = messages
            .iter()
            .map(|message| dialect.answer(message).ok().and_then(&read));
        let answers: Vec<Option<T>> = answers.collect();
        missing.others += answers.iter().filter(|answer| answer.is_none()).count();
        (answers.into_iter().flatten().collect(), missing)
    }

    /// Adds the sockets that were described elsewhere.
    async fn sockets_elsewhere(
        &self,
        question: Option<Elsewhere>,
        sockets: &mut Vec<RemoteSocket>,
    ) -> Missing {
        let (lists, missing) = self
            .gathered(question, |answer| match answer {
                Answer::Sockets(text) => serde_json::from_str::<Vec<RemoteSocket>>(&text).ok(),
                _ => None,
            })
            .await;
        sockets.extend(lists.into_iter().flatten());
        missing
    }

    /// All rooms, where nobody can be asked for them: those of all sockets.
    fn rooms_of_sockets(self: Arc<Self>) -> Gathering<BTreeSet<String>> {
        let fetching = LocalNamespace::fetch_sockets(self, members::everyone());
        Box::pin(async move {
            // Options without rooms can always be written.
            let Ok(fetching) = fetching else {
                return Gathered::default();
            };
            let Gathered { value, missing } = fetching.await;
            let rooms = value.into_iter().flat_map(|socket| socket.rooms);
            Gathered {
                value: rooms.collect(),
                missing,
            }
        })
    }

    /// Sends an event that is to be acknowledged: the acks of sockets of this node, and, where other nodes are asked,
    /// those of theirs.
    pub(super) fn asked(
        &self,
        packet: Packet,
        options: BroadcastOptions,
        timeout: Option<Duration>,
    ) -> Result<(E::AckStream, Option<RemoteAcks>), BroadcastError> {
        let timeout = timeout.map(|timeout| timeout.min(MOST_PATIENCE));
        let limit = timeout.unwrap_or_else(|| self.local.ack_timeout());
        let id = self.cluster.dialect().id();
        let payload = match &packet.inner {
            PacketData::Event(data, _) | PacketData::BinaryEvent(data, _)
                if !self.is_local(&options) =>
            {
                let mut targets = targets(&options);
                targets.flags.timeout = Some(limit);
                targets.flags.trace = self.cluster.observer().trace();
                let dialect = self.cluster.dialect();
                Some(dialect.ask(&self.uid, &id, &self.name, data, &targets)?)
            }
            _ => None,
        };
        let (here, _) = self.members.ask(&self.local, packet, options, timeout);
        let Some(payload) = payload else {
            return Ok((here, None));
        };
        // Open before it is asked, so that no answer is missed.
        let question = self.cluster.open_question(id);
        self.tell(Some(payload));
        let elsewhere = RemoteAcks::new(self, question, Instant::now() + limit);
        Ok((here, Some(elsewhere)))
    }
}
