//! A record and its parts.

use std::{fmt, num::NonZeroU64};

use indexmap::IndexMap;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::value::RawValue;

/// How many fields a record may have, its id not counted.
///
/// Redis does nothing else while it merges: a thousand fields take it about a millisecond.
pub const MAX_FIELDS: usize = 1_000;

/// The name under which a record shows its id, and which no other field can have.
const ID: &str = "id";

/// The id of a record: a positive integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RecordId(NonZeroU64);

/// The fields of a record without its id: names, and values as JSON text. They keep the order of their first writing.
#[derive(Debug, Clone, Default)]
pub struct Fields(IndexMap<String, Box<RawValue>>);

/// A record. As JSON it is one object, its id first.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its id, which it keeps for life.
    pub id: RecordId,
    /// All else.
    pub fields: Fields,
}

impl RecordId {
    /// The id of that number; none for zero.
    pub fn new(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }

    /// Reads the text of a JSON number. A fraction, zero, a sign or an exponent make it no id.
    pub fn from_json(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// The number.
    pub fn number(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Fields {
    /// The fields of any value that is an object in JSON.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&serde_json::to_string(value)?)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON text of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.get())
    }

    /// The names and JSON texts, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, value.get()))
    }

    /// Puts in those of `changes`: in their old places where there is one of the name, and else at the end.
    pub fn merge(&mut self, changes: Self) {
        self.0.extend(changes.0);
    }

    /// Keeps the fields whose names pass.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&str) -> bool) {
        self.0.retain(|name, _| is_kept(name));
    }

    /// Takes the field `id` out, which can be none of a record's own: its JSON text.
    pub fn take_id(&mut self) -> Option<String> {
        let id = self.0.shift_remove(ID)?;
        Some(id.get().to_owned())
    }

    /// A field is added, or its value replaced. For stores.
    pub fn insert(&mut self, name: String, value: Box<RawValue>) {
        self.0.insert(name, value);
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = IndexMap::new();
                // Of two fields of one name the last counts, as in JavaScript.
                while let Some((name, value)) = map.next_entry()? {
                    fields.insert(name, value);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.fields.len()))?;
        map.serialize_entry(ID, &self.id)?;
        for (name, value) in &self.fields.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_positive_integer_written_as_one() {
        assert_eq!(RecordId::from_json("42"), RecordId::new(42));
        for text in [
            "0",
            "-1",
            "1.5",
            "1.0",
            "1e3",
            "null",
            "\"1\"",
            "18446744073709551616",
        ] {
            assert_eq!(RecordId::from_json(text), None, "{text}");
        }
    }

    #[test]
    fn a_record_shows_its_id_first_and_its_fields_as_they_were_written() {
        let fields = serde_json::from_str(r#"{"b":1.0,"a":[],"é":12345678901234567890123}"#);

        let record = Record {
            id: RecordId::new(7).unwrap(),
            fields: fields.unwrap(),
        };

        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            r#"{"id":7,"b":1.0,"a":[],"é":12345678901234567890123}"#
        );
    }

    #[test]
    fn a_field_that_is_merged_keeps_its_place() {
        let mut fields: Fields = serde_json::from_str(r#"{"a":1,"b":2}"#).unwrap();

        fields.merge(serde_json::from_str(r#"{"c":3,"a":4,"c":5}"#).unwrap());

        assert_eq!(
            serde_json::to_string(&fields).unwrap(),
            r#"{"a":4,"b":2,"c":5}"#
        );
    }
}
