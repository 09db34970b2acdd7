//! The room of all sockets of one user.

use roomcast_gateway::Socket;

use crate::auth::User;

/// The room of the user to whom a socket belongs; none without a token, or with one that names nobody.
pub(super) fn room(socket: &Socket) -> Option<String> {
    socket.data::<User>()?.room().map(String::from)
}
