//! A socket as other servers are told of it, and as gateways are told of theirs.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use roomcast_adapter::{Profile, RemoteHandshake};
use roomcast_gateway::{
    RemoteSocket,
    platform::{Handshake, SocketPort},
};
use serde_json::Value;

/// What other servers are told of a socket.
pub(super) fn of(socket: &dyn SocketPort) -> Profile {
    let handshake = socket.handshake();
    Profile {
        id: socket.id().to_owned(),
        handshake: told(handshake),
        data: socket.values().shared(),
    }
}

fn told(handshake: &Handshake) -> RemoteHandshake {
    let since = handshake.time().duration_since(UNIX_EPOCH);
    let issued = since.unwrap_or(Duration::ZERO).as_millis();
    let mut told = RemoteHandshake::at(u64::try_from(issued).unwrap_or(u64::MAX));
    told.headers = texts(handshake.headers());
    told.query = texts(handshake.query_pairs());
    told.xdomain = handshake.header("origin").is_some();
    told.address = handshake
        .address()
        .map_or_else(String::new, |it| it.to_string());
    told.secure = handshake.is_secure();
    told.url = handshake.url().to_owned();
    told.auth = handshake.auth().cloned().unwrap_or(Value::Null);
    told
}

fn texts<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, Value> {
    pairs
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect()
}

/// What a gateway is told of a socket of any server.
pub(super) fn remote(socket: roomcast_adapter::RemoteSocket) -> RemoteSocket {
    let told = socket.handshake;
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(told.issued));
    let mut handshake = Handshake::new(told.url, time.unwrap_or(SystemTime::UNIX_EPOCH));
    for (name, value) in told.headers {
        handshake = handshake.with_header(&name, text(value));
    }
    for (name, value) in told.query {
        handshake = handshake.with_query(name, text(value));
    }
    if let Ok(address) = told.address.parse() {
        handshake = handshake.with_address(address);
    }
    handshake = handshake.with_encryption(told.secure);
    let remote = RemoteSocket::new(
        socket.id,
        socket.rooms,
        handshake.with_auth(told.auth),
        socket.data,
    );
    if socket.node.is_empty() {
        return remote;
    }
    remote.of_node(socket.node)
}

/// Servers of Node.js have lists where a header or a parameter comes more than once.
fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_handshake_survives_the_way_to_another_server() {
        let handshake = Handshake::new("/socket.io/?EIO=4", UNIX_EPOCH + Duration::from_millis(5))
            .with_header("Origin", "http://a.example")
            .with_query("EIO", "4")
            .with_address([127, 0, 0, 1].into())
            .with_encryption(true)
            .with_auth(json!({ "token": "t" }));

        let told = told(&handshake);
        assert!(told.xdomain);
        assert_eq!(told.issued, 5);
        assert_eq!(
            told.time,
            "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)"
        );
        let sent = json!({ "id": "~a", "handshake": told, "rooms": ["~a"], "data": {} });
        let back = remote(serde_json::from_value(sent).unwrap()).handshake;

        assert_eq!(back.header("origin"), Some("http://a.example"));
        assert_eq!(back.query("EIO"), Some("4"));
        assert_eq!(back.address(), handshake.address());
        assert_eq!(back.auth(), handshake.auth());
        assert!(back.is_secure());
        assert_eq!(back.time(), handshake.time());
    }
}
