//! Who is there: the socket, the server, and why a socket is gone.

use super::Extract;
use crate::{
    DisconnectReason, Exception, Server, Socket,
    occasion::{Disconnect, Occasion, OfSocket},
};

impl<O: OfSocket> Extract<O> for Socket {
    fn extract(occasion: &O) -> Result<Self, Exception> {
        Ok(occasion.socket().clone())
    }
}

impl<O: Occasion> Extract<O> for Server {
    fn extract(occasion: &O) -> Result<Self, Exception> {
        Ok(occasion.server())
    }
}

impl Extract<Disconnect> for DisconnectReason {
    fn extract(disconnect: &Disconnect) -> Result<Self, Exception> {
        Ok(disconnect.reason())
    }
}
