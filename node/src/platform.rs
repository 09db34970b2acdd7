//! What carries gateways: binds a [`Gateway`](roomcast_gateway::Gateway) to something that has sockets.

mod public_id;
pub(crate) mod socketio;
