//! Packets as `socket.io-msgpack-parser` has them, from and to the texts that everything else here speaks. Pure.
//!
//! A packet is a map of `type`, `nsp`, and where there are any `id` and `data`. Scenarios send no binary data, so what
//! comes is read as JSON values.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::client::packet::{Body, Decoder, Packet, PacketError};

/// How a server or a client writes a packet.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    #[serde(rename = "type")]
    kind: u8,
    nsp: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
}

/// What the packet of this text looks like in MessagePack.
pub(super) fn encode(text: &str) -> Result<Vec<u8>, PacketError> {
    let malformed = || PacketError::Data(text.chars().take(80).collect());
    let packet = Decoder::default().text(text)?.ok_or_else(malformed)?;
    let (kind, id, data) = match packet.body {
        Body::Connect(auth) => (0, None, auth),
        Body::Disconnect => (1, None, None),
        Body::Event { id, name, mut args } => {
            args.insert(0, Value::from(name));
            (2, id, Some(Value::from(args)))
        }
        Body::Ack { id, args } => (3, Some(id), Some(Value::from(args))),
        Body::ConnectError(error) => (4, None, Some(error)),
    };
    let written = Written {
        kind,
        nsp: packet.namespace,
        id,
        data,
    };
    rmp_serde::to_vec_named(&written).map_err(|_| malformed())
}

/// The text of a packet in MessagePack.
pub(super) fn decode(bytes: &[u8]) -> Result<String, PacketError> {
    let malformed = || PacketError::Data(format!("MessagePack of {} bytes", bytes.len()));
    let written: Written = rmp_serde::from_slice(bytes).map_err(|_| malformed())?;
    let args = |data| match data {
        Some(Value::Array(args)) => Ok(args),
        _ => Err(malformed()),
    };
    let body = match written.kind {
        0 => Body::Connect(written.data),
        1 => Body::Disconnect,
        2 => {
            let mut args = args(written.data)?.into_iter();
            let Some(Value::String(name)) = args.next() else {
                return Err(malformed());
            };
            Body::Event {
                id: written.id,
                name,
                args: args.collect(),
            }
        }
        3 => Body::Ack {
            id: written.id.ok_or_else(malformed)?,
            args: args(written.data)?,
        },
        4 => Body::ConnectError(written.data.unwrap_or_default()),
        kind => return Err(PacketError::Type(kind.to_string())),
    };
    Ok(Packet::new(&written.nsp, body).encode())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_and_msgpack_turn_into_each_other() {
        for text in [
            r#"0{"token":"x"}"#,
            "0/chat,",
            "1",
            r#"2["hello",{"a":[1,null]}]"#,
            r#"2/chat,7["q","x"]"#,
            r#"37["one"]"#,
            r#"4{"message":"no"}"#,
        ] {
            assert_eq!(decode(&encode(text).unwrap()).unwrap(), text);
        }
    }

    #[test]
    fn a_packet_is_read_as_the_stock_parser_writes_it() {
        let packet = (2, ["hello"], "/", BTreeMap::from([("compress", true)]));
        let mut bytes = vec![0x84];
        for part in [
            rmp_serde::to_vec(&("type", packet.0)),
            rmp_serde::to_vec(&("data", packet.1)),
            rmp_serde::to_vec(&("nsp", packet.2)),
            rmp_serde::to_vec(&("options", packet.3)),
        ] {
            // Without the header that makes a tuple of the two.
            bytes.extend_from_slice(&part.unwrap()[1..]);
        }

        assert_eq!(decode(&bytes).unwrap(), r#"2["hello"]"#);
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
