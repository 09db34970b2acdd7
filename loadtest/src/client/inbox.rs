//! What has come in and nobody has read: events by name, acks by id, and the end of the connection.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use super::driver::Inbound;
use super::error::CloseReason;
use super::packet::{Body, Decoder, Packet};
use super::{Ack, Event};

/// What a client and the driver of its connection both hold.
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Told of every change; whoever waits subscribes before looking.
    changed: watch::Sender<()>,
    capacity: usize,
}

struct State {
    events: VecDeque<Event>,
    /// Kept until the ack comes, even if nobody waits for it any more: an ack that is not here is one too many.
    acks: HashMap<u64, oneshot::Sender<Ack>>,
    next_id: u64,
    closed: Option<CloseReason>,
}

/// Turns packets into what the inbox keeps.
pub(super) struct Intake {
    pub(super) inbox: Arc<Inbox>,
    pub(super) namespace: String,
    decoder: Decoder,
}

impl Inbox {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            state: Mutex::new(State {
                events: VecDeque::new(),
                acks: HashMap::new(),
                next_id: 0,
                closed: None,
            }),
            changed: watch::Sender::new(()),
            capacity,
        }
    }

    /// Takes the oldest event that `wanted` accepts out of the inbox.
    pub(super) fn take(&self, wanted: impl Fn(&Event) -> bool) -> Option<Event> {
        let mut state = self.state();
        let index = state.events.iter().position(wanted)?;
        state.events.remove(index)
    }

    /// Waits for an event that `wanted` accepts; events that came before the end are still given out after it.
    pub(super) async fn event(
        &self,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<Event, CloseReason> {
        let mut changes = self.changed.subscribe();
        loop {
            // Looked at before the events: what came before the end is in the inbox by then.
            let closed = self.closed();
            if let Some(event) = self.take(&wanted) {
                return Ok(event);
            }
            if let Some(reason) = closed {
                return Err(reason);
            }
            // It fails where the inbox is gone, and the inbox is borrowed here.
            let _ = changes.changed().await;
        }
    }

    /// Waits for the end of the connection.
    pub(super) async fn end(&self) -> CloseReason {
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(reason) = self.closed() {
                return reason;
            }
            // It fails where the inbox is gone, and the inbox is borrowed here.
            let _ = changes.changed().await;
        }
    }

    /// A new id, and where its ack will come; the sender of the ack is gone once the connection is.
    pub(super) fn expect_ack(&self) -> (u64, oneshot::Receiver<Ack>) {
        let (answer, ack) = oneshot::channel();
        let mut state = self.state();
        let id = state.next_id;
        state.next_id += 1;
        if state.closed.is_none() {
            state.acks.insert(id, answer);
        }
        (id, ack)
    }

    pub(super) fn close(&self, reason: CloseReason) {
        let mut state = self.state();
        state.closed = Some(reason);
        state.acks.clear();
        drop(state);
        self.changed.send_replace(());
    }

    pub(super) fn closed(&self) -> Option<CloseReason> {
        self.state().closed.clone()
    }

    /// Names of unread events, the first ten.
    pub(super) fn unread(&self) -> Vec<String> {
        let state = self.state();
        let names = state.events.iter().map(|event| event.name.clone());
        names.take(10).collect()
    }

    fn put(&self, event: Event) -> Result<(), CloseReason> {
        let mut state = self.state();
        if state.events.len() == self.capacity {
            return Err(CloseReason::InboxFull(self.capacity));
        }
        state.events.push_back(event);
        drop(state);
        self.changed.send_replace(());
        Ok(())
    }

    fn answer(&self, id: u64, ack: Ack) -> Result<(), CloseReason> {
        let Some(answer) = self.state().acks.remove(&id) else {
            let text = format!("an ack with the id {id}, which is not or no longer awaited");
            return Err(CloseReason::Protocol(text));
        };
        // Whoever asked may have given up since.
        let _: Result<(), Ack> = answer.send(ack);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intake {
    pub(super) fn new(inbox: Arc<Inbox>, namespace: &str) -> Self {
        Self {
            inbox,
            namespace: namespace.to_owned(),
            decoder: Decoder::default(),
        }
    }

    fn packet(&self, packet: Packet) -> Result<(), CloseReason> {
        if packet.namespace != self.namespace {
            let text = format!("a packet for {}, which was not joined", packet.namespace);
            return Err(CloseReason::Protocol(text));
        }
        let attachments = packet.attachments;
        match packet.body {
            Body::Event { id, name, args } => self.inbox.put(Event {
                name,
                args,
                attachments,
                ack: id,
            }),
            Body::Ack { id, args } => self.inbox.answer(id, Ack { args, attachments }),
            Body::Disconnect => Err(CloseReason::ServerDisconnect),
            body @ (Body::Connect(_) | Body::ConnectError(_)) => {
                Err(CloseReason::Protocol(format!("a late {body:?}")))
            }
        }
    }
}

impl Inbound for Intake {
    fn message(&mut self, packet: &str) -> Result<(), CloseReason> {
        match self.decoder.text(packet)? {
            Some(packet) => self.packet(packet),
            None => Ok(()),
        }
    }

    fn binary(&mut self, bytes: Bytes) -> Result<(), CloseReason> {
        match self.decoder.binary(bytes)? {
            Some(packet) => self.packet(packet),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intake(capacity: usize) -> Intake {
        Intake::new(Arc::new(Inbox::new(capacity)), "/")
    }

    #[test]
    fn events_of_other_names_stay_in_their_order() {
        let mut intake = intake(10);
        for packet in [r#"2["a",1]"#, r#"2["b",2]"#, r#"2["a",3]"#] {
            intake.message(packet).unwrap();
        }

        let second = intake.inbox.take(|event| event.name == "b").unwrap();

        assert_eq!(second.args, [2]);
        assert_eq!(intake.inbox.unread(), ["a", "a"]);
        assert_eq!(intake.inbox.take(|_| true).unwrap().args, [1]);
    }

    #[test]
    fn a_full_inbox_ends_the_connection_instead_of_losing_events() {
        let mut intake = intake(1);
        intake.message(r#"2["a"]"#).unwrap();

        assert_eq!(intake.message(r#"2["a"]"#), Err(CloseReason::InboxFull(1)));
    }

    #[test]
    fn a_second_ack_for_the_same_event_breaks_the_protocol() {
        let mut intake = intake(1);
        let (id, mut ack) = intake.inbox.expect_ack();
        let packet = format!("3{id}[1]");

        intake.message(&packet).unwrap();
        assert_eq!(ack.try_recv().unwrap().args, [1]);

        assert!(matches!(
            intake.message(&packet),
            Err(CloseReason::Protocol(_))
        ));
    }

    #[test]
    fn a_packet_of_another_namespace_breaks_the_protocol() {
        assert!(matches!(
            intake(1).message(r#"2/chat,["a"]"#),
            Err(CloseReason::Protocol(_))
        ));
    }

    #[tokio::test]
    async fn events_that_came_before_the_end_are_still_read() {
        let mut intake = intake(1);
        intake.message(r#"2["a"]"#).unwrap();
        intake.inbox.close(CloseReason::PingTimeout);

        assert_eq!(intake.inbox.event(|_| true).await.unwrap().name, "a");
        assert_eq!(
            intake.inbox.event(|_| true).await,
            Err(CloseReason::PingTimeout)
        );
    }
}
