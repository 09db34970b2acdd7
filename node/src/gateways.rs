//! What the stock binary serves.

mod chat;
mod events;
mod replies;
mod resource;

use std::sync::Arc;

pub use chat::chat;
pub use events::events;
pub use replies::replies;
pub use resource::Resource;

use roomcast_gateway::Gateway;

use crate::{
    config::{BuiltIn, Config},
    presence::Presence,
    store::{Fields, Store},
};

/// What built-in gateways stand on; those without theirs are not served.
pub(crate) struct Ground {
    /// Keeps the records of the resource.
    pub(crate) store: Option<Arc<dyn Store>>,
    /// Keeps the users of the chat.
    pub(crate) presence: Option<Presence>,
}

/// The built-in gateways that the configuration asks for.
pub(crate) fn built_in(config: &Config, ground: Ground) -> Vec<Gateway> {
    let asked_for = |gateway| config.gateways.contains(&gateway);
    let store = ground.store.filter(|_| asked_for(BuiltIn::Resource));
    let presence = ground.presence.filter(|_| asked_for(BuiltIn::Chat));
    let mut gateways = Vec::new();
    let joinable = &config.rooms.joinable;
    let events = asked_for(BuiltIn::Events).then(|| events(joinable.clone()));
    gateways.extend(root(events, store));
    gateways.extend(asked_for(BuiltIn::Replies).then(replies));
    gateways.extend(presence.map(|presence| chat(presence, joinable.clone())));
    gateways
}

/// The gateway at `/`: a namespace has one, whatever is in it.
fn root(events: Option<Gateway>, store: Option<Arc<dyn Store>>) -> Option<Gateway> {
    match store {
        Some(store) => {
            let gateway = events.unwrap_or_else(|| Gateway::new("/"));
            Some(Resource::<Fields>::named("Aaa", store).mount(gateway))
        }
        None => events,
    }
}
