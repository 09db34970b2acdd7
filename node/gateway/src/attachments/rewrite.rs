//! Renumbers the placeholders of a JSON text without building a tree of it.

/// `json` with each placeholder's number replaced by what `renumber` says, or the placeholder by null.
///
/// `json` must be valid JSON; anything else comes back as some other text. What counts as a placeholder is
/// what Socket.IO's clients take for one: an object whose `_placeholder` is true, whatever else it holds.
pub(crate) fn rewrite(json: &str, mut renumber: impl FnMut(usize) -> Option<usize>) -> String {
    replace(json, |num| {
        renumber(num).map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#))
    })
}

/// `json` with each placeholder replaced by what `put` says, or by null; as [`rewrite`] in all else.
pub(super) fn replace(json: &str, mut put: impl FnMut(usize) -> Option<String>) -> String {
    let mut out = String::with_capacity(json.len());
    let mut open: Vec<Open> = Vec::new();
    let mut rest = json;
    while let Some(first) = rest.bytes().next() {
        let (token, after) = rest.split_at(token_length(rest));
        rest = after;
        match first {
            b'{' => open.push(Open::Object(Object::at(out.len()))),
            b'[' => open.push(Open::Array),
            b'}' | b']' => {
                if let Some(Open::Object(object)) = open.pop()
                    && object.is_placeholder
                {
                    out.truncate(object.start);
                    let replacement = object.num.and_then(&mut put);
                    out.push_str(replacement.as_deref().unwrap_or("null"));
                    continue;
                }
            }
            _ => {
                if let Some(Open::Object(object)) = open.last_mut() {
                    object.take(token);
                }
            }
        }
        out.push_str(token);
    }
    out
}

enum Open {
    Array,
    Object(Object),
}

struct Object {
    /// Where it begins in the output.
    start: usize,
    at_key: bool,
    field: Field,
    is_placeholder: bool,
    num: Option<usize>,
}

#[derive(Clone, Copy)]
enum Field {
    Placeholder,
    Num,
    Other,
}

impl Object {
    fn at(start: usize) -> Self {
        Self {
            start,
            at_key: true,
            field: Field::Other,
            is_placeholder: false,
            num: None,
        }
    }

    /// Notes a token that stands directly in this object.
    fn take(&mut self, token: &str) {
        match token.as_bytes().first() {
            Some(b',') => self.at_key = true,
            Some(b':') => self.at_key = false,
            Some(b'"') if self.at_key => self.take_key(token),
            Some(b' ' | b'\t' | b'\n' | b'\r') | None => {}
            _ => match self.field {
                Field::Placeholder => self.is_placeholder = token == "true",
                Field::Num => self.num = index(token),
                Field::Other => {}
            },
        }
    }

    /// A key given twice counts as its last value, as in JavaScript, so that the earlier one is forgotten.
    fn take_key(&mut self, quoted: &str) {
        self.field = match serde_json::from_str::<std::borrow::Cow<'_, str>>(quoted).as_deref() {
            Ok("_placeholder") => {
                self.is_placeholder = false;
                Field::Placeholder
            }
            Ok("num") => {
                self.num = None;
                Field::Num
            }
            _ => Field::Other,
        };
    }
}

/// Bytes of the first token: a bracket, comma or colon, a string, or a run of anything else of one kind.
fn token_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes[0] {
        b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
        b'"' => string_length(bytes),
        first => {
            let first_is_space = first.is_ascii_whitespace();
            bytes
                .iter()
                .position(|byte| {
                    matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"')
                        || byte.is_ascii_whitespace() != first_is_space
                })
                .unwrap_or(bytes.len())
        }
    }
}

fn string_length(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The index that JavaScript would read: `1`, but also `1.0` and `1e0`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a whole number in the range of u32"
)]
fn index(number: &str) -> Option<usize> {
    let value: f64 = number.parse().ok()?;
    let is_index = value >= 0.0 && value.fract() == 0.0 && value <= f64::from(u32::MAX);
    is_index.then_some(value as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn plus_ten(json: &str) -> String {
        rewrite(json, |num| (num < 5).then_some(num + 10))
    }

    #[test]
    fn a_placeholder_gets_its_new_number_wherever_it_stands() {
        let text = r#"[{"_placeholder":true,"num":0}, {"a":{"num":1,"_placeholder":true}}]"#;

        assert_eq!(
            plus_ten(text),
            r#"[{"_placeholder":true,"num":10}, {"a":{"_placeholder":true,"num":11}}]"#
        );
    }

    #[test]
    fn a_placeholder_of_nothing_becomes_null() {
        for text in [
            r#"{"_placeholder":true,"num":5}"#,
            r#"{"_placeholder":true,"num":-1}"#,
            r#"{"_placeholder":true,"num":0.5}"#,
            r#"{"_placeholder":true,"num":"0"}"#,
            r#"{"_placeholder":true,"num":1e300}"#,
            r#"{"_placeholder":true}"#,
            r#"{"_placeholder":true,"num":0,"num":[1]}"#,
        ] {
            assert_eq!(plus_ten(text), "null", "{text}");
        }
    }

    #[test]
    fn what_javascript_takes_for_a_placeholder_is_one_however_it_is_written() {
        for text in [
            r#"{ "_placeholder" : true , "num" : 0 }"#,
            r#"{"_pl\u0061ceholder":true,"num":0}"#,
            r#"{"_placeholder":false,"_placeholder":true,"num":0}"#,
            r#"{"_placeholder":true,"num":3,"num":0.0}"#,
            r#"{"_placeholder":true,"num":0,"more":{"deep":[1,{}]}}"#,
        ] {
            assert_eq!(
                plus_ten(text),
                r#"{"_placeholder":true,"num":10}"#,
                "{text}"
            );
        }
    }

    #[test]
    fn everything_else_stays_byte_for_byte() {
        for text in [
            r#"{"_placeholder":1,"num":0}"#,
            r#"{"_placeholder":"true","num":0}"#,
            r#"{"_placeholder":[true],"num":0}"#,
            r#"{"a":{"_placeholder":{"num":1}}}"#,
            r#""{\"_placeholder\":true,\"num\":0}""#,
            r#"{"\\":"\\\"","num":1.50e+3, "é":"服务端收到" }"#,
            "",
        ] {
            assert_eq!(plus_ten(text), text);
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            (0_u8..8).prop_map(|num| json!({ "_placeholder": true, "num": num })),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            let key = prop_oneof![
                any::<String>(),
                Just("num".to_owned()),
                Just("_placeholder".to_owned())
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(key, inner, 0..6).prop_map(Value::from_iter),
            ]
        })
    }

    /// The same over a tree, slow and plain.
    fn on_the_tree(value: Value) -> Value {
        match value {
            Value::Object(fields) if fields.get("_placeholder") == Some(&Value::Bool(true)) => {
                match fields.get("num").and_then(Value::as_u64) {
                    Some(num) if num < 5 => json!({ "_placeholder": true, "num": num + 10 }),
                    _ => Value::Null,
                }
            }
            Value::Object(fields) => fields
                .into_iter()
                .map(|(key, value)| (key, on_the_tree(value)))
                .collect(),
            Value::Array(items) => items.into_iter().map(on_the_tree).collect(),
            leaf => leaf,
        }
    }

    proptest! {
        #[test]
        fn the_text_is_rewritten_as_the_tree_would_be(value in any_json(), pretty: bool) {
            let text = if pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };

            let rewritten: Value = serde_json::from_str(&plus_ten(&text)).unwrap();

            prop_assert_eq!(rewritten, on_the_tree(value));
        }

        #[test]
        fn no_text_makes_it_panic(text: String, json_like in r#"[\[\]{},: "\\a0é]*"#) {
            plus_ten(&text);
            plus_ten(&json_like);
        }
    }
}
