//! One member of a room: checks and times what it is sent. This is the hot path.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::oneshot;

use super::publisher::Publisher;
use super::run::Run;
use crate::client::CloseReason;
use crate::client::driver::Inbound;
use crate::measure::{Tally, Track, Verdict};

/// The ack id of the one event that every member sends itself.
pub(super) const JOIN_ID: u64 = 0;

/// How the packet of that ack begins.
const JOIN_ACK: &str = "30";

/// The packet with which a server takes the seat in the namespace away.
const DISCONNECT: &str = "1";

/// One client's view of its room.
pub(super) struct Member {
    room: usize,
    rooms: usize,
    /// All of a room message's packet that comes before the data.
    head: String,
    /// Told when the room is joined; dropped if the server says otherwise.
    joined: Option<oneshot::Sender<()>>,
    /// What each publisher of this room has sent us: those with the numbers `room`, `room + rooms` and so on.
    tracks: Vec<Track>,
    tally: Tally,
    /// Sends the next message when one of its own has come, where deliveries set the pace.
    own: Option<Arc<Publisher>>,
    run: Arc<Run>,
}

impl Member {
    pub(super) fn new(
        room: usize,
        rooms: usize,
        publishers: usize,
        event: &str,
        joined: oneshot::Sender<()>,
        run: Arc<Run>,
    ) -> Self {
        let in_room = (room..publishers).step_by(rooms);
        Self {
            room,
            rooms,
            head: format!("2[{},", Value::from(event)),
            joined: Some(joined),
            tracks: in_room.map(|_| Track::default()).collect(),
            tally: Tally::default(),
            own: None,
            run,
        }
    }

    /// From now on, each delivery of one of this publisher's messages makes it send another.
    pub(super) fn publish_on_return(&mut self, own: Arc<Publisher>) {
        self.own = Some(own);
    }

    /// What came of the messages that the publishers have sent.
    pub(super) fn tally(&self, sent: &[u64]) -> Tally {
        let sent = || sent.iter().skip(self.room).step_by(self.rooms);
        let tracks = self.tracks.iter().zip(sent());
        Tally {
            expected: sent().sum(),
            lost: tracks.map(|(track, &sent)| track.lost(sent)).sum(),
            ..self.tally.clone()
        }
    }

    fn deliver(&mut self, data: &str) {
        let now = Instant::now();
        let Some(stamp) = self.run.format.read(data) else {
            self.tally.corrupted += 1;
            return;
        };
        let sent = self.run.sent(stamp.publisher).unwrap_or_default();
        if stamp.sequence >= sent {
            self.tally.corrupted += 1;
            return;
        }
        if stamp.publisher % self.rooms != self.room {
            self.tally.misrouted += 1;
            return;
        }
        let verdict = self.tracks[stamp.publisher / self.rooms].deliver(stamp.sequence);
        self.tally.count(verdict);
        if verdict == Verdict::Duplicated {
            return;
        }
        self.run.count_delivery(now, stamp.sent());
        if let Some(own) = &self.own
            && own.index() == stamp.publisher
        {
            own.publish_within_budget();
        }
    }

    fn join(&mut self, values: &str) {
        let values: Value = serde_json::from_str(values).unwrap_or_default();
        if let Some(joined) = self.joined.take()
            && values[0]["joined"] == true
        {
            // Whoever waits may have given up since.
            let _: Result<(), ()> = joined.send(());
        }
    }
}

impl Inbound for Member {
    fn message(&mut self, packet: &str) -> Result<(), CloseReason> {
        if let Some(data) = packet.strip_prefix(&self.head) {
            self.deliver(data);
        } else if let Some(values) = packet.strip_prefix(JOIN_ACK) {
            self.join(values);
        } else if packet == DISCONNECT {
            return Err(CloseReason::ServerDisconnect);
        } else {
            self.run.stray(packet);
        }
        Ok(())
    }

    fn binary(&mut self, _: Bytes) -> Result<(), CloseReason> {
        // It belongs to a packet that is counted as a stray already.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Two rooms, and a publisher for each, that have sent three messages each. The member is in room 0.
    fn member() -> (Member, oneshot::Receiver<()>) {
        let run = Arc::new(Run::new(2, 100, 128));
        run.set_sent(0, 3);
        run.set_sent(1, 3);
        let (joined, join) = oneshot::channel();
        (Member::new(0, 2, 2, "roomMsg", joined, run), join)
    }

    fn packet(member: &Member, publisher: usize, sequence: u64) -> String {
        let mut text = member.head.clone();
        let format = &member.run.format;
        format.write(&mut text, publisher, sequence, Duration::ZERO);
        text + "]"
    }

    #[test]
    fn every_delivery_is_judged() {
        let (mut member, _join) = member();
        for (publisher, sequence) in [(0, 1), (0, 0), (0, 0), (1, 0), (0, 3), (7, 0)] {
            let packet = packet(&member, publisher, sequence);
            member.message(&packet).unwrap();
        }
        member.message(r#"2["roomMsg","nonsense"]"#).unwrap();

        let tally = member.tally(&[3, 3]);

        assert_eq!(
            tally,
            Tally {
                expected: 3,
                delivered: 2,
                lost: 1,
                duplicated: 1,
                reordered: 1,
                misrouted: 1,
                corrupted: 3,
            }
        );
        assert_eq!(member.run.totals().delivered, 2);
    }

    #[test]
    fn a_room_is_joined_when_the_ack_says_so() {
        let (mut accepted, mut join) = member();
        accepted
            .message(r#"30[{"room":"r","joined":true}]"#)
            .unwrap();
        assert_eq!(join.try_recv(), Ok(()));

        let (mut refused, mut join) = member();
        refused.message(r#"30[{"joined":false}]"#).unwrap();
        assert_eq!(join.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }

    #[test]
    fn an_unexpected_event_is_kept_for_the_report() {
        let (mut member, _join) = member();

        member
            .message(r#"2["exception",{"status":"error"}]"#)
            .unwrap();

        let stray = member.run.totals().stray.clone();
        assert!(stray.unwrap().contains("exception"));
    }

    #[test]
    fn a_server_that_disconnects_ends_the_member() {
        assert_eq!(member().0.message("1"), Err(CloseReason::ServerDisconnect));
    }
}
