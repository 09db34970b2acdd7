//! One member of a room: checks and times what it is sent. This is the hot path.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde_json::Value;

use super::chat::{self, News};
use super::company::Company;
use super::publisher::Publisher;
use super::run::Run;
use crate::client::CloseReason;
use crate::client::driver::Inbound;
use crate::measure::{Tally, Track, Verdict};

/// How the packet of the ack of a join begins; its id is 0.
const JOIN_ACK: &str = "30";

/// The packet with which a server takes the seat in the namespace away.
const DISCONNECT: &str = "1";

/// One client's view of its room.
pub(super) struct Member {
    room: usize,
    rooms: usize,
    /// All of a message's packet that comes before the data.
    head: String,
    /// Told when the room is joined; dropped if the server says otherwise.
    arrival: Option<Box<dyn FnOnce() + Send>>,
    is_joined: bool,
    /// What each publisher of this room has sent us: those with the numbers `room`, `room + rooms` and so on.
    tracks: Vec<Track>,
    tally: Tally,
    /// Expected and lost of the stays that are over, and what was missed between them.
    past: Past,
    counts: bool,
    /// Sends the next message when one of its own has come, where deliveries set the pace.
    own: Option<Arc<Publisher>>,
    /// In the chat: who else is there, and since when this client joins.
    company: Option<Company>,
    joining: Option<Instant>,
    /// When what is being handed in was read.
    now: Option<Instant>,
    run: Arc<Run>,
}

#[derive(Default)]
struct Past {
    expected: u64,
    lost: u64,
    missed: u64,
    /// How many of each publisher's messages had been sent when this client left.
    left_at: Option<Vec<u64>>,
}

impl Member {
    pub(super) fn new(
        room: usize,
        rooms: usize,
        publishers: usize,
        event: &str,
        run: Arc<Run>,
    ) -> Self {
        let in_room = (room..publishers).step_by(rooms);
        Self {
            room,
            rooms,
            head: format!("2[{},", Value::from(event)),
            arrival: None,
            is_joined: false,
            tracks: in_room.map(|_| Track::default()).collect(),
            tally: Tally::default(),
            past: Past::default(),
            counts: true,
            own: None,
            company: None,
            joining: None,
            now: None,
            run,
        }
    }

    /// It stops reading, so nothing can be said of its deliveries.
    pub(super) fn counts_nothing(&mut self) {
        self.counts = false;
    }

    /// It is in the chat, where messages are texts and there is news of others.
    pub(super) fn chat(&mut self) {
        self.company = Some(Company::default());
    }

    /// What it knows of others, if it is in the chat and has stayed there.
    pub(super) fn company(&self) -> Option<(&Company, bool)> {
        let company = self.company.as_ref()?;
        Some((
            company,
            self.arrival.is_none() && self.past.left_at.is_none(),
        ))
    }

    /// A new connection: `joined` is called once the room is joined on it.
    pub(super) fn arrive(&mut self, joined: impl FnOnce() + Send + 'static) {
        self.arrival = Some(Box::new(joined));
        if let Some(company) = &mut self.company {
            company.arrive();
            self.joining = Some(Instant::now());
        }
    }

    /// The room is joined: what is sent from now on is owed.
    pub(super) fn joined(&mut self) {
        let Some(arrival) = self.arrival.take() else {
            return;
        };
        self.is_joined = true;
        if let Some(left_at) = self.past.left_at.take() {
            for (track, left_at) in left_at.into_iter().enumerate() {
                let sent = self.sent_by(track);
                self.past.missed += sent - left_at;
                self.tracks[track] = Track::beginning_at(sent);
            }
        }
        arrival();
    }

    /// The connection is gone; whether the room was joined on it.
    ///
    /// What came last was not the last that was sent: the rest was under way, and is missed.
    pub(super) fn leave(&mut self) -> bool {
        self.arrival = None;
        if !std::mem::take(&mut self.is_joined) || self.run.has_ended() {
            return false;
        }
        let mut left_at = Vec::new();
        for track in &self.tracks {
            self.past.expected += track.seen();
            self.past.lost += track.lost(track.end());
            left_at.push(track.end());
        }
        self.past.left_at = Some(left_at);
        true
    }

    /// Messages that were sent while it was away, or were under way to it when it left.
    pub(super) fn missed(&self) -> u64 {
        self.past.missed
    }

    fn sent_by(&self, track: usize) -> u64 {
        let publisher = self.room + track * self.rooms;
        self.run.sent(publisher).unwrap_or_default()
    }

    /// From now on, each delivery of one of this publisher's messages makes it send another.
    pub(super) fn publish_on_return(&mut self, own: Arc<Publisher>) {
        self.own = Some(own);
    }

    /// What came of the messages that the publishers have sent.
    pub(super) fn tally(&self, sent: &[u64]) -> Tally {
        let sent = || sent.iter().skip(self.room).step_by(self.rooms);
        let stays = self.past.left_at.is_none();
        let tracks = || self.tracks.iter().zip(sent()).filter(|_| stays);
        let expected: u64 = tracks().map(|(track, &sent)| track.expected(sent)).sum();
        let lost: u64 = tracks().map(|(track, &sent)| track.lost(sent)).sum();
        Tally {
            expected: self.past.expected + expected,
            lost: self.past.lost + lost,
            ..self.tally.clone()
        }
    }

    fn deliver(&mut self, data: &str) {
        if !self.counts {
            return;
        }
        let now = self.now.unwrap_or_else(Instant::now);
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
        if matches!(verdict, Verdict::Duplicated | Verdict::Early) {
            return;
        }
        self.run.count_delivery(now, stamp.sent());
        if let Some(own) = &self.own
            && own.index() == stamp.publisher
        {
            own.publish_within_budget();
        }
    }

    /// Whether this is news of who is there.
    fn news(&mut self, packet: &str) -> bool {
        let Some(company) = &mut self.company else {
            return false;
        };
        let Some(news) = chat::news(packet) else {
            return false;
        };
        match (&news, self.joining) {
            // Others leave as this run ends.
            _ if self.run.has_ended() => return true,
            (News::Online(_), _) => self.run.count_online(),
            (News::Joined, Some(since)) => self.run.totals().joins.record(since.elapsed()),
            _ => {}
        }
        company.hear(&news);
        true
    }

    fn ack(&mut self, values: &str) {
        let values: Value = serde_json::from_str(values).unwrap_or_default();
        if values[0]["joined"] == true {
            self.joined();
        }
    }
}

impl Inbound for Member {
    fn batch(&mut self, now: Instant) {
        self.now = Some(now);
    }

    fn message(&mut self, packet: &str) -> Result<(), CloseReason> {
        if let Some(data) = packet.strip_prefix(&self.head) {
            match self.company {
                None => self.deliver(data),
                Some(_) => self.deliver(&chat::text(data).unwrap_or_default()),
            }
        } else if let Some(values) = packet.strip_prefix(JOIN_ACK) {
            self.ack(values);
        } else if packet == DISCONNECT {
            return Err(CloseReason::ServerDisconnect);
        } else if !self.news(packet) {
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
    fn member() -> Member {
        let run = Arc::new(Run::new(2, 100, 128));
        run.set_sent(0, 3);
        run.set_sent(1, 3);
        let mut member = Member::new(0, 2, 2, "roomMsg", run);
        member.arrive(|| ());
        member.joined();
        member
    }

    fn deliver(member: &mut Member, publisher: usize, sequence: u64) {
        let mut text = member.head.clone();
        let format = &member.run.format;
        format.write(&mut text, publisher, sequence, Duration::ZERO);
        member.message(&(text + "]")).unwrap();
    }

    #[test]
    fn every_delivery_is_judged() {
        let mut member = member();
        for (publisher, sequence) in [(0, 1), (0, 0), (0, 0), (1, 0), (0, 3), (7, 0)] {
            deliver(&mut member, publisher, sequence);
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
    fn what_is_sent_while_a_client_is_away_is_missed_and_not_lost() {
        let mut member = member();
        deliver(&mut member, 0, 0);
        assert!(member.leave());
        member.run.set_sent(0, 10);
        member.arrive(|| ());
        member.joined();
        deliver(&mut member, 0, 9);
        member.run.set_sent(0, 11);
        deliver(&mut member, 0, 10);

        let tally = member.tally(&[11, 3]);

        assert_eq!((tally.expected, tally.delivered, tally.lost), (2, 2, 0));
        assert_eq!(member.missed(), 9, "1 to 9, of which one came early");
    }

    #[test]
    fn who_is_gone_only_after_the_last_message_was_sent_has_missed_what_came_meanwhile() {
        let mut member = member();
        (0..3).for_each(|sequence| deliver(&mut member, 0, sequence));
        member.run.set_sent(0, 5);
        member.run.stop();

        assert!(member.leave(), "clients still come back");
        member.arrive(|| ());
        member.joined();

        assert_eq!(member.tally(&[5, 3]).lost, 0);
        assert_eq!(member.missed(), 2);
    }

    #[test]
    fn a_gap_before_a_client_left_is_a_loss() {
        let mut member = member();
        deliver(&mut member, 0, 0);
        deliver(&mut member, 0, 2);
        member.leave();

        let tally = member.tally(&[3, 3]);

        assert_eq!((tally.expected, tally.delivered, tally.lost), (3, 2, 1));
    }

    #[test]
    fn a_room_is_joined_when_the_ack_says_so() {
        let run = Arc::new(Run::new(1, 100, 128));
        for (ack, is_joined) in [
            (r#"30[{"room":"r","joined":true}]"#, true),
            (r#"30[{"joined":false}]"#, false),
        ] {
            let mut member = Member::new(0, 1, 1, "roomMsg", Arc::clone(&run));
            member.arrive(|| ());
            member.message(ack).unwrap();
            assert_eq!(member.is_joined, is_joined, "{ack}");
        }
    }

    #[test]
    fn an_unexpected_event_is_kept_for_the_report() {
        let mut member = member();

        member
            .message(r#"2["exception",{"status":"error"}]"#)
            .unwrap();

        let stray = member.run.totals().stray.clone();
        assert!(stray.unwrap().contains("exception"));
    }

    #[test]
    fn a_server_that_disconnects_ends_the_member() {
        assert_eq!(member().message("1"), Err(CloseReason::ServerDisconnect));
    }
}
