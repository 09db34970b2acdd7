use super::with_argument;
use crate::wire::decode_broadcast;

/// The argument as a client of the default parser is shown it, and how many binary values stand beside it.
fn json(argument: &[u8]) -> (String, usize) {
    let message = with_argument(argument);
    let data = decode_broadcast(&message).unwrap().data;
    let (text, attachments) = data.to_json();
    assert_eq!(attachments.len(), data.attachments());
    let text = text.strip_prefix(r#"["e","#).unwrap();
    (
        text.strip_suffix(']').unwrap().to_owned(),
        attachments.len(),
    )
}

/// The argument as a client of the MessagePack parser is shown it.
fn msgpack(argument: &[u8]) -> Vec<u8> {
    let message = with_argument(argument);
    let data = decode_broadcast(&message).unwrap().data.to_msgpack();
    data.strip_prefix(b"\x92\xa1e").unwrap().to_vec()
}

#[test]
fn dates_are_texts_in_json_and_dates_in_msgpack() {
    let seconds = [0xd6, 0xff, 0x65, 0x53, 0xf1, 0x00];
    let older = [&[0xd7, 0][..], &1_700_000_000_123_i64.to_be_bytes()].concat();
    let never = [&[0xd7, 0][..], &i64::MAX.to_be_bytes()].concat();

    assert_eq!(json(&seconds), (r#""2023-11-14T22:13:20.000Z""#.into(), 0));
    assert_eq!(json(&older), (r#""2023-11-14T22:13:20.123Z""#.into(), 0));
    assert_eq!(json(&never), ("null".into(), 0));
    let in_milliseconds = [&[0xd7, 0][..], &1_700_000_000_000_i64.to_be_bytes()].concat();
    assert_eq!(msgpack(&seconds), in_milliseconds);
    assert_eq!(msgpack(&older), older);
    assert_eq!(msgpack(&never), [0xc0]);
}

#[test]
fn undefined_is_null() {
    assert_eq!(json(&[0xd4, 0, 0]), ("null".into(), 0));
    assert_eq!(msgpack(&[0xd4, 0, 0]), [0xc0]);
}

#[test]
fn old_binary_forms_are_binary() {
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    assert_eq!(json(&[0xc7, 2, 0, 8, 9]), (placeholder.into(), 1));
    assert_eq!(msgpack(&[0xc7, 2, 0, 8, 9]), [0xc4, 2, 8, 9]);
}

#[test]
fn unknown_extensions_are_a_list_of_type_and_bytes() {
    let list = r#"[-5,{"_placeholder":true,"num":0}]"#;
    assert_eq!(json(&[0xd5, 0xfb, 8, 9]), (list.into(), 1));
    assert_eq!(msgpack(&[0xd5, 0xfb, 8, 9]), [0x92, 0xfb, 0xc4, 2, 8, 9]);
}

#[test]
fn numbers_that_json_lacks_are_null() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let argument = [&[0xcb][..], &number.to_be_bytes()].concat();
        assert_eq!(json(&argument), ("null".into(), 0));
        assert_eq!(msgpack(&argument), argument);
    }
}

#[test]
fn numbers_have_no_fraction_unless_they_need_one() {
    let float = |value: f64| json(&[&[0xcb][..], &value.to_be_bytes()].concat()).0;
    assert_eq!(float(5.0), "5");
    assert_eq!(float(-0.0), "0");
    assert_eq!(float(1.5), "1.5");
    assert_eq!(json(&[0xca, 0x3f, 0x00, 0, 0]).0, "0.5");
    assert_eq!(
        json(&[&[0xcf][..], &u64::MAX.to_be_bytes()].concat()).0,
        "18446744073709551615"
    );
    assert_eq!(
        json(&[&[0xd3][..], &i64::MIN.to_be_bytes()].concat()).0,
        "-9223372036854775808"
    );
}

#[test]
fn binary_values_are_numbered_depth_first() {
    let argument = [
        0x93, 0x81, 0xa1, b'k', 0x91, 0xc4, 1, 1, 0xc4, 1, 2, 0x81, 0xa1, b'k', 0xc4, 1, 3,
    ];
    let message = with_argument(&argument);

    let (text, attachments) = decode_broadcast(&message).unwrap().data.to_json();

    let p = |number| format!(r#"{{"_placeholder":true,"num":{number}}}"#);
    assert_eq!(
        text,
        format!(r#"["e",[{{"k":[{}]}},{},{{"k":{}}}]]"#, p(0), p(1), p(2))
    );
    assert_eq!(attachments, [&[1][..], &[2], &[3]]);
}

#[test]
fn texts_are_escaped_as_javascript_escapes_them() {
    let text = "\"\\\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}/é\u{2028}👍";
    let mut argument = vec![0xd9, text.len() as u8];
    argument.extend(text.as_bytes());

    assert_eq!(json(&argument).0, serde_json::to_string(text).unwrap());
}

#[test]
fn keys_are_texts_in_both_forms() {
    assert_eq!(json(&[0x82, 7, 1, 0xc0, 2]).0, r#"{"7":1,"null":2}"#);
    assert_eq!(msgpack(&[0x81, 7, 1]), [0x81, 0xa1, b'7', 1]);
}

#[test]
fn broken_texts_are_mended_in_both_forms() {
    assert_eq!(json(&[0xa2, b'a', 0xff]).0, "\"a\u{fffd}\"");
    assert_eq!(msgpack(&[0xa2, b'a', 0xff]), b"\xa4a\xef\xbf\xbd");
}
