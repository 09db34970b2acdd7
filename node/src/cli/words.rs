//! The words of a command line that several verbs take, each checked before anything is asked.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::config::duration;

/// An argument of an event: JSON, passed on as it was written.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub(super) struct Json(Box<RawValue>);

/// Reads `text` as JSON.
pub(super) fn json(text: &str) -> Result<Json, String> {
    let value = RawValue::from_string(text.to_owned());
    value.map(Json).map_err(|_| {
        let quoted = serde_json::Value::from(text);
        format!("expected JSON; a text has quotes of its own: '{quoted}'")
    })
}

/// Takes `text` as the name of a namespace.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err(format!("namespaces start with /, as in /{text}"));
    }
    Ok(text.to_owned())
}

/// Takes `text` as a duration, and leaves it as it was written.
pub(super) fn duration_text(text: &str) -> Result<String, String> {
    duration(text).map(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_as_it_was_written() {
        for text in [
            r#"{"b":1,"a":[1.0, 12345678901234567890123]}"#,
            "null",
            r#""hi""#,
        ] {
            let written = serde_json::to_string(&json(text).unwrap()).unwrap();
            assert_eq!(written, text);
        }
    }

    #[test]
    fn a_word_that_is_no_json_is_told_how_to_become_it() {
        for (text, words) in [
            ("hi", r#"'"hi"'"#),
            ("say \"hi\"", r#"'"say \"hi\""'"#),
            ("", r#"'""'"#),
            ("{\"a\":1", "expected JSON"),
        ] {
            let error = json(text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
