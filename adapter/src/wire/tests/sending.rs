use std::collections::VecDeque;

use bytes::Bytes;
use socketioxide_core::Value;

use crate::wire::{
    EncodeError, MAX, MAX_PARTS, Targets, decode_broadcast, encode_broadcast, sent_by,
};

fn encode(data: &Value) -> Result<Bytes, EncodeError> {
    encode_broadcast("me", "/", data, &Targets::default())
}

fn text(json: &str, attachments: &[&'static [u8]]) -> Value {
    let attachments: VecDeque<_> = attachments
        .iter()
        .map(|bytes| Bytes::from_static(bytes))
        .collect();
    Value::Str(json.to_owned().into(), Some(attachments))
}

/// What a client on another node is shown of an event with these attachments.
fn seen(json: &str, attachments: &[&'static [u8]]) -> (String, Vec<Bytes>) {
    let message =
        encode(&text(json, attachments)).unwrap_or_else(|error| panic!("{json}: {error}"));
    assert!(sent_by(&message, "me"));
    assert!(!sent_by(&message, "m") && !sent_by(&message, "me2"));
    decode_broadcast(&message).unwrap().data.to_json()
}

#[test]
fn an_event_that_clients_could_not_read_is_not_sent() {
    for json in [
        "",
        "null",
        "\"e\"",
        "{}",
        "[]",
        "[null]",
        "[[\"e\"]]",
        "[1e400]",
        "[\"e\"",
        "[\"e\",]",
        "[\"e\"] 1",
        "[\"e\",01]",
        "[\"e\",tru]",
        "[\"e\",{1:2}]",
        "[\"e\",{\"a\"}]",
        "[\"e\" 1]",
        "[\"connect\"]",
        "[\"e\",'a']",
    ] {
        assert!(encode(&text(json, &[])).is_err(), "{json:?}");
    }
    let bytes: [&[u8]; 7] = [
        b"",
        b"\xc0",
        b"\x90",
        b"\x91\xc0",
        b"\x91\xa1e\xc0",
        b"\x92\xa1e\xc1",
        b"\x91\xaddisconnecting",
    ];
    for bytes in bytes {
        assert!(
            encode(&Value::Bytes(Bytes::from_static(bytes))).is_err(),
            "{bytes:x?}"
        );
    }
}

#[test]
fn an_error_says_where_and_what() {
    let error = encode(&text(r#"["e", {"a": nope}]"#, &[])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no valid JSON: null should stand at byte 12"
    );

    let error = encode(&text(r#"["disconnect"]"#, &[])).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"the event name "disconnect" is reserved"#
    );
}

#[test]
fn placeholders_stand_for_their_attachments_as_in_javascript() {
    let ours = r#"["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    let both = |json| seen(json, &[b"a", b"b"]);

    let turned = both(
        r#"["e",{"num":1,"_placeholder":true,"x":[1,{"y":2}]},{"_placeholder":true,"num":0}]"#,
    );
    assert_eq!(turned, (ours.into(), vec!["b".into(), "a".into()]));

    let repeated = both(r#"["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0.0}]"#);
    assert_eq!(repeated, (ours.into(), vec!["a".into(), "a".into()]));

    let other = r#"["e",{"_placeholder":false,"num":9},{"_placeholder":1,"num":9},{"num":9}]"#;
    assert_eq!(both(other), (other.into(), vec![]));
}

#[test]
fn a_mark_that_is_taken_back_is_still_one() {
    let taken_back = r#"["e",{"_placeholder":true,"_placeholder":false,"num":9,"num":0}]"#;
    let placeholder = r#"["e",{"_placeholder":true,"num":0}]"#;

    assert_eq!(
        seen(taken_back, &[b"a"]),
        (placeholder.into(), vec!["a".into()])
    );
    assert_eq!(seen(taken_back, &[]), (taken_back.into(), vec![]));
}

#[test]
fn a_placeholder_without_its_attachment_is_an_error_and_without_any_an_object() {
    for number in [
        r#","num":2"#,
        r#","num":-1"#,
        r#","num":0.5"#,
        r#","num":"0""#,
        r#","num":null"#,
        "",
    ] {
        let json = format!(r#"["e",{{"_placeholder":true{number}}}]"#);

        let error = encode(&text(&json, &[b"a", b"b"])).unwrap_err();
        assert_eq!(error, EncodeError::Placeholder { attachments: 2 }, "{json}");

        assert_eq!(seen(&json, &[]), (json, vec![]));
    }
}

#[test]
fn many_placeholders_of_one_attachment_do_not_outgrow_the_bound() {
    static MEGABYTE: [u8; 1_000_000] = [0; 1_000_000];
    let placeholders = vec![r#"{"_placeholder":true,"num":0}"#; 1000].join(",");
    let data = text(&format!(r#"["e",{placeholders}]"#), &[&MEGABYTE]);

    assert!(matches!(encode(&data), Err(EncodeError::TooLarge(_))));

    let placeholders = vec![r#"{"_placeholder":true,"num":0}"#; MAX_PARTS + 1].join(",");
    let data = text(&format!(r#"["e",{placeholders}]"#), &[b""]);
    assert_eq!(encode(&data), Err(EncodeError::TooMany(MAX_PARTS + 1)));
}

#[test]
fn what_no_node_would_read_is_not_sent() {
    let large = text(&format!(r#"["{}"]"#, "a".repeat(MAX)), &[]);
    assert!(matches!(encode(&large), Err(EncodeError::TooLarge(_))));

    let targets = Targets {
        rooms: vec![String::new(); MAX_PARTS + 1],
        ..Targets::default()
    };
    let error = encode_broadcast("me", "/", &text("[\"e\"]", &[]), &targets).unwrap_err();
    assert_eq!(error, EncodeError::TooMany(MAX_PARTS + 1));
}

#[test]
fn nesting_goes_as_deep_as_readers_go() {
    let nested = |levels| format!("[\"e\",{}{}]", "[".repeat(levels), "]".repeat(levels));

    assert_eq!(seen(&nested(127), &[]).0, nested(127));
    assert!(encode(&text(&nested(128), &[])).is_err());
    assert!(encode(&text(&"[".repeat(1_000_000), &[])).is_err());
}

#[test]
fn what_is_odd_in_json_arrives_as_javascript_reads_it() {
    for (sent, arrives) in [
        (" [ \"e\" ,\t{ } , [ ] ]\r\n", r#"["e",{},[]]"#),
        (r#"["e",5.0,1e3,-0,-0.0,1E+2]"#, r#"["e",5,1000,0,0,100]"#),
        (r#"["e",1e400,-1e400]"#, r#"["e",null,null]"#),
        (
            r#"["e",18446744073709551616,1e21]"#,
            r#"["e",18446744073709552000,1e+21]"#,
        ),
        (
            r#"["\ud800",{"\udc00":"\ud83d\udc4d"}]"#,
            "[\"\u{fffd}\",{\"\u{fffd}\":\"👍\"}]",
        ),
        (r#"["e",{"a":1,"a":2}]"#, r#"["e",{"a":1,"a":2}]"#),
        ("[7,1]", "[7,1]"),
    ] {
        assert_eq!(seen(sent, &[]).0, arrives);
    }
}
