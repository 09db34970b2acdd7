//! Turns bodies into the types that handlers ask for, and says what is wrong with those that do not fit.

mod misfit;
mod strict;
mod tree;

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use self::strict::Strict;
use crate::{Exception, Raw};

/// The body as a `T`.
pub(crate) fn parse<T: DeserializeOwned>(body: &Raw) -> Result<T, Exception> {
    body.read(|text| decode(text, None))
}

/// The field `name` of the body as a `T`, read from null where the body has no such field.
pub(crate) fn parse_field<T: DeserializeOwned>(
    body: &Raw,
    name: &'static str,
) -> Result<T, Exception> {
    body.read(|text| {
        let field = field(text, name).map_or("null", RawValue::get);
        decode(field, Some(name))
    })
}

/// Parses without any bookkeeping, which almost always succeeds; only a misfit is looked at closely.
fn decode<T: DeserializeOwned>(text: &str, field: Option<&'static str>) -> Result<T, Exception> {
    let mut json = serde_json::Deserializer::from_str(text);
    T::deserialize(Strict(&mut json))
        .and_then(|value| json.end().map(|()| value))
        .map_err(|error| Exception::new(misfit::explain::<T>(text, field, &error)))
}

/// The last field of that name, if `text` is an object that has one.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a RawValue> {
    struct Find<'n>(&'n str);

    impl<'de> Visitor<'de> for Find<'_> {
        type Value = Option<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(key) = map.next_key::<Key<'de>>()? {
                if key.0 == self.0 {
                    found = Some(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }

    /// Borrowed unless it holds an escape, which a plain `Cow` never is.
    #[derive(serde::Deserialize)]
    struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

    serde_json::Deserializer::from_str(text)
        .deserialize_map(Find(name))
        .ok()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_among_others_and_the_last_of_a_name_counts() {
        let found = |text| field(text, "id").map(RawValue::get);

        assert_eq!(found(r#"{"a":{"id":1},"id": [2] ,"b":3}"#), Some("[2]"));
        assert_eq!(found(r#"{"id":1,"\u0069d":2}"#), Some("2"));
        assert_eq!(found(r#"{"ids":1}"#), None);
    }

    #[test]
    fn only_objects_have_fields() {
        for text in ["null", "42", "\"id\"", "[1]", "true"] {
            assert!(field(text, "id").is_none(), "{text}");
        }
    }
}
