//! Tokens at the door of a namespace.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use roomcast_gateway::{Gateway, Refusal, RoomName, RoomPatterns, Socket};
use serde_json::{Map, Value, json};

use super::{TokenError, Verifier};
use crate::live::Keys;

/// Whose seat it is: the claims of the token with which a client was let in, as
/// [`SocketData<User>`](roomcast_gateway::SocketData).
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    claims: Arc<Map<String, Value>>,
    name: Option<Arc<str>>,
    rooms: Option<RoomPatterns>,
    room: Option<RoomName>,
}

impl User {
    /// All claims.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// What the user is called: the claim `name`, else `sub`, if either can be a username.
    pub fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
    }

    /// Whether the token lets its holder join `room`: the claim `rooms` is a list of [patterns](RoomPatterns), and a token
    /// without one allows every room.
    pub fn may_join(&self, room: &RoomName) -> bool {
        self.rooms.as_ref().is_none_or(|rooms| rooms.allow(room))
    }

    /// The room of all sockets of this user in the namespace, `~user/` and the claim `sub`. None where that is missing, or
    /// too long for the name of a room.
    pub fn room(&self) -> Option<&RoomName> {
        self.room.as_ref()
    }
}

/// When a seat's token expires; kept with the socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expiry(SystemTime);

impl Expiry {
    /// How long it is until then.
    pub(crate) fn left(self) -> Duration {
        let left = self.0.duration_since(SystemTime::now());
        left.unwrap_or_default()
    }
}

/// The gateway, for clients with a valid token alone.
pub(crate) fn guarded(gateway: Gateway, keys: Keys) -> Gateway {
    gateway.admit_first(move |socket: Socket| {
        let admitted = admit(&keys.now(), &socket);
        async move { admitted }
    })
}

fn admit(verifier: &Verifier, socket: &Socket) -> Result<(), Refusal> {
    let claims = verifier
        .admit(socket.handshake(), SystemTime::now())
        .map_err(refusal)?;
    socket.set_data(Expiry(claims.expires()));
    socket.set_data(User {
        name: claims.username().map(Into::into),
        rooms: claims.rooms().cloned(),
        room: claims.user_room(),
        claims: Arc::new(claims.into_all()),
    });
    Ok(())
}

fn refusal(error: TokenError) -> Refusal {
    Refusal::new(error.message()).with_data(&json!({ "code": error.code() }))
}
