//! How a client connected, for its gateway.

use std::time::SystemTime;

use http::request::Parts;
use roomcast_gateway::Handshake;

use crate::connection::Peer;

/// What a request says. `is_websocket` tells whether it asked for one: the connection does not keep the headers that all
/// of those have.
pub(super) fn of_request(parts: &Parts, time: SystemTime, is_websocket: bool) -> Handshake {
    let mut handshake = Handshake::new(parts.uri.to_string(), time);
    for (name, value) in &parts.headers {
        handshake = handshake.with_header(name.as_str(), String::from_utf8_lossy(value.as_bytes()));
    }
    if is_websocket {
        handshake = handshake
            .with_header("connection", "Upgrade")
            .with_header("upgrade", "websocket");
    }
    let query = parts.uri.query().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        handshake = handshake.with_query(name, value);
    }
    if let Some(peer) = parts.extensions.get::<Peer>() {
        handshake = handshake
            .with_address(peer.address)
            .with_encryption(peer.is_secure);
    }
    handshake
}
