//! What emitters of other languages publish, put together by hand from what is known of them.

use bytes::Bytes;

use crate::{
    channel,
    wire::{
        DecodeError, Flags, Question, Targets, decode_broadcast, decode_request, sent_by, unified,
    },
};

/// The event, the rooms and the excepted rooms of a broadcast in `/`, which has no flags.
fn read(message: &[u8]) -> (String, Vec<String>, Vec<String>) {
    let broadcast = decode_broadcast(message).unwrap();
    assert_eq!(broadcast.namespace, "/");
    assert_eq!(broadcast.targets.flags, Flags::default());
    let (json, _) = broadcast.data.to_json();
    (json, broadcast.targets.rooms, broadcast.targets.except)
}

/// What is expected of a broadcast of `hello` and `world`.
fn hello(rooms: &[&str]) -> (String, Vec<String>, Vec<String>) {
    (r#"["hello","world"]"#.to_owned(), texts(rooms), Vec::new())
}

/// Asserts that a request of nobody, who waits for no answer, asks `question`.
fn assert_asks(text: &'static str, question: &Question<'_>) {
    let message = unified(&Bytes::from_static(text.as_bytes())).unwrap();
    let request = decode_request(&message).unwrap().unwrap();
    assert_eq!((request.uid, request.id), (None, None));
    assert_eq!(format!("{:?}", request.question), format!("{question:?}"));
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn targets(rooms: &[&str], except: &[&str]) -> Targets {
    Targets {
        rooms: texts(rooms),
        except: texts(except),
        flags: Flags::default(),
    }
}

#[test]
fn python_writes_empty_texts_for_what_is_not_given() {
    let everybody = b"\x93\xa7emitter\
        \x83\xa4data\x92\xa5hello\xa5world\xa4type\x02\xa3nsp\xa1/\
        \x82\xa5rooms\xa0\xa5flags\xa0";
    let two_rooms = b"\x93\xa7emitter\
        \x83\xa4data\x92\xa5hello\xa5world\xa4type\x02\xa3nsp\xa1/\
        \x82\xa5rooms\x92\xa1a\xa1b\xa5flags\xa0";

    assert_eq!(read(everybody), hello(&[]));
    assert_eq!(read(two_rooms), hello(&["a", "b"]));
}

#[test]
fn python_writes_requests_with_spaces() {
    assert_asks(
        r#"{"type": 2, "opts": {"rooms": ["a"], "except": ["x"]}, "rooms": ["b", "c"]}"#,
        &Question::Join {
            targets: targets(&["a"], &["x"]),
            rooms: texts(&["b", "c"]),
            of_one: false,
        },
    );
    assert_asks(
        r#"{"type": 4, "opts": {"rooms": [], "except": []}, "close": true}"#,
        &Question::Disconnect {
            targets: targets(&[], &[]),
            close: true,
            of_one: false,
        },
    );
}

#[test]
fn java_has_its_own_order_and_joins_a_single_text() {
    let broadcast = b"\x93\xa7emitter\
        \x83\xa3nsp\xa1/\xa4type\x02\xa4data\x92\xa5hello\xa5world\
        \x83\xa6except\x91\xa1x\xa5rooms\x91\xa1a\xa5flags\x80";
    let (json, rooms, _) = hello(&["a"]);
    assert_eq!(read(broadcast), (json, rooms, texts(&["x"])));
    assert_asks(
        r#"{"rooms":"b","opts":{"except":[],"rooms":["a"]},"type":2}"#,
        &Question::Join {
            targets: targets(&["a"], &[]),
            rooms: texts(&["b"]),
            of_one: false,
        },
    );
    assert_asks(
        r#"{"rooms":["b"],"opts":{"except":[],"rooms":["a"]},"type":3}"#,
        &Question::Leave {
            targets: targets(&["a"], &[]),
            rooms: texts(&["b"]),
            of_one: false,
        },
    );
}

#[test]
fn an_old_java_emitter_does_not_say_that_it_is_one() {
    let message = b"\x92\
        \x83\xa4type\x02\xa4data\x92\xa5hello\xa5world\xa3nsp\xa1/\
        \x82\xa5rooms\x91\xa1a\xa5flags\x80";

    assert_eq!(read(message), hello(&["a"]));
    for uid in ["", "emitter", "type"] {
        assert!(!sent_by(message, uid), "nobody has sent it");
    }
}

#[test]
fn php_writes_lists_for_maps_and_another_type_for_binary_values() {
    let everybody = b"\x93\xa7emitter\
        \x83\xa4type\x02\xa4data\x92\xa5hello\xa5world\xa3nsp\xa1/\
        \x82\xa5rooms\x90\xa5flags\x90";
    let binary = b"\x93\xa7emitter\
        \x83\xa4type\x05\xa4data\x92\xa5hello\xc4\x03\x01\x02\x03\xa3nsp\xa1/\
        \x82\xa5rooms\x91\xa1a\xa5flags\x90";

    assert_eq!(read(everybody), hello(&[]));
    let data = decode_broadcast(binary).unwrap().data;
    let (json, attachments) = data.to_json();
    assert_eq!(json, r#"["hello",{"_placeholder":true,"num":0}]"#);
    assert_eq!(attachments, [Bytes::from_static(&[1, 2, 3])]);
}

#[test]
fn what_php_damages_is_refused() {
    // The bytes without the head that says how many they are.
    let damaged = b"\x93\xa7emitter\
        \x83\xa4type\x05\xa4data\x92\xa5hello\x01\x02\x03\xa3nsp\xa1/\
        \x82\xa5rooms\x90\xa5flags\x90";
    // A head that says more than there are.
    let cut = b"\x93\xa7emitter\
        \x83\xa4type\x05\xa4data\x92\xa5hello\xc4\xff\x01\x02\x03\xa3nsp\xa1/\
        \x82\xa5rooms\x90\xa5flags\x90";

    for message in [&damaged[..], cut] {
        let error = decode_broadcast(message).unwrap_err();
        assert!(matches!(error, DecodeError::Malformed(_)), "{error}");
    }
}

#[test]
fn texts_in_the_form_from_before_binary_values_are_read() {
    // A text of 40 bytes: that form had no head for up to 255, so it takes the next.
    let text = "x".repeat(40);
    let message = [
        b"\x93\xa7emitter\x83\xa4type\x02\xa4data\x92\xa5hello\xda\x00\x28",
        text.as_bytes(),
        b"\xa3nsp\xa1/\x82\xa5rooms\x90\xa5flags\x80",
    ];

    assert_eq!(read(&message.concat()).0, format!(r#"["hello","{text}"]"#));
}

#[test]
fn rust_has_no_excepted_rooms_and_forgets_the_end_of_a_rooms_channel() {
    let message = b"\x93\xa7emitter\
        \x83\xa4type\x02\xa4data\x92\xa5hello\xa5world\xa3nsp\xa1/\
        \x82\xa5rooms\x91\xa1a\xa5flags\x80";

    assert_eq!(read(message), hello(&["a"]));
    let (_, rest) = channel::purpose("socket.io", "socket.io#/#a").unwrap();
    assert_eq!(channel::readings(rest).next(), Some(("/", Some("a"))));
}

#[test]
fn the_channel_of_emitters_for_adapters_before_1_0_belongs_to_no_namespace() {
    let (_, rest) = channel::purpose("socket.io", "socket.io#emitter").unwrap();

    assert_eq!(channel::readings(rest).next(), None);
}
