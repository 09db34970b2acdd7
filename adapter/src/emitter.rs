//! Emitting from a program that has no sockets: a worker, a command, a web server.

use std::mem;

use bytes::Bytes;
use fred::{clients::Client, interfaces::PubsubInterface};
use indexmap::IndexSet;
use serde::Serialize;
use socketioxide_core::adapter::{Room, RoomParam};

use crate::{
    bus, channel,
    error::{BusError, EmitError},
    wire::{self, EncodeError, Question, Request, Targets},
};

/// Emits to the clients of all servers from a program that has none itself, as `@socket.io/redis-emitter` does.
///
/// It publishes and never subscribes, so it is nobody in the cluster: no server waits for it or counts it. It reaches nodes of
/// this crate and Node.js servers with the classic adapter, over classic Pub/Sub only.
///
/// A cheap handle. What selects clients returns a new one, and leaves the first as it was:
///
/// ```no_run
/// use bytes::Bytes;
/// use fred::prelude::*;
/// use roomcast_adapter::Emitter;
/// use serde::Serialize;
///
/// #[derive(Serialize)]
/// struct Invoice {
///     number: u32,
///     pdf: Bytes,
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let redis = Builder::from_config(Config::from_url("redis://127.0.0.1:6379")?)
///         .set_policy(ReconnectPolicy::new_constant(0, 300))
///         .build()?;
///     redis.init().await?;
///     let emitter = Emitter::new(redis, "socket.io");
///
///     emitter.emit("news", "the shop is open").await?;
///
///     let shop = emitter.of("/shop");
///     let pdf = Bytes::from_static(b"%PDF-1.7");
///     shop.to("user:7").emit("invoice", &Invoice { number: 1, pdf }).await?;
///     // Several arguments, to the members of either room but those of a third.
///     shop.to(["staff", "admins"]).except("away").emit("sold", &(3, "shoes")).await?;
///     shop.to("user:7").disconnect_sockets(true).await?;
///     Ok(())
/// }
/// ```
///
/// # Data
///
/// Whatever is [`Serialize`]: a tuple is several arguments, `()` is none, and anything else is one. Arrays of fixed length are
/// tuples to serde; one that is a single argument stands in a tuple of one, `&([1, 2],)`. Bytes that serialize as
/// bytes, such as `bytes::Bytes` with its feature `serde` or what `serde_bytes` wraps, are binary values; a `Vec<u8>` by
/// itself is a list of numbers. Values are what serde_json would make of them.
///
/// # Errors
///
/// All calls fail with [`EmitError`]. What could not be published is not kept for later, so a failed call may be repeated.
/// Without a connection to Redis they fail at once, and give up after five seconds otherwise.
///
/// That a call succeeds means that Redis has it: whether any server listens is not known. What is awaited before the next call
/// arrives before it; on a Redis Cluster, where channels belong to different masters, only if both are for the same room,
/// or both for none or several.
#[derive(Debug, Clone)]
pub struct Emitter {
    redis: Client,
    key: String,
    namespace: String,
    targets: Targets,
    /// Whether rooms were named, be it none.
    is_selection: bool,
}

impl Emitter {
    /// An emitter to all clients of the namespace `/`.
    ///
    /// `redis` is connected, may be used for other things too, and is used for single commands only. `key` is that of the servers:
    /// [`Config::key`](crate::Config::key), `socket.io` unless changed.
    pub fn new(redis: Client, key: impl Into<String>) -> Self {
        Self {
            redis,
            key: key.into(),
            namespace: "/".to_owned(),
            targets: Targets::default(),
            is_selection: false,
        }
    }

    /// The same in another namespace. A slash that it does not begin with is added.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Self {
        let slash = if namespace.starts_with('/') { "" } else { "/" };
        Self {
            namespace: format!("{slash}{namespace}"),
            ..self.clone()
        }
    }

    /// Only to the members of these rooms, and of those named before.
    ///
    /// Each client is in a room of its own id. A list of no rooms selects nobody, and nothing is sent.
    #[must_use]
    pub fn to(&self, rooms: impl RoomParam) -> Self {
        let mut emitter = self.clone();
        emitter.is_selection = true;
        add(&mut emitter.targets.rooms, rooms);
        emitter
    }

    /// Not to the members of these rooms.
    #[must_use]
    pub fn except(&self, rooms: impl RoomParam) -> Self {
        let mut emitter = self.clone();
        add(&mut emitter.targets.except, rooms);
        emitter
    }

    /// Clients that cannot take an event at once may miss it. Nodes of this crate deliver it like any other.
    #[must_use]
    pub fn volatile(&self) -> Self {
        let mut emitter = self.clone();
        emitter.targets.flags.volatile = true;
        emitter
    }

    /// Whether transports that can compress should do so. Otherwise they decide.
    #[must_use]
    pub fn compress(&self, yes: bool) -> Self {
        let mut emitter = self.clone();
        emitter.targets.flags.compress = Some(yes);
        emitter
    }

    /// Emits an event to the selected clients.
    ///
    /// # Errors
    ///
    /// [`EmitError::Encode`] if the event has a name that clients keep for themselves, or data that they could not read;
    /// [`EmitError::Publish`] if Redis did not take it.
    pub async fn emit(
        &self,
        event: &str,
        data: &(impl Serialize + ?Sized),
    ) -> Result<(), EmitError> {
        let message = self.broadcast(event, data)?;
        self.publish(message).await
    }

    /// Makes the selected clients join rooms.
    ///
    /// # Errors
    ///
    /// [`EmitError::Publish`] if Redis did not take it; [`EmitError::Encode`] if the rooms are too many for one message.
    pub async fn sockets_join(&self, rooms: impl RoomParam) -> Result<(), EmitError> {
        let message = self.request(Question::Join {
            targets: self.targets.clone(),
            rooms: collected(rooms),
            of_one: false,
        })?;
        self.publish(message).await
    }

    /// Makes the selected clients leave rooms.
    ///
    /// # Errors
    ///
    /// As [`sockets_join`](Self::sockets_join).
    pub async fn sockets_leave(&self, rooms: impl RoomParam) -> Result<(), EmitError> {
        let message = self.request(Question::Leave {
            targets: self.targets.clone(),
            rooms: collected(rooms),
            of_one: false,
        })?;
        self.publish(message).await
    }

    /// Disconnects the selected clients from the namespace, and with `close` ends their connections.
    ///
    /// # Errors
    ///
    /// As [`sockets_join`](Self::sockets_join).
    pub async fn disconnect_sockets(&self, close: bool) -> Result<(), EmitError> {
        let message = self.request(Question::Disconnect {
            targets: self.targets.clone(),
            close,
            of_one: false,
        })?;
        self.publish(message).await
    }

    /// Emits an event to the applications of all servers of the namespace: no client gets it, and rooms mean nothing.
    ///
    /// # Errors
    ///
    /// [`EmitError::Encode`] if the event is `connect`, `connection` or `new_namespace`, which servers keep for themselves,
    /// or has binary values; [`EmitError::Publish`] if Redis did not take it.
    pub async fn server_side_emit(
        &self,
        event: &str,
        data: &(impl Serialize + ?Sized),
    ) -> Result<(), EmitError> {
        let message = self.server_side(event, data)?;
        self.send(message).await
    }

    fn broadcast(
        &self,
        event: &str,
        data: &(impl Serialize + ?Sized),
    ) -> Result<Message, EncodeError> {
        let payload = wire::encode_emission(&self.namespace, event, data, &self.targets)?;
        let channel = match &self.targets.rooms[..] {
            [room] => channel::room(&self.key, &self.namespace, room),
            _ => channel::namespace(&self.key, &self.namespace),
        };
        Ok(Message { channel, payload })
    }

    fn request(&self, question: Question<'_>) -> Result<Message, EncodeError> {
        let request = Request {
            uid: None,
            id: None,
            question,
        };
        Ok(Message {
            channel: channel::request(&self.key, &self.namespace),
            payload: wire::encode_request(&request)?,
        })
    }

    fn server_side(
        &self,
        event: &str,
        data: &(impl Serialize + ?Sized),
    ) -> Result<Message, EncodeError> {
        Ok(Message {
            channel: channel::request(&self.key, &self.namespace),
            payload: wire::encode_server_side_emission(event, data)?,
        })
    }

    /// Sends what is for clients, if there are any that it can be for.
    async fn publish(&self, message: Message) -> Result<(), EmitError> {
        // On the wire no rooms are all clients.
        if self.is_selection && self.targets.rooms.is_empty() {
            return Ok(());
        }
        self.send(message).await
    }

    async fn send(&self, message: Message) -> Result<(), EmitError> {
        let redis = bus::connected(&self.redis).map_err(EmitError::Publish)?;
        let published = redis.publish::<(), _, _>(message.channel, message.payload);
        published
            .await
            .map_err(|error| EmitError::Publish(BusError::Redis(error)))
    }
}

/// What is to be published.
#[derive(Debug)]
struct Message {
    channel: String,
    payload: Bytes,
}

/// Adds rooms, each once.
fn add(rooms: &mut Vec<String>, more: impl RoomParam) {
    let mut all: IndexSet<_> = mem::take(rooms).into_iter().collect();
    all.extend(more.into_room_iter().map(Room::into_owned));
    rooms.extend(all);
}

fn collected(rooms: impl RoomParam) -> Vec<String> {
    rooms.into_room_iter().map(Room::into_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fred::types::Builder;
    use serde_json::{Value as Json, json};

    use super::*;

    fn emitter() -> Emitter {
        let redis = Builder::default_centralized().build().unwrap();
        Emitter::new(redis, "socket.io")
    }

    /// What Node's emitter published, by the names of the golden messages: channels and bytes in hexadecimal.
    fn golden(file: &str) -> BTreeMap<String, (String, String)> {
        let file: Json = serde_json::from_str(file).unwrap();
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        let vectors = file["vectors"].as_array().unwrap().iter();
        vectors
            .map(|vector| {
                let message = (text(&vector["channel"]), text(&vector["hex"]));
                (text(&vector["name"]), message)
            })
            .filter(|(name, _)| name.starts_with("emitter-"))
            .collect()
    }

    fn hex(message: &Message) -> (String, String) {
        let digits = message.payload.iter().map(|byte| format!("{byte:02x}"));
        (message.channel.clone(), digits.collect())
    }

    #[test]
    fn events_are_published_byte_for_byte_as_nodes_emitter_does() {
        let golden = golden(include_str!("../tests/golden/broadcasts.json"));
        let main = emitter();
        let chosen = main.to(["r1", "r2"]).except("r3").volatile().compress(true);
        let chat = main.of("/chat").to("room1");
        let bytes = Bytes::from_static(&[1, 2, 3]);
        let written = [
            ("all", main.broadcast("hello", "world")),
            (
                "one-room",
                main.to("room1").broadcast("hello", &json!({"n": 1})),
            ),
            ("flags", chosen.broadcast("hello", &())),
            ("namespace-binary", chat.broadcast("hello", &bytes)),
        ];

        assert_eq!(golden.len(), written.len());
        for (name, message) in written {
            let name = format!("emitter-broadcast-{name}");
            assert_eq!(hex(&message.unwrap()), golden[&name], "{name}");
        }
    }

    #[test]
    fn requests_are_published_byte_for_byte_as_nodes_emitter_does() {
        let golden = golden(include_str!("../tests/golden/requests.json"));
        let room = emitter().to("room1");
        let of_one = false;
        let join = Question::Join {
            targets: room.targets.clone(),
            rooms: collected(["a", "b"]),
            of_one,
        };
        let leave = Question::Leave {
            targets: room.except("x").targets,
            rooms: collected("a"),
            of_one,
        };
        let disconnect = Question::Disconnect {
            targets: room.targets.clone(),
            close: true,
            of_one,
        };
        let written = [
            ("join", room.request(join)),
            ("leave", room.request(leave)),
            ("disconnect", room.request(disconnect)),
            ("server-side-emit", room.server_side("evt", &(1, "two"))),
        ];

        assert_eq!(golden.len(), written.len());
        for (name, message) in written {
            let name = format!("emitter-{name}");
            assert_eq!(hex(&message.unwrap()), golden[&name], "{name}");
        }
    }

    #[test]
    fn a_selection_leaves_the_emitter_as_it_was() {
        let main = emitter();

        let chosen = main.of("chat").to(["a", "b"]).to("a").except("c");

        assert_eq!(chosen.namespace, "/chat");
        assert_eq!(chosen.targets.rooms, ["a", "b"]);
        assert_eq!(chosen.of("/").targets.except, ["c"]);
        assert_eq!(main.targets, Targets::default());
        assert_eq!(main.of("").namespace, "/");
    }

    #[test]
    fn what_servers_or_clients_could_not_read_is_refused() {
        let main = emitter();
        let refused = |message: Result<Message, EncodeError>| message.unwrap_err();

        for name in ["connect", "disconnect", "newListener"] {
            let error = refused(main.broadcast(name, &()));
            assert_eq!(error, EncodeError::ReservedEvent(name));
            assert!(main.broadcast(&name.to_uppercase(), &()).is_ok());
        }
        for name in ["connect", "connection", "new_namespace"] {
            let error = refused(main.server_side(name, &()));
            assert_eq!(error, EncodeError::ReservedEvent(name));
        }
        assert!(main.server_side("disconnect", &()).is_ok());
        let binary = refused(main.server_side("evt", &Bytes::new()));
        assert!(matches!(binary, EncodeError::Malformed(_)), "{binary}");
        let lookalike = (Bytes::new(), json!({"_placeholder": true, "num": 7}));
        assert!(main.broadcast("evt", &lookalike).is_err());
        let mut deep = json!(1);
        for _ in 0..200 {
            deep = json!([deep]);
        }
        assert!(main.broadcast("evt", &deep).is_err());
        assert!(main.server_side("evt", &deep).is_err());
        let large = "x".repeat(wire::MAX);
        assert!(matches!(
            refused(main.broadcast("evt", &large)),
            EncodeError::TooLarge(_)
        ));
    }

    #[tokio::test]
    async fn without_a_connection_nothing_is_published_and_the_error_says_so() {
        let error = emitter().emit("hello", &()).await.unwrap_err();

        assert_eq!(error.to_string(), "the event was not published");
        assert!(matches!(error, EmitError::Publish(BusError::Disconnected)));
    }

    #[tokio::test]
    async fn a_list_of_no_rooms_is_nobody() {
        let nobody = emitter().to(Vec::<String>::new());

        // There is no connection that it could be sent on.
        nobody.emit("hello", &()).await.unwrap();
        nobody.disconnect_sockets(true).await.unwrap();
    }
}
