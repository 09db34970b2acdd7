//! What is tolerated, what is refused, and what clients are shown, on messages put together by hand.

mod dialects;
mod leniency;
mod refusals;
mod rendering;
mod sending;

use serde_json::Value as Json;

use super::{number::Number, writer::Writer};

/// MessagePack of `json`.
fn pack(json: &Json) -> Vec<u8> {
    let mut out = Writer::default();
    write(json, &mut out);
    out.finish()
}

fn write(json: &Json, out: &mut Writer) {
    match json {
        Json::Null => out.nil(),
        Json::Bool(value) => out.boolean(*value),
        Json::Number(value) => match (value.as_u64(), value.as_i64(), value.as_f64()) {
            (Some(value), _, _) => out.unsigned(value),
            (_, Some(value), _) => out.signed(value),
            (_, _, value) => out.number(Number::Float(value.unwrap())),
        },
        Json::String(value) => out.text(value),
        Json::Array(values) => {
            out.list(values.len() as u32);
            values.iter().for_each(|value| write(value, out));
        }
        Json::Object(entries) => {
            out.map(entries.len() as u32);
            for (key, value) in entries {
                out.text(key);
                write(value, out);
            }
        }
    }
}

/// A message whose event has the one argument that `argument` is in MessagePack.
fn with_argument(argument: &[u8]) -> Vec<u8> {
    let mut out = Writer::default();
    out.list(3);
    out.text("other");
    out.map(2);
    out.text("type");
    out.unsigned(2);
    out.text("data");
    out.list(2);
    out.text("e");
    out.raw(argument);
    out.map(0);
    out.finish()
}
