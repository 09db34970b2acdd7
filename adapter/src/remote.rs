//! A socket as other nodes see it: the shape in which Node.js servers tell each other of theirs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A socket of any node.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RemoteSocket {
    /// Its id, as its client sees it.
    pub id: String,
    /// How it connected.
    #[serde(default)]
    pub handshake: RemoteHandshake,
    /// The rooms that it is in, that of its own id included.
    #[serde(default, deserialize_with = "names")]
    pub rooms: Vec<String>,
    /// What its application keeps with it for others to see: `socket.data` in Node.js.
    #[serde(default)]
    pub data: Value,
    /// The node of this crate that has it; empty for a socket of a Node.js server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node: String,
}

/// How a socket connected, in the form that applications in Node.js know as `socket.handshake`.
///
/// It holds what the client sent, tokens and cookies included. `Debug` hides the headers, the query and `auth`.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RemoteHandshake {
    /// The headers of the connection's first request, names in lower case.
    pub headers: BTreeMap<String, Value>,
    /// When, as JavaScript's `Date` prints it.
    pub time: String,
    /// The client's IP address.
    pub address: String,
    /// Whether there was an `Origin` header.
    pub xdomain: bool,
    /// Whether the connection to the node itself was encrypted.
    pub secure: bool,
    /// When, in milliseconds since 1970.
    pub issued: u64,
    /// Path and query of the request.
    pub url: String,
    /// The parameters of the query.
    pub query: BTreeMap<String, Value>,
    /// What the client sent in its CONNECT packet; an empty object if nothing.
    pub auth: Value,
}

/// What a [`Recipient`](crate::Recipient) tells of its socket.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Its id, as its client sees it.
    pub id: String,
    /// How it connected.
    pub handshake: RemoteHandshake,
    /// What its application lets others see of it: an object.
    pub data: Value,
}

impl RemoteSocket {
    pub(crate) fn new(node: &str, profile: Profile, rooms: Vec<String>) -> Self {
        let object = |value: Value| match value {
            Value::Null => Value::Object(serde_json::Map::new()),
            value => value,
        };
        let mut handshake = profile.handshake;
        handshake.auth = object(handshake.auth);
        Self {
            id: profile.id,
            handshake,
            rooms,
            data: object(profile.data),
            node: node.to_owned(),
        }
    }
}

impl RemoteHandshake {
    /// A handshake of that time, in milliseconds since 1970; all else is to be filled in.
    pub fn at(issued: u64) -> Self {
        Self {
            time: javascript_date(issued),
            issued,
            ..Self::default()
        }
    }
}

impl std::fmt::Debug for RemoteHandshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteHandshake")
            .field("time", &self.time)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Names of rooms, which are numbers where an application in JavaScript uses such.
fn names<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<Value>::deserialize(deserializer)?.into_iter();
    let name = |name| match name {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(names.map(name).collect())
}

/// `Fri Nov 20 2026 11:37:32 GMT+0000 (Coordinated Universal Time)`.
fn javascript_date(milliseconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = milliseconds / 1000;
    let days = seconds / 86_400;
    let (year, month, day) = crate::wire::civil(i64::try_from(days).unwrap_or(0));
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let weekday = DAYS[(days % 7) as usize];
    let month = MONTHS[month as usize - 1];
    format!(
        "{weekday} {month} {day:02} {year:04} {hour:02}:{minute:02}:{second:02} GMT+0000 (Coordinated Universal Time)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_printed_as_in_javascript() {
        assert_eq!(
            javascript_date(1_795_174_652_000),
            "Fri Nov 20 2026 11:37:32 GMT+0000 (Coordinated Universal Time)"
        );
        assert_eq!(
            javascript_date(951_782_400_000),
            "Tue Feb 29 2000 00:00:00 GMT+0000 (Coordinated Universal Time)"
        );
    }

    #[test]
    fn a_socket_has_the_shape_that_node_knows() {
        let profile = Profile {
            id: "~id".to_owned(),
            ..Profile::default()
        };
        let socket = RemoteSocket::new("n1", profile, vec!["~id".to_owned()]);

        let text = serde_json::to_string(&socket).unwrap();

        assert_eq!(
            text,
            r#"{"id":"~id","handshake":{"headers":{},"time":"","address":"","xdomain":false,"secure":false,"issued":0,"url":"","query":{},"auth":{}},"rooms":["~id"],"data":{},"node":"n1"}"#
        );
        let sparse: RemoteSocket = serde_json::from_str(r#"{"id":"a","more":1}"#).unwrap();
        assert_eq!(sparse.id, "a");
        let numbered: RemoteSocket = serde_json::from_str(r#"{"id":"a","rooms":["a",7]}"#).unwrap();
        assert_eq!(numbered.rooms, ["a", "7"]);
    }
}
