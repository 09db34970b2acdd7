//! The sentence that tells a client what its body should have been.
//!
//! serde_json says where in the text it stopped, clients want to know which field. So the body is read once
//! more, as a tree whose errors collect the way to where they happened and speak the words of JSON.

use std::fmt::{self, Display, Write as _};

use serde::de::{self, DeserializeOwned, Expected, Unexpected};
use serde_json::Value;

use super::tree::Tree;

/// Why `text`, the body or its `field`, is no `T`; `error` is what serde_json said.
pub(super) fn explain<T: DeserializeOwned>(
    text: &str,
    field: Option<&str>,
    error: &serde_json::Error,
) -> String {
    let misfit = match serde_json::from_str::<Value>(text) {
        Ok(tree) => T::deserialize(Tree(&tree)).err(),
        Err(_) => None,
    };
    // What only the text shows, such as a field given twice, is left to serde_json's words.
    let misfit = misfit.unwrap_or_else(|| Misfit::new(without_position(error)));
    match field {
        Some(name) => misfit.inside(name),
        None => misfit,
    }
    .to_string()
}

/// serde_json's words, less the line and column.
pub(super) fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// What is wrong, and the way to it: innermost step first.
#[derive(Debug)]
pub(super) struct Misfit {
    steps: Vec<Step>,
    what: String,
}

#[derive(Debug)]
enum Step {
    Field(String),
    Item(usize),
}

impl Misfit {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self {
            steps: Vec::new(),
            what: what.into(),
        }
    }

    pub(super) fn inside(mut self, field: &str) -> Self {
        self.steps.push(Step::Field(field.to_owned()));
        self
    }

    pub(super) fn at_item(mut self, index: usize) -> Self {
        self.steps.push(Step::Item(index));
        self
    }
}

impl Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut way = String::new();
        for step in self.steps.iter().rev() {
            match step {
                Step::Field(name) if way.is_empty() => way.push_str(name),
                Step::Field(name) => write!(way, ".{name}")?,
                Step::Item(index) if way.is_empty() => write!(way, "body[{index}]")?,
                Step::Item(index) => write!(way, "[{index}]")?,
            }
        }
        let way = if way.is_empty() { "body" } else { &way };
        write!(f, "{way}: {}", self.what)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {}", in_json(&expected.to_string())))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {}", in_json(&expected.to_string())))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("missing").inside(field)
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::new(format!("unknown field, expected {}", one_of(known))).inside(field)
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::new(format!("expected {}", one_of(known)))
    }
}

/// The names, as a choice.
pub(super) fn one_of(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        [name] => name.to_string(),
        _ => format!("one of {}", names.join(", ")),
    }
}

/// serde's names for what it expects, which are Rust's, in the words of JSON.
pub(super) fn in_json(expected: &str) -> String {
    let words = match expected {
        "u8" => "an integer from 0 to 255",
        "u16" => "an integer from 0 to 65535",
        "u32" => "an integer from 0 to 4294967295",
        "u64" | "u128" | "usize" => "an integer of 0 or more",
        "i8" => "an integer from -128 to 127",
        "i16" => "an integer from -32768 to 32767",
        "i32" => "an integer from -2147483648 to 2147483647",
        "i64" | "i128" | "isize" => "an integer",
        "f32" | "f64" => "a number",
        "unit" => "null",
        "a map" => "an object",
        "a sequence" => "an array",
        "borrowed string" | "string" => "a string",
        other if other.starts_with("struct ") => "an object",
        other if other.starts_with("tuple struct ") => "an array",
        other if other.starts_with("unit struct ") => "null",
        other => match other.strip_prefix("a tuple of size ") {
            Some(size) => return format!("an array of {size}"),
            None => other,
        },
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::super::decode;
    use crate::{JoinableRoom, Raw, RoomName};

    use super::*;

    fn told<T: DeserializeOwned>(body: &str) -> String {
        let error = serde_json::from_str::<T>(body).err().unwrap();
        let text = explain::<T>(body, None, &error);
        assert!(decode::<T>(body, None).is_err());
        text
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only the errors matter")]
    struct Message {
        room: RoomName,
        #[serde(default)]
        to: Vec<Recipient>,
        color: Option<Color>,
        data: Raw,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the errors matter")]
    struct Recipient {
        id: u8,
        names: Option<(String, String)>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    #[expect(dead_code, reason = "only the errors matter")]
    enum Color {
        Red,
        Green,
        Mixed(u8, u8),
    }

    #[test]
    fn the_message_names_the_field_and_what_was_expected() {
        for (body, message) in [
            (r#"{"room":1,"data":2}"#, "room: expected a string"),
            (r#"{"room":"a"}"#, "data: missing"),
            (r#"{"data":0}"#, "room: missing"),
            (
                r#"{"room":"","data":0}"#,
                "room: a room name has 1 to 256 bytes",
            ),
            (
                r#"{"data":0,"room":"\u0000"}"#,
                "room: a room name holds no U+0000",
            ),
            (r#"{"room":"a","to":{}}"#, "to: expected an array"),
            (
                r#"{"room":"a","to":[{"id":0},{"id":-1}]}"#,
                "to[1].id: expected an integer from 0 to 255",
            ),
            (
                r#"{"room":"a","to":[{"id":256}]}"#,
                "to[0].id: expected an integer from 0 to 255",
            ),
            (
                r#"{"room":"a","to":[{"id":1.5}]}"#,
                "to[0].id: expected an integer from 0 to 255",
            ),
            (r#"{"room":"a","to":[7]}"#, "to[0]: expected an object"),
            (
                r#"{"room":"a","to":[{"id":0,"x":1}]}"#,
                "to[0].x: unknown field, expected one of id, names",
            ),
            (
                r#"{"room":"a","to":[{"id":0,"names":["a"]}]}"#,
                "to[0].names: expected an array of 2",
            ),
            (
                r#"{"room":"a","to":[{"id":0,"names":["a","b","c"]}]}"#,
                "to[0].names: expected an array of 2",
            ),
            (
                r#"{"room":"a","to":[{"id":0,"names":["a",1]}]}"#,
                "to[0].names[1]: expected a string",
            ),
            (
                r#"{"room":"a","color":"blue"}"#,
                "color: expected one of red, green, mixed",
            ),
            (
                r#"{"room":"a","color":4}"#,
                "color: expected one of red, green, mixed",
            ),
            (
                r#"{"room":"a","color":{"blue":1}}"#,
                "color: expected one of red, green, mixed",
            ),
            (r#""text""#, "body: expected an object"),
            ("null", "body: expected an object"),
        ] {
            assert_eq!(told::<Message>(body), message, "{body}");
        }
    }

    #[test]
    fn a_body_that_is_no_object_is_called_body() {
        assert_eq!(told::<String>("1"), "body: expected a string");
        assert_eq!(told::<bool>("null"), "body: expected a boolean");
        assert_eq!(told::<()>("1"), "body: expected null");
        assert_eq!(told::<f64>("\"1\""), "body: expected a number");
        assert_eq!(told::<i64>("1.5"), "body: expected an integer");
        assert_eq!(
            told::<Vec<u64>>("[0,-1]"),
            "body[1]: expected an integer of 0 or more"
        );
        assert_eq!(told::<(u8, u8)>("[0]"), "body: expected an array of 2");
        assert_eq!(
            told::<JoinableRoom>("\"~id\""),
            "body: a room that begins with ~ cannot be joined"
        );
        assert_eq!(
            told::<HashMap<String, bool>>(r#"{"a":1}"#),
            "a: expected a boolean"
        );
    }

    #[test]
    fn a_field_asked_for_alone_is_named_too() {
        let error = serde_json::from_str::<Vec<u8>>("[1,[]]").unwrap_err();

        let text = explain::<Vec<u8>>("[1,[]]", Some("id"), &error);

        assert_eq!(text, "id[1]: expected an integer from 0 to 255");
    }

    #[test]
    fn what_only_the_text_shows_is_still_told_without_a_position() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only the errors matter")]
        struct One {
            id: u8,
        }

        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));

        assert_eq!(
            told::<One>(r#"{"id":1,"id":2}"#),
            "body: duplicate field `id`"
        );
        assert_eq!(told::<Value>(&deep), "body: recursion limit exceeded");
    }
}
