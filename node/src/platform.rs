//! What carries gateways: binds a [`Gateway`](roomcast_gateway::Gateway) to something that has sockets.

pub(crate) mod socketio;
