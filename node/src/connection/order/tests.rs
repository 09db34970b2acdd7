use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::connection::{frame, of_packet};

const NAMESPACES: [&str; 3] = ["/", "/chat", "/c"];

/// A text frame.
fn text(payload: &str) -> Bytes {
    let mut frame = vec![0x81, payload.len() as u8];
    frame.extend_from_slice(payload.as_bytes());
    frame.into()
}

fn prefix(namespace: &str) -> String {
    match namespace {
        "/" => String::new(),
        namespace => format!("{namespace},"),
    }
}

/// A session as the engine and we see it: what is in the channel, and what the client has got by either way.
struct Client {
    order: Order,
    channel: VecDeque<Bytes>,
    got: Vec<Bytes>,
    has_moved: bool,
    /// Seats whose CONNECT answer is in the channel, but which are not taken yet.
    granted: Vec<&'static str>,
    taken: Vec<&'static str>,
    numbers: [usize; NAMESPACES.len()],
}

impl Client {
    fn new(is_websocket: bool) -> Self {
        let mut order = Order::new(Way::Channel);
        if is_websocket {
            order.moved(false);
        }
        Self {
            order,
            channel: VecDeque::new(),
            got: Vec::new(),
            has_moved: is_websocket,
            granted: Vec::new(),
            taken: Vec::new(),
            numbers: [0; NAMESPACES.len()],
        }
    }

    fn seat(&mut self, namespace: &'static str) {
        if self.granted.contains(&namespace) || self.taken.contains(&namespace) {
            return;
        }
        self.order.seat(namespace);
        self.granted.push(namespace);
        let answer = text(&format!("40{}{{}}", prefix(namespace)));
        self.channel.push_back(answer);
    }

    fn take(&mut self, namespace: &'static str) {
        let Some(at) = self.granted.iter().position(|one| *one == namespace) else {
            return;
        };
        self.granted.remove(at);
        self.taken.push(namespace);
        if self.order.taken(namespace) {
            self.fence(namespace);
        }
    }

    fn fence(&mut self, namespace: &str) {
        let fence = text(&format!("43{}{FENCE}[]", prefix(namespace)));
        self.channel.push_back(fence);
    }

    fn emit(&mut self, namespace: &'static str) {
        if !self.taken.contains(&namespace) {
            return;
        }
        let at = NAMESPACES.iter().position(|one| *one == namespace).unwrap();
        let event = text(&format!("42{}[{}]", prefix(namespace), self.numbers[at]));
        self.numbers[at] += 1;
        match self.order.route(namespace, &event) {
            Route::Channel => self.channel.push_back(event),
            Route::Now => self.got.push(event),
            Route::Held => {}
        }
    }

    /// An event that asks for an ack goes through the channel, with a fence behind it.
    fn ask(&mut self, namespace: &'static str) {
        if !self.taken.contains(&namespace) {
            return;
        }
        let at = NAMESPACES.iter().position(|one| *one == namespace).unwrap();
        let event = text(&format!("42{}[{}]", prefix(namespace), self.numbers[at]));
        self.numbers[at] += 1;
        self.channel.push_back(event);
        if self.order.detour() {
            self.fence(namespace);
        }
    }

    /// The client moves, and polls no more.
    fn move_over(&mut self) {
        if self.has_moved {
            return;
        }
        self.has_moved = true;
        let seated = self.taken.first().copied();
        if self.order.moved(seated.is_some())
            && let Some(seated) = seated
        {
            self.fence(seated);
        }
    }

    /// One packet leaves the channel: to the WebSocket, or with a poll.
    fn leave(&mut self) {
        let Some(packet) = self.channel.pop_front() else {
            return;
        };
        if !self.has_moved {
            self.got.push(packet);
            return;
        }
        let (frame, rest) = Frame::split(&packet).unwrap();
        assert!(rest.is_empty());
        let got = &mut self.got;
        self.order
            .engine(&frame, &mut |bytes| got.push(Bytes::copy_from_slice(bytes)));
    }

    /// What the client got of one namespace, in order.
    fn of(&self, namespace: &str) -> Vec<String> {
        let is_mine = |text: &str| match namespace {
            "/" => !text[2..].starts_with('/'),
            _ => text[2..].starts_with(&prefix(namespace)),
        };
        let texts = self.got.iter().map(|frame| {
            let payload = frame[2..].to_vec();
            String::from_utf8(payload).unwrap()
        });
        texts.filter(|text| is_mine(text)).collect()
    }
}

#[test]
fn what_is_sent_to_a_seat_waits_for_its_connect_answer() {
    let mut client = Client::new(true);
    client.seat("/");
    client.take("/");
    client.emit("/");
    assert!(client.got.is_empty());
    assert_eq!(client.order.held(), text("42[0]").len());

    client.leave();
    client.emit("/");

    assert_eq!(client.of("/"), ["40{}", "42[0]", "42[1]"]);
    assert_eq!(client.order.held(), 0);
}

#[test]
fn what_follows_a_question_comes_behind_it() {
    let mut client = Client::new(true);
    client.seat("/");
    client.take("/");
    client.leave();

    client.ask("/");
    client.emit("/");
    assert_eq!(client.of("/"), ["40{}"]);
    client.leave();
    client.leave();
    client.emit("/");

    assert_eq!(client.of("/"), ["40{}", "42[0]", "42[1]", "42[2]"]);
}

#[test]
fn what_is_sent_after_a_move_waits_for_what_is_in_the_channel() {
    let mut client = Client::new(false);
    client.seat("/");
    client.take("/");
    client.emit("/");
    client.move_over();
    client.emit("/");
    assert!(client.got.is_empty());

    while !client.channel.is_empty() {
        client.leave();
    }

    assert_eq!(client.of("/"), ["40{}", "42[0]", "42[1]"], "and no fence");
}

#[test]
fn a_seat_that_leaves_takes_along_what_waits_for_it() {
    let mut client = Client::new(true);
    client.seat("/chat");
    client.take("/chat");
    client.emit("/chat");

    client.order.unseat("/chat");
    client.leave();

    assert_eq!(client.of("/chat"), ["40/chat,{}"]);
    assert_eq!(client.order.held(), 0);
}

#[test]
fn nothing_follows_a_goodbye() {
    let mut order = Order::new(Way::Direct);
    let goodbye = [0x88, 0x00];
    let (frame, _) = Frame::split(&goodbye).unwrap();

    order.engine(&frame, &mut |_| ());

    assert!(order.is_closed());
}

#[test]
fn the_fence_is_known_from_both_parsers() {
    use socketioxide_core::{Value, packet::Packet, parser::Parse};

    let json = Packet::ack("/chat", Value::Str("[]".into(), None), FENCE);
    let msgpack = Packet::ack("/chat", Value::Bytes(Bytes::from_static(&[0x90])), FENCE);
    let written = [
        socketioxide_parser_common::CommonParser.encode(json),
        socketioxide_parser_msgpack::MsgPackParser.encode(msgpack),
    ];
    for value in written {
        let frames = of_packet(&value);
        let (frame, _) = Frame::split(&frames).unwrap();
        let Some(frame::Packet::Ack(ack)) = frame.packet() else {
            panic!("{frame:?} is no ack");
        };
        assert!(is_fence(ack));
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Seat(&'static str),
    Take(&'static str),
    Emit(&'static str),
    Ask(&'static str),
    Move,
    Leave,
}

fn step() -> impl Strategy<Value = Step> {
    let namespace = proptest::sample::select(&NAMESPACES[..]);
    prop_oneof![
        2 => namespace.clone().prop_map(Step::Seat),
        3 => namespace.clone().prop_map(Step::Take),
        6 => namespace.clone().prop_map(Step::Emit),
        2 => namespace.prop_map(Step::Ask),
        1 => Just(Step::Move),
        4 => Just(Step::Leave),
    ]
}

proptest! {
    #[test]
    fn each_namespace_gets_its_answer_first_and_then_everything_in_order(
        is_websocket: bool,
        steps in proptest::collection::vec(step(), 0..120),
    ) {
        let mut client = Client::new(is_websocket);
        for step in steps {
            match step {
                Step::Seat(namespace) => client.seat(namespace),
                Step::Take(namespace) => client.take(namespace),
                Step::Emit(namespace) => client.emit(namespace),
                Step::Ask(namespace) => client.ask(namespace),
                Step::Move => client.move_over(),
                Step::Leave => client.leave(),
            }
        }
        while !client.channel.is_empty() {
            client.leave();
        }
        for namespace in client.granted.clone() {
            client.take(namespace);
        }
        while !client.channel.is_empty() {
            client.leave();
        }

        for (at, namespace) in NAMESPACES.into_iter().enumerate() {
            let mut expected = Vec::new();
            if client.taken.contains(&namespace) {
                expected.push(format!("40{}{{}}", prefix(namespace)));
            }
            let events = 0..client.numbers[at];
            expected.extend(events.map(|number| format!("42{}[{number}]", prefix(namespace))));
            prop_assert_eq!(client.of(namespace), expected, "in {}", namespace);
        }
        prop_assert_eq!(client.order.held(), 0);
    }
}
