//! Seats whose token expires.

use roomcast_gateway::Socket;
use tokio_util::task::TaskTracker;

use super::{job::Told, streams::Streams};
use crate::auth::Expiry;

/// Has the client told and disconnected when its token expires, unless its seat has ended by then. Does nothing for one
/// that has none.
pub(super) fn watch(socket: &Socket, streams: &Streams, tasks: &TaskTracker) {
    let Some(expiry) = socket.data::<Expiry>() else {
        return;
    };
    let ended = streams.ended();
    let socket = socket.clone();
    tasks.spawn(async move {
        let expired = tokio::time::sleep(expiry.left());
        if ended.run_until_cancelled(expired).await.is_some() {
            // A client that does not read is disconnected all the same.
            let _ = socket.emit("exception", &Told::error("token expired"));
            socket.disconnect();
        }
    });
}
