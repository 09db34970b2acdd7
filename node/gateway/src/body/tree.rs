//! A body as a tree that is read like text, but whose errors know the way to where they happened.

use serde::{
    Deserializer,
    de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};
use serde_json::Value;

use super::misfit::{Misfit, in_json, one_of, without_position};

/// A value in the body, which reads as serde_json reads it.
pub(super) struct Tree<'a>(pub(super) &'a Value);

impl<'de> Deserializer<'de> for Tree<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(_) => other(self.0, |value| value.deserialize_any(visitor)),
            Value::String(text) => visitor.visit_str(text),
            Value::Array(items) => {
                let mut rest = Items { items, next: 0 };
                let value = visitor.visit_seq(&mut rest)?;
                if rest.next < items.len() {
                    return Err(Misfit::new(format!("expected an array of {}", rest.next)));
                }
                Ok(value)
            }
            Value::Object(fields) => visitor.visit_map(Fields {
                rest: fields.iter(),
                value: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        // This is how serde_json's own types ask for text that stays unparsed.
        if name.starts_with("$serde_json::") {
            return other(self.0, |value| {
                value.deserialize_newtype_struct(name, visitor)
            });
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        if self.0.is_array() {
            return Err(Misfit::new("expected an object"));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(variant.as_str().into_deserializer()),
            Value::Object(fields) if fields.len() == 1 => other(self.0, |value| {
                value.deserialize_enum(name, variants, visitor)
            }),
            _ => Err(Misfit::new(format!("expected {}", one_of(variants)))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

/// Lets serde_json read a value in which the way does not go on.
fn other<T>(
    value: &Value,
    read: impl FnOnce(Value) -> Result<T, serde_json::Error>,
) -> Result<T, Misfit> {
    read(value.clone()).map_err(|error| {
        let text = without_position(&error);
        Misfit::new(match text.rsplit_once(", expected ") {
            Some((_, expected)) => format!("expected {}", in_json(&expected.replace('`', ""))),
            None => text,
        })
    })
}

struct Items<'a> {
    items: &'a [Value],
    next: usize,
}

impl<'de> SeqAccess<'de> for &mut Items<'_> {
    type Error = Misfit;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        let index = self.next;
        let Some(item) = self.items.get(index) else {
            return Ok(None);
        };
        self.next += 1;
        seed.deserialize(Tree(item))
            .map(Some)
            .map_err(|misfit| misfit.at_item(index))
    }
}

struct Fields<'a> {
    rest: serde_json::map::Iter<'a>,
    value: Option<(&'a str, &'a Value)>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Misfit;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        let Some((key, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some((key, value));
        let key: de::value::StrDeserializer<'_, Misfit> = key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        let (key, value) = self.value.take().unwrap_or(("", &Value::Null));
        seed.deserialize(Tree(value))
            .map_err(|misfit| misfit.inside(key))
    }
}
