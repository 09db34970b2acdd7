//! How many rooms a socket may be in.

use roomcast_adapter::Namespace;
use roomcast_gateway::platform::{JoinError, Joining};
use socketioxide_core::Sid;

/// Puts a socket into all of `rooms`, or, where it would be in more than `most` and that of its own id, into none.
pub(super) fn join(namespace: &Namespace, socket: Sid, rooms: Vec<String>, most: usize) -> Joining {
    let (now, most_with_id) = (namespace.rooms_with(socket, &[]), most.saturating_add(1));
    // Which of them are new is looked at only where all of them would be too many.
    if now + rooms.len() > most_with_id {
        let then = namespace.rooms_with(socket, &rooms);
        // A server may have put it into more. Where it is already, it can always be put again.
        if then > now && then > most_with_id {
            return Box::pin(std::future::ready(Err(JoinError::TooMany(most))));
        }
    }
    let joined = namespace.join(socket, rooms);
    Box::pin(async move {
        joined.await;
        Ok(())
    })
}
