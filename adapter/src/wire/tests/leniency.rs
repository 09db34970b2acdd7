use serde_json::json;

use super::pack;
use crate::wire::{Flags, decode_broadcast, sent_by};

/// Rooms, excepted rooms and flags of a message with these options.
fn options(options: &serde_json::Value) -> (Vec<String>, Vec<String>, Flags) {
    let message = pack(&json!(["other", {"type": 2, "data": ["e"], "nsp": "/"}, options]));
    let broadcast =
        decode_broadcast(&message).unwrap_or_else(|error| panic!("{options} is refused: {error}"));
    (
        broadcast.targets.rooms,
        broadcast.targets.except,
        broadcast.targets.flags,
    )
}

#[test]
fn options_that_are_missing_or_empty_in_any_way_are_everybody() {
    let none = (vec![], vec![], Flags::default());
    for empty in [
        json!({}),
        json!([]),
        json!({"rooms": null, "except": null, "flags": null}),
        json!({"rooms": "", "flags": ""}),
        json!({"rooms": [], "except": [], "flags": []}),
        json!({"flags": {"json": true, "broadcast": true, "timeout": "800"}, "else": {"a": [1]}}),
    ] {
        assert_eq!(options(&empty), none);
    }
}

#[test]
fn undefined_is_a_room_that_nobody_is_in() {
    let (rooms, except, _) = options(&json!({"rooms": [null, "a"], "except": [null]}));

    assert_eq!((rooms.len(), rooms[1].as_str()), (2, "a"));
    assert!(rooms[0].contains('\0') && except == rooms[..1]);
}

#[test]
fn rooms_may_be_integers_or_a_single_one() {
    let rooms = |rooms| options(&json!({ "rooms": rooms })).0;

    assert_eq!(
        rooms(json!(["a", 7, -1, 7.0, ""])),
        ["a", "7", "-1", "7", ""]
    );
    assert_eq!(rooms(json!("a")), ["a"]);
    assert_eq!(rooms(json!(7)), ["7"]);
    assert_eq!(options(&json!({"except": "a"})).1, ["a"]);
}

#[test]
fn flags_are_read_as_javascript_would() {
    let flags = |flags| options(&json!({ "flags": flags })).2;

    let volatile = Flags {
        volatile: true,
        ..Flags::default()
    };
    assert_eq!(flags(json!({"volatile": true})), volatile);
    assert_eq!(flags(json!({"volatile": 1})), volatile);
    assert_eq!(
        flags(json!({"volatile": false, "compress": null})),
        Flags::default()
    );
    assert_eq!(flags(json!({"compress": false})).compress, Some(false));
}

#[test]
fn the_order_and_number_of_keys_do_not_matter() {
    let message = pack(&json!([
        {"id": [1]},
        {"x": {"y": []}, "nsp": "/chat", "data": ["e", 1], "id": 0, "type": 5},
        {"flags": {}, "z": null, "except": ["b"], "rooms": ["a"]},
        "further", ["elements"]
    ]));

    let broadcast = decode_broadcast(&message).unwrap();

    assert_eq!(broadcast.namespace, "/chat");
    assert_eq!(broadcast.data.to_json().0, r#"["e",1]"#);
    assert_eq!(
        (broadcast.targets.rooms, broadcast.targets.except),
        (vec!["a".into()], vec!["b".into()])
    );
}

#[test]
fn a_namespace_that_is_missing_is_the_main_one() {
    let message = pack(&json!(["other", {"type": 2.0, "data": [5]}, {}]));

    let broadcast = decode_broadcast(&message).unwrap();

    assert_eq!(broadcast.namespace, "/");
    assert_eq!(broadcast.data.event(), "5");
}

#[test]
fn ids_of_any_kind_are_somebody_elses() {
    for id in [json!("6"), json!(5), json!(null), json!(["5"]), json!({})] {
        let message = pack(&json!([id, {"type": 2, "data": ["e"]}, {}]));

        assert!(decode_broadcast(&message).is_ok(), "{id}");
        assert!(!sent_by(&message, "5"), "{id}");
    }
    assert!(sent_by(&pack(&json!(["5"])), "5"));
    assert!(!sent_by(b"", ""));
    assert!(!sent_by(&pack(&json!([])), ""));
}
