//! What other nodes ask of the sockets of this one.

use std::{
    collections::{BTreeMap, HashSet},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt as _;
use socketioxide_core::{
    Sid,
    adapter::{BroadcastOptions, SocketEmitter},
};

use super::{
    members::{self, Reach, id_of},
    options::options,
    space::Space,
};
use tokio::time::Instant;

use crate::{
    channel,
    observer::DropCause,
    remote::{Profile, RemoteHandshake, RemoteSocket},
    wire::{self, Answer, DecodeError, Form, Question, Request, Response, Said},
};

/// Sockets that are described without a pause, in well under a millisecond.
const WITHOUT_PAUSE: usize = 64;

/// How long an asker can have an ack awaited at most, whatever it says.
pub(super) const MOST_PATIENCE: Duration = Duration::from_secs(3600);

/// Where an answer goes.
#[derive(Clone)]
struct ReplyTo {
    channel: String,
    id: String,
    /// Who answers, for those who know what to do with it.
    uid: Option<String>,
}

impl<E: SocketEmitter> Space<E> {
    /// Does what another node asks for: at once what changes sockets, in its turn what wants an answer.
    pub(super) fn take_request(self: Arc<Self>, payload: &Bytes) -> Result<(), DecodeError> {
        let message = wire::unified(payload)?;
        let Some(request) = wire::decode_request(&message)? else {
            return Err(DecodeError::UnknownType(None));
        };
        // What this node asks, it has done itself.
        if request.uid.as_deref() != Some(&self.uid) {
            self.do_for(request);
        }
        Ok(())
    }

    /// Takes any message of the sharded wire, where all come on the same channels.
    pub(super) fn hear(
        self: Arc<Self>,
        room: Option<&str>,
        payload: &Bytes,
    ) -> Result<(), DecodeError> {
        if room == Some(&self.uid) {
            return self.cluster.take_response(payload);
        }
        if room.is_some_and(|room| !room.is_empty() && !self.is_occupied(room)) {
            return Ok(());
        }
        let message = wire::unified(payload)?;
        let Some(envelope) = wire::decode_sharded(&message)? else {
            return Err(DecodeError::UnknownType(None));
        };
        if envelope.uid.as_deref() == Some(&self.uid) || envelope.namespace != self.name {
            return Ok(());
        }
        match envelope.said {
            Said::Broadcast { data, targets } => self.deliver_remote(&data, targets),
            Said::Asked(id, question) => self.do_for(Request {
                uid: envelope.uid,
                id,
                question,
            }),
            // Answers come on the channel of who has asked.
            Said::Answered(..) => {}
        }
        Ok(())
    }

    /// Does what another node asks for.
    fn do_for(self: Arc<Self>, request: Request<'_>) {
        let reply = self.reply_to(&request);
        let asker = request.uid.as_deref();
        let is_ours = asker.is_some_and(|uid| self.cluster.peers().knows(&self.name, uid));
        if !is_ours && let Question::Join { .. } = request.question {
            self.cluster.meets_others(&self.name);
        }
        match request.question {
            Question::Join {
                targets,
                rooms,
                of_one,
            } => {
                let selected = self.to_change(targets, of_one, reply.as_ref());
                // Who asked does not wait for it.
                drop(self.add_selected(selected, &rooms));
            }
            Question::Leave {
                targets,
                rooms,
                of_one,
            } => {
                let selected = self.to_change(targets, of_one, reply.as_ref());
                self.remove_selected(selected, &rooms);
            }
            Question::Disconnect {
                targets,
                close,
                of_one,
            } => {
                let selected = self.to_change(targets, of_one, reply.as_ref());
                self.disconnect_selected(selected, close);
            }
            Question::Broadcast {
                namespace,
                data,
                targets,
            } if namespace == self.name => {
                let patience = targets.flags.timeout;
                let traced = targets.flags.trace.map(|trace| (trace, Instant::now()));
                let packet = self.packet(&data);
                if let Some(reply) = reply {
                    self.clone()
                        .hand_on(packet, options(targets), patience, reply);
                }
                if let Some((trace, came)) = traced {
                    self.cluster.observer().traced(trace, came, &self.name);
                }
            }
            Question::Broadcast { .. } => {}
            Question::ServerSideEmit { data } => self.hand_to_application(data, reply),
            Question::Rooms => self.answer(reply, async |space| {
                Answer::Rooms(space.members.all_rooms(&space.local))
            }),
            Question::Sockets { rooms } => self.answer(reply, async |space| {
                let targets = wire::Targets {
                    rooms,
                    ..wire::Targets::default()
                };
                let sockets = space.describe(options(targets)).await;
                let ids: Vec<_> = sockets.into_iter().map(|socket| socket.id).collect();
                Answer::Sockets(json(&ids))
            }),
            Question::Fetch { targets, form } => self.answer(reply, async move |space| {
                let selected = options(targets);
                match form {
                    Form::Sockets => Answer::Sockets(json(&space.describe(selected).await)),
                    Form::Count => {
                        Answer::Count(space.members.selected(&space.local, selected).len() as u64)
                    }
                    Form::Sizes => Answer::Sizes(json(&space.sizes())),
                    Form::Page { after, limit } => {
                        let page = space.page(selected, after.as_deref(), limit as usize);
                        Answer::Sockets(json(&page.await))
                    }
                }
            }),
        }
    }

    /// The selected sockets of this node, as other nodes see them.
    pub(super) async fn describe(&self, options: BroadcastOptions) -> Vec<RemoteSocket> {
        let selected = self.members.reached(&self.local, options);
        self.described(selected).await
    }

    /// The first of them behind the id `after`, in the order of their ids.
    pub(super) async fn page(
        &self,
        options: BroadcastOptions,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<RemoteSocket> {
        let selected = self.members.reached(&self.local, options).into_iter();
        let mut selected: Vec<_> = selected
            .map(|(socket, reach)| (id_of(socket, &reach), socket, reach))
            .filter(|(id, ..)| after.is_none_or(|after| &**id > after))
            .collect();
        if selected.len() > limit {
            selected.select_nth_unstable_by(limit, |(one, ..), (other, ..)| one.cmp(other));
            selected.truncate(limit);
        }
        selected.sort_by(|(one, ..), (other, ..)| one.cmp(other));
        let page = selected.into_iter();
        self.described(page.map(|(_, socket, reach)| (socket, reach)).collect())
            .await
    }

    /// The rooms of this node and how many sockets each has, those of the sockets' own ids left out.
    pub(super) fn sizes(&self) -> BTreeMap<String, usize> {
        let everybody = self.members.reached(&self.local, members::everyone());
        let own: HashSet<String> = everybody
            .iter()
            .map(|(socket, reach)| id_of(*socket, reach))
            .collect();
        let rooms = self.members.room_sizes(&self.local).into_iter();
        rooms.filter(|(room, _)| !own.contains(room)).collect()
    }

    async fn described(&self, selected: Vec<(Sid, Reach)>) -> Vec<RemoteSocket> {
        let node = self.cluster.node_id();
        let mut sockets = Vec::with_capacity(selected.len());
        for (socket, reach) in selected {
            let rooms = self.members.rooms_of(&self.local, socket);
            // None for one that has gone meanwhile.
            if !rooms.is_empty() {
                sockets.push(RemoteSocket::new(node, profile(socket, &reach), rooms));
            }
            if sockets.len() % WITHOUT_PAUSE == 0 {
                tokio::task::yield_now().await;
            }
        }
        sockets
    }

    fn reply_to(&self, request: &Request<'_>) -> Option<ReplyTo> {
        let key = &self.cluster.config().key;
        let id = request.id.clone()?;
        let Some(uid) = &request.uid else {
            return Some(ReplyTo {
                channel: channel::response(key, &self.name),
                id,
                uid: None,
            });
        };
        let is_ours = self.cluster.peers().knows(&self.name, uid);
        Some(ReplyTo {
            channel: self.cluster.dialect().responses_to(key, &self.name, uid),
            id,
            uid: is_ours.then(|| self.uid.clone()),
        })
    }

    /// The sockets that a request is to change. Its old form is answered, by the node that has the socket.
    fn to_change(
        &self,
        targets: wire::Targets,
        of_one: bool,
        reply: Option<&ReplyTo>,
    ) -> BroadcastOptions {
        let selected = options(targets);
        if let Some(reply) = reply
            && of_one
            && !self
                .members
                .selected(&self.local, selected.clone())
                .is_empty()
        {
            self.reply(reply, Answer::Done);
        }
        selected
    }

    /// Answers in its turn; not at all where no answer is wanted.
    fn answer<Work>(
        self: Arc<Self>,
        reply: Option<ReplyTo>,
        work: impl FnOnce(Arc<Self>) -> Work + Send + 'static,
    ) where
        Work: Future<Output = Answer<'static>> + Send,
    {
        let Some(reply) = reply else { return };
        let cluster = self.cluster.clone();
        cluster.answer(async move {
            let answer = work(self.clone()).await;
            if let Some(payload) = self.written(&reply, answer) {
                // Past the outbox: it may be larger than all that may wait there.
                self.cluster.publish(reply.channel, payload).await;
            }
        });
    }

    /// Sends an event to the selected sockets, says how many they are, and hands on their acks.
    fn hand_on(
        self: Arc<Self>,
        packet: socketioxide_core::packet::Packet,
        options: BroadcastOptions,
        patience: Option<Duration>,
        reply: ReplyTo,
    ) {
        let patience = patience
            .unwrap_or(self.cluster.config().request_timeout)
            .min(MOST_PATIENCE);
        let (acks, clients) = self
            .members
            .ask(&self.local, packet, options, Some(patience));
        self.cluster.observer().delivered(clients as usize);
        self.reply(&reply, Answer::Clients(clients.into()));
        if clients == 0 {
            return;
        }
        let cluster = self.cluster.clone();
        cluster.attend(async move {
            let mut acks = pin!(acks);
            while let Some((_, ack)) = acks.next().await {
                if let Ok(values) = ack {
                    let value = wire::first_of(&values);
                    self.reply(&reply, Answer::Ack(value.as_deref()));
                }
            }
        });
    }

    fn hand_to_application(self: Arc<Self>, event: String, reply: Option<ReplyTo>) {
        let Some(application) = self.application() else {
            // Nobody has anything to say, which ends the asker's wait; Node's servers keep silent until its time is up.
            if let Some(reply) = reply {
                self.reply(&reply, Answer::Value(None));
            }
            return;
        };
        let handling = application.handle(event, reply.is_some());
        let cluster = self.cluster.clone();
        let Some(reply) = reply else {
            return cluster.attend(async move {
                handling.await;
            });
        };
        let patience = self.cluster.config().request_timeout;
        cluster.attend(async move {
            // Nobody waits any longer, and the asker is told who is missing.
            if let Ok(value) = tokio::time::timeout(patience, handling).await {
                self.reply(&reply, Answer::Value(value));
            }
        });
    }

    /// Sends a small answer, behind all that was broadcast before.
    fn reply(&self, reply: &ReplyTo, answer: Answer<'_>) {
        if let Some(payload) = self.written(reply, answer) {
            self.cluster
                .outbox()
                .push(reply.channel.clone(), payload, false);
        }
    }

    fn written(&self, reply: &ReplyTo, answer: Answer<'_>) -> Option<Bytes> {
        let response = Response {
            id: reply.id.clone(),
            uid: reply.uid.clone(),
            answer,
        };
        let dialect = self.cluster.dialect();
        match dialect.response(&self.uid, &self.name, &response) {
            Ok(payload) => Some(payload),
            Err(error) => {
                tracing::warn!(
                    namespace = self.name,
                    %error,
                    "an answer to another node cannot be sent; if it is too large, ask about fewer sockets at a time"
                );
                self.cluster.observer().dropped(DropCause::TooLarge, 1);
                None
            }
        }
    }
}

fn profile(socket: Sid, reach: &Reach) -> Profile {
    match reach {
        Reach::Recipient(recipient) => recipient.profile(),
        // The server does not tell how it connected.
        Reach::Channel => Profile {
            id: socket.to_string(),
            handshake: RemoteHandshake::at(0),
            data: serde_json::Value::Null,
        },
    }
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("its keys are texts, and none of its parts fails")
}
