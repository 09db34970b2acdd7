//! JSON that is read as serde_json reads it, but that takes no array for an object.
//!
//! What serde derives for a struct reads an array, too, field by field: several arguments of one emit are an array, and
//! would be the fields of an object that nobody sent.

use std::fmt;

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess,
        Visitor,
    },
};

/// What reads JSON, or a part of it, and hands on nothing but its like.
pub(super) struct Strict<T>(pub(super) T);

/// A visitor that is shown what it asked for by way of [`Strict`].
struct Shown<V> {
    visitor: V,
    is_object: bool,
}

impl<V> Shown<V> {
    fn any(visitor: V) -> Self {
        Self {
            visitor,
            is_object: false,
        }
    }

    fn object(visitor: V) -> Self {
        Self {
            visitor,
            is_object: true,
        }
    }
}

macro_rules! as_it_is {
    ($($deserialize:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$deserialize(visitor)
        }
    )*};
}

macro_rules! with_parts {
    ($($deserialize:ident($($argument:ident: $type:ty),*) $shown:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(
            self,
            $($argument: $type,)*
            visitor: V,
        ) -> Result<V::Value, D::Error> {
            self.0.$deserialize($($argument,)* Shown::$shown(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    as_it_is! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_unit deserialize_identifier deserialize_ignored_any
    }

    with_parts! {
        deserialize_any() any
        deserialize_option() any
        deserialize_seq() any
        deserialize_map() any
        deserialize_unit_struct(name: &'static str) any
        deserialize_tuple(len: usize) any
        deserialize_tuple_struct(name: &'static str, len: usize) any
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) object
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) any
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        // This is how serde_json's own types ask for text that stays unparsed.
        if name.starts_with("$serde_json::") {
            return self.0.deserialize_newtype_struct(name, visitor);
        }
        self.0.deserialize_newtype_struct(name, Shown::any(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! values {
    ($($visit:ident: $type:ty)*) => {$(
        fn $visit<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$visit(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Shown<V> {
    type Value = V::Value;

    values! {
        visit_bool: bool
        visit_i64: i64
        visit_i128: i128
        visit_u64: u64
        visit_u128: u128
        visit_f64: f64
        visit_str: &str
        visit_borrowed_str: &'de str
        visit_string: String
        visit_bytes: &[u8]
        visit_borrowed_bytes: &'de [u8]
        visit_byte_buf: Vec<u8>
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Strict(value))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, value: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Strict(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<V::Value, A::Error> {
        if self.is_object {
            return Err(A::Error::invalid_type(Unexpected::Seq, &"an object"));
        }
        self.visitor.visit_seq(Strict(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Strict(fields))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(Strict(variant))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(value))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Strict<A> {
    type Error = A::Error;
    type Variant = Strict<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let (name, content) = self.0.variant_seed(seed)?;
        Ok((name, Strict(content)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Strict(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, Shown::any(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Shown::object(visitor))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use crate::{Raw, body::decode};

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it is read matters")]
    struct Point {
        x: f64,
        y: f64,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    #[expect(dead_code, reason = "only whether it is read matters")]
    enum Shape {
        Nothing,
        Dot(Point),
        Line(Point, Point),
        Circle { centre: Point, radius: f64 },
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it is read matters")]
    struct Drawing {
        shapes: Vec<Shape>,
        corner: Option<Point>,
        size: (u32, u32),
        note: Raw,
    }

    fn told<T: serde::de::DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
        let exception = decode::<T>(text, None).unwrap_err();
        exception.message().unwrap().to_owned()
    }

    #[test]
    fn everything_else_is_read_as_it_was() {
        let text = r#"{"shapes":["nothing",{"dot":{"x":1,"y":2}},{"line":[{"x":1,"y":2},{"x":3,"y":4}]},
            {"circle":{"centre":{"x":1e2,"y":-2},"radius":3}}],"corner":null,"size":[3,4],"note":[1, {"a":"b"}]}"#;

        let drawing: Drawing = decode(text, None).unwrap();

        assert_eq!(drawing.shapes.len(), 4);
        assert_eq!(drawing.note.get(), r#"[1, {"a":"b"}]"#);
    }

    #[test]
    fn an_array_is_no_object_wherever_it_stands() {
        assert_eq!(told::<Point>("[1,2]"), "body: expected an object");
        assert_eq!(told::<Option<Point>>("[1,2]"), "body: expected an object");
        assert_eq!(told::<Vec<Point>>("[[1,2]]"), "body[0]: expected an object");
        for shape in [r#"{"dot":[1,2]}"#, r#"{"circle":[{"x":1,"y":2},3]}"#] {
            assert!(
                told::<Shape>(shape).contains("expected an object"),
                "{shape}"
            );
        }
        assert_eq!(
            told::<Drawing>(r#"{"shapes":[],"corner":[1,2],"size":[3,4],"note":1}"#),
            "corner: expected an object"
        );
    }
}
