//! Reads `broadcasts.json` without any code of the crate under test.

use std::time::Duration;

use bytes::Bytes;
use roomcast_adapter::wire::Flags;
use serde::Deserialize;
use serde_json::value::RawValue;

/// All captured broadcasts.
pub(crate) fn load() -> Vec<Vector> {
    #[derive(Deserialize)]
    struct File {
        vectors: Vec<Vector>,
    }
    let file: File = serde_json::from_str(include_str!("broadcasts.json")).unwrap();
    assert_eq!(file.vectors.len(), 36);
    file.vectors
}

/// One captured broadcast.
#[derive(Deserialize)]
pub(crate) struct Vector {
    pub(crate) name: String,
    hex: String,
    decoded: (String, Packet, Options),
}

#[derive(Deserialize)]
pub(crate) struct Packet {
    /// As text, since the order of keys matters.
    data: Box<RawValue>,
    pub(crate) nsp: String,
}

#[derive(Deserialize)]
pub(crate) struct Options {
    rooms: Vec<serde_json::Value>,
    pub(crate) except: Vec<String>,
    flags: FlagNames,
}

#[derive(Deserialize)]
struct FlagNames {
    #[serde(default)]
    volatile: bool,
    compress: Option<bool>,
    timeout: Option<u64>,
    #[serde(default, rename = "expectSingleResponse")]
    expects_one: bool,
}

/// An event as a client of the default parser gets it.
pub(crate) struct Event {
    pub(crate) json: String,
    pub(crate) attachments: Vec<Bytes>,
}

impl Vector {
    /// The message, as it was captured.
    pub(crate) fn message(&self) -> Bytes {
        unhex(&self.hex)
    }

    /// The event's list in the message: what stands between the keys `data` and `nsp`.
    pub(crate) fn data(&self) -> Bytes {
        let message = self.message();
        let place = |key: &[u8]| message.windows(key.len()).position(|window| window == key);
        let start = place(b"\xa4data").unwrap() + 5;
        let end = place(b"\xa2id\x00").or_else(|| place(b"\xa3nsp")).unwrap();
        message.slice(start..end)
    }

    pub(crate) fn uid(&self) -> &str {
        &self.decoded.0
    }

    pub(crate) fn packet(&self) -> &Packet {
        &self.decoded.1
    }

    pub(crate) fn options(&self) -> &Options {
        &self.decoded.2
    }

    pub(crate) fn rooms(&self) -> Vec<String> {
        let room = |room: &serde_json::Value| room.as_str().map_or(room.to_string(), str::to_owned);
        self.options().rooms.iter().map(room).collect()
    }

    pub(crate) fn flags(&self) -> Flags {
        let given = &self.options().flags;
        Flags {
            volatile: given.volatile,
            compress: given.compress,
            timeout: given.timeout.map(Duration::from_millis),
            expects_one: given.expects_one,
            trace: None,
        }
    }

    pub(crate) fn event_name(&self) -> String {
        let data: Vec<serde_json::Value> = serde_json::from_str(self.packet().data.get()).unwrap();
        data[0].as_str().unwrap().to_owned()
    }

    /// The event, with what stands for a value that JSON lacks replaced by what a client is shown.
    pub(crate) fn event(&self) -> Event {
        let mut rest = self.packet().data.get();
        let mut json = String::new();
        let mut attachments = Vec::new();
        while let Some(start) = rest.find(r#"{"$"#) {
            json.push_str(&rest[..start]);
            let end = start + rest[start..].find('}').unwrap() + 1;
            let (kind, value) = rest[start + 3..end - 2].split_once(r#"":""#).unwrap();
            match kind {
                "bin" => {
                    let number = attachments.len();
                    json.push_str(&format!(r#"{{"_placeholder":true,"num":{number}}}"#));
                    attachments.push(unhex(value));
                }
                "date" => json.push_str(&format!("\"{value}\"")),
                "number" => json.push_str("null"),
                kind => panic!("unknown kind {kind}"),
            }
            rest = &rest[end..];
        }
        json.push_str(rest);
        Event { json, attachments }
    }
}

pub(crate) fn unhex(hex: &str) -> Bytes {
    let digits: Vec<_> = hex
        .chars()
        .map(|digit| digit.to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}
