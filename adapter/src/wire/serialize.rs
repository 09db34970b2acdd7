//! Values of Rust programs as MessagePack, in the forms that Node's encoder chooses.

use std::fmt::Display;

use serde::{Serialize, ser};

use super::{
    encode::EncodeError,
    msgpack::Reader,
    number::Number,
    walk,
    writer::{Slot, Writer},
};

/// The list of an event's name and its arguments, which are the parts of a tuple, none for `()`, and else the one value.
pub(super) fn event(
    name: &str,
    arguments: &(impl Serialize + ?Sized),
) -> Result<Vec<u8>, EncodeError> {
    let mut out = Writer::default();
    let list = out.open_list();
    out.text(name);
    let count = arguments.serialize(Serializer {
        out: &mut out,
        is_arguments: true,
    })?;
    out.close(list, 1 + count);
    Ok(out.finish())
}

impl ser::Error for EncodeError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Value(message.to_string())
    }
}

/// Writes one value, or the arguments of an event; returns how many values it has written.
struct Serializer<'a> {
    out: &'a mut Writer,
    is_arguments: bool,
}

impl<'a> Serializer<'a> {
    fn value(out: &'a mut Writer) -> Self {
        Self {
            out,
            is_arguments: false,
        }
    }

    fn list(self) -> Parts<'a> {
        let slot = Some(self.out.open_list());
        Parts {
            out: self.out,
            slot,
            len: 0,
        }
    }

    fn map(self) -> Parts<'a> {
        let slot = Some(self.out.open_map());
        Parts {
            out: self.out,
            slot,
            len: 0,
        }
    }

    /// A list, or the values of one where they are arguments.
    fn tuple(self) -> Parts<'a> {
        if self.is_arguments {
            Parts {
                out: self.out,
                slot: None,
                len: 0,
            }
        } else {
            self.list()
        }
    }

    /// The map of one entry that stands for a variant with a value, up to that value.
    fn variant(self, name: &str) -> Self {
        self.out.map(1);
        self.out.text(name);
        Self::value(self.out)
    }
}

/// A list, map or row of arguments that is being written.
struct Parts<'a> {
    out: &'a mut Writer,
    /// Where its head is, which arguments have none of.
    slot: Option<Slot>,
    len: u32,
}

impl Parts<'_> {
    fn push(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), EncodeError> {
        value.serialize(Serializer::value(self.out))?;
        self.len += 1;
        Ok(())
    }

    fn entry(
        &mut self,
        key: &'static str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), EncodeError> {
        self.out.text(key);
        self.push(value)
    }

    fn close(self) -> u32 {
        match self.slot {
            Some(slot) => {
                self.out.close(slot, self.len);
                1
            }
            None => self.len,
        }
    }
}

impl<'a> ser::Serializer for Serializer<'a> {
    type Ok = u32;
    type Error = EncodeError;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    fn serialize_bool(self, value: bool) -> Result<u32, EncodeError> {
        self.out.boolean(value);
        Ok(1)
    }

    fn serialize_i8(self, value: i8) -> Result<u32, EncodeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<u32, EncodeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<u32, EncodeError> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<u32, EncodeError> {
        self.out.signed(value);
        Ok(1)
    }

    fn serialize_u8(self, value: u8) -> Result<u32, EncodeError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<u32, EncodeError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<u32, EncodeError> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<u32, EncodeError> {
        self.out.unsigned(value);
        Ok(1)
    }

    fn serialize_f32(self, value: f32) -> Result<u32, EncodeError> {
        // The number that its text is, as in JSON: 0.1 and not 0.10000000149011612.
        self.serialize_f64(value.to_string().parse().unwrap_or(value.into()))
    }

    fn serialize_f64(self, value: f64) -> Result<u32, EncodeError> {
        self.out.number(Number::from(value));
        Ok(1)
    }

    fn serialize_char(self, value: char) -> Result<u32, EncodeError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<u32, EncodeError> {
        self.out.text(value);
        Ok(1)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<u32, EncodeError> {
        self.out.binary(value);
        Ok(1)
    }

    fn serialize_none(self) -> Result<u32, EncodeError> {
        self.out.nil();
        Ok(1)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<u32, EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<u32, EncodeError> {
        if self.is_arguments {
            return Ok(0);
        }
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<u32, EncodeError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<u32, EncodeError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<u32, EncodeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<u32, EncodeError> {
        value.serialize(self.variant(variant))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, EncodeError> {
        Ok(self.list())
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, EncodeError> {
        Ok(self.tuple())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, EncodeError> {
        Ok(self.tuple())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, EncodeError> {
        Ok(self.variant(variant).list())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'a>, EncodeError> {
        Ok(self.map())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, EncodeError> {
        Ok(self.map())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, EncodeError> {
        Ok(self.variant(variant).map())
    }
}

impl ser::SerializeSeq for Parts<'_> {
    type Ok = u32;
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn end(self) -> Result<u32, EncodeError> {
        Ok(self.close())
    }
}

impl ser::SerializeTuple for Parts<'_> {
    type Ok = u32;
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn end(self) -> Result<u32, EncodeError> {
        Ok(self.close())
    }
}

impl ser::SerializeTupleStruct for Parts<'_> {
    type Ok = u32;
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn end(self) -> Result<u32, EncodeError> {
        Ok(self.close())
    }
}

impl ser::SerializeTupleVariant for Parts<'_> {
    type Ok = u32;
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn end(self) -> Result<u32, EncodeError> {
        Ok(self.close())
    }
}

impl ser::SerializeMap for Parts<'_> {
    type Ok = u32;
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        let mut out = Writer::default();
        key.serialize(Serializer::value(&mut out))?;
        let key = out.finish();
        self.out.text(&walk::key(&mut Reader::new(&key))?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.push(value)
    }

    fn end(self) -> Result<u32, EncodeError> {
        Ok(self.close())
    }
}

impl ser::SerializeStruct for Parts<'_> {
    type Ok = u32;
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.entry(key, value)
    }

    fn end(self) -> Result<u32, EncodeError> {
        Ok(self.close())
    }
}

impl ser::SerializeStructVariant for Parts<'_> {
    type Ok = u32;
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.entry(key, value)
    }

    fn end(self) -> Result<u32, EncodeError> {
        Ok(self.close())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::wire::msgpack_to_json;

    /// The list of the event `e`, and its binary values.
    fn seen(arguments: &impl Serialize) -> (String, Vec<Bytes>) {
        msgpack_to_json(&event("e", arguments).unwrap()).unwrap()
    }

    fn text(arguments: &impl Serialize) -> String {
        seen(arguments).0
    }

    #[derive(Serialize)]
    struct Point {
        x: i32,
        y: Option<f32>,
    }

    #[derive(Serialize)]
    enum Shape {
        Nothing,
        Circle(u8),
        Line(i8, i8),
        Box { of: Point },
    }

    #[test]
    fn a_tuple_is_several_arguments_and_all_else_is_one() {
        assert_eq!(text(&()), r#"["e"]"#);
        assert_eq!(text(&"a"), r#"["e","a"]"#);
        assert_eq!(text(&(1, "two", [3, 4])), r#"["e",1,"two",[3,4]]"#);
        assert_eq!(text(&vec![1, 2]), r#"["e",[1,2]]"#);
        assert_eq!(text(&(vec![1, 2],)), r#"["e",[1,2]]"#);
        assert_eq!(text(&(1, (2, ()))), r#"["e",1,[2,null]]"#);
        assert_eq!(text(&None::<u8>), r#"["e",null]"#);
        let many: Vec<_> = (0..20).collect();
        assert_eq!(text(&many), format!("[\"e\",{}]", json!(many)));
    }

    #[test]
    fn values_are_what_they_are_in_json() {
        let point = |y| Point { x: -1, y };
        assert_eq!(text(&point(Some(0.1))), r#"["e",{"x":-1,"y":0.1}]"#);
        assert_eq!(text(&point(None)), r#"["e",{"x":-1,"y":null}]"#);
        let shapes = (
            Shape::Nothing,
            Shape::Circle(1),
            Shape::Line(1, 2),
            Shape::Box { of: point(None) },
        );
        assert_eq!(
            text(&shapes),
            r#"["e","Nothing",{"Circle":1},{"Line":[1,2]},{"Box":{"of":{"x":-1,"y":null}}}]"#
        );
        let value = json!({"a": [1.5, true, null, {"b": "ü"}], "c": u64::MAX});
        assert_eq!(text(&value), format!("[\"e\",{value}]"));
        assert_eq!(text(&('ü', u64::MAX)), r#"["e","ü",18446744073709551615]"#);
    }

    #[test]
    fn numbers_without_a_fraction_are_integers() {
        assert_eq!(event("e", &(5.0, 5.0_f32)).unwrap()[3..], [5, 5]);
        let nan = event("e", &f64::NAN).unwrap();
        assert_eq!(nan[3], 0xcb, "a float of 64 bits, as Node writes it");
        assert_eq!(event("e", &f32::INFINITY).unwrap()[3], 0xcb);
    }

    #[test]
    fn bytes_are_binary_values_and_lists_of_numbers_are_not() {
        let bytes = Bytes::from_static(&[1, 2, 3]);

        let (json, binary) = seen(&(&bytes, [1_u8, 2, 3]));

        assert_eq!(json, r#"["e",{"_placeholder":true,"num":0},[1,2,3]]"#);
        assert_eq!(binary, [bytes]);
    }

    #[test]
    fn keys_are_texts() {
        let numbers = BTreeMap::from([(-1, "a"), (7, "b")]);
        assert_eq!(text(&numbers), r#"["e",{"-1":"a","7":"b"}]"#);
        assert_eq!(text(&HashMap::from([(true, 1)])), r#"["e",{"true":1}]"#);
        let lists = BTreeMap::from([([1], 1)]);
        assert!(matches!(event("e", &lists), Err(EncodeError::Malformed(_))));
    }

    #[test]
    fn what_serde_refuses_is_told() {
        struct Odd;
        impl Serialize for Odd {
            fn serialize<S: ser::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(ser::Error::custom("odd"))
            }
        }

        let error = event("e", &vec![Odd]).unwrap_err();

        assert_eq!(error.to_string(), "the data cannot be serialized: odd");
    }
}
