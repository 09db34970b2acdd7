//! Write the handlers of a realtime namespace without knowing what carries them.
//!
//! A *gateway* is a set of async functions on a namespace of a Socket.IO server. What they take says what they
//! need, what they return says what the client gets. This crate is the whole programming model and no more: no
//! network, no runtime. A node serves gateways; tests call them directly.
//!
//! # A first handler
//!
//! ```
//! use roomcast_gateway::{Ack, Data, Gateway};
//!
//! async fn ping(Data(text): Data<String>) -> Ack<String> {
//!     Ack(text)
//! }
//!
//! let gateway = Gateway::new("/echo").on("ping", ping);
//! ```
//!
//! A client that connects to `/echo` and emits `ping` with a string gets it back as its ack. With anything
//! but a string it gets the event `exception` with the message `body: expected a string`, and `ping` does not run.
//!
//! # What a handler takes
//!
//! None to six of these, in any order:
//!
//! | argument | is |
//! | --- | --- |
//! | [`Data<T>`] | the body, parsed |
//! | [`Valid<T>`] | the body, parsed and [validated](Validate) |
//! | [`Raw`] | the body, never parsed, to be passed on as it is |
//! | a name made with [`field!`] | one field of the body |
//! | [`Socket`] | the client's seat in the namespace: emit to it, make it join rooms |
//! | [`Server`] | everyone, on all nodes |
//! | [`State<T>`] | what the gateway was given with [`Gateway::state`] |
//! | [`Acknowledge`] | the client's ack, to be answered by hand |
//! | [`SocketData<T>`] | what a hook or a handler has put with this socket |
//! | [`DisconnectReason`] | why the socket is gone, in [`Gateway::on_disconnect`] alone |
//!
//! The body is the event's argument; of several, it is the array of them. [`Binary`] is a value anywhere inside
//! of it. Own arguments are an [`Extract`](extract::Extract) away.
//!
//! # What it returns
//!
//! | return type | the client gets |
//! | --- | --- |
//! | `()` | nothing; an ack that it asked for is never called |
//! | [`Ack<T>`] | the value as the ack, if it asked for one |
//! | [`WsResponse<T>`] | an event, and no ack |
//! | [`Replies<S>`] | any number of these, as they come |
//! | `Result<_, `[`Exception`]`>` | one of the above, or the event `exception` |
//!
//! A handler that panics, or fails with an error that is none of the client's business, is an exception that
//! says `Internal server error`.
//!
//! # Rooms, state and hooks
//!
//! ```
//! use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
//!
//! use roomcast_gateway::{
//!     Ack, Data, Exception, Gateway, JoinableRoom, Raw, RoomName, Server, Socket, State,
//! };
//! use serde::Deserialize;
//!
//! /// How many are connected to this node.
//! type Guests = Arc<AtomicUsize>;
//!
//! async fn welcome(socket: Socket, State(guests): State<Guests>) -> Result<(), Exception> {
//!     let guests = guests.fetch_add(1, Ordering::Relaxed) + 1;
//!     socket.emit("welcome", &guests)?;
//!     Ok(())
//! }
//!
//! async fn goodbye(State(guests): State<Guests>) {
//!     guests.fetch_sub(1, Ordering::Relaxed);
//! }
//!
//! async fn join(socket: Socket, Data(room): Data<JoinableRoom>) -> Result<Ack<bool>, Exception> {
//!     // Once this is done, nothing that any node emits to the room is missed.
//!     socket.join(room).await?;
//!     Ok(Ack(true))
//! }
//!
//! #[derive(Deserialize)]
//! struct Message {
//!     room: RoomName,
//!     data: Raw,
//! }
//!
//! async fn say(server: Server, Data(message): Data<Message>) -> Result<Ack<bool>, Exception> {
//!     server.to(message.room).emit("said", &message.data)?;
//!     Ok(Ack(true))
//! }
//!
//! fn lobby() -> Gateway {
//!     Gateway::new("/lobby")
//!         .state(Guests::default())
//!         .on_connection(welcome)
//!         .on_disconnect(goodbye)
//!         .on("join", join)
//!         .on("say", say)
//!         .emits(["welcome", "said"])
//! }
//! # use roomcast_gateway::{platform::Selection, testing::{block_on, Client, Sent}};
//! # use serde_json::json;
//! #
//! # let client = Client::of(lobby());
//! # block_on(async {
//! #     client.connect().await;
//! #     client.emit_with_ack("join", "red").await;
//! #     client.emit("say", &json!({ "room": "red", "data": [1, 2] })).await;
//! #     client.disconnect(roomcast_gateway::DisconnectReason::TransportClose).await;
//! # });
//! # let red = Selection { rooms: vec!["red".into()], ..Selection::default() };
//! # assert_eq!(client.sent(), [
//! #     Sent::event("welcome", json!(1)),
//! #     Sent::ack(json!(true)),
//! #     Sent::broadcast("/lobby", red, "said", json!([1, 2])),
//! # ]);
//! ```
//!
//! # Testing it
//!
//! With the feature `test-util`, a client that is connected to nothing calls the handlers and keeps what they
//! send. The gateway above, tested:
//!
//! ```
//! # use roomcast_gateway::{Ack, Data, Exception, Gateway, JoinableRoom, Socket};
//! use roomcast_gateway::testing::{Client, Sent, block_on};
//! use serde_json::json;
//!
//! # async fn join(socket: Socket, Data(room): Data<JoinableRoom>) -> Result<Ack<bool>, Exception> {
//! #     socket.join(room).await?;
//! #     Ok(Ack(true))
//! # }
//! # fn lobby() -> Gateway { Gateway::new("/lobby").on("join", join) }
//! let client = Client::of(lobby());
//!
//! block_on(client.emit_with_ack("join", "red"));
//! assert_eq!(client.sent(), [Sent::ack(json!(true))]);
//! assert!(client.socket().rooms().contains(&"red".to_owned()));
//!
//! block_on(client.emit_with_ack("join", "~someone-else"));
//! assert_eq!(client.sent(), [Sent::event("exception", json!({
//!     "status": "error",
//!     "message": "body: a room that begins with ~ cannot be joined",
//!     "cause": { "pattern": "join", "data": "~someone-else" },
//! }))]);
//! ```
//!
//! # Before and around handlers
//!
//! [Guards](Gateway::guard), [interceptors](Interceptor) and [filters](ExceptionFilter) stand before and around the
//! handlers of a gateway, or of one event as a [`Route`]. Who is let in at all is said by [`Gateway::admit`].
//!
//! ```
//! use roomcast_gateway::{Ack, Gateway, Refusal, Route, Socket, SocketData};
//!
//! #[derive(Clone)]
//! struct Admin;
//!
//! async fn invited(socket: Socket) -> Result<(), Refusal> {
//!     match socket.handshake().query("invitation") {
//!         Some("golden") => socket.set_data(Admin),
//!         Some(_) => {}
//!         None => return Err(Refusal::new("by invitation only")),
//!     }
//!     Ok(())
//! }
//!
//! async fn is_admin(admin: Option<SocketData<Admin>>) -> bool {
//!     admin.is_some()
//! }
//!
//! async fn close() -> Ack<bool> {
//!     Ack(true)
//! }
//!
//! let party = Gateway::new("/party")
//!     .admit(invited)
//!     .route("close", Route::to(close).guard(is_admin));
//! ```
//!
//! # All nodes
//!
//! A [`Server`] stands for the namespace on all nodes, those of Node.js included, and a [`Broadcast`] for some of its sockets:
//! both list them, count them, move them between rooms, disconnect them and wait for their acks. What asks other nodes
//! returns what was answered in time, and [who is missing](Missing).
//!
//! ```no_run
//! use roomcast_gateway::{Ack, Data, Exception, RoomName, Server, Socket};
//!
//! /// Sends everybody in a room home, and says how many there were.
//! async fn clear(server: Server, Data(room): Data<RoomName>) -> Result<Ack<usize>, Exception> {
//!     let members = server.to(room.clone()).count().await?;
//!     server.to(room.clone()).emit("closing", &())?;
//!     server.to(room.clone()).sockets_leave(room)?;
//!     Ok(Ack(members.value))
//! }
//!
//! /// Lets all servers see who a socket belongs to.
//! async fn introduce(socket: Socket, Data(name): Data<String>) -> Result<(), Exception> {
//!     Ok(socket.share("name", &name)?)
//! }
//! ```
//!
//! Applications talk to each other with [`Server::server_side_emit`] and [`Gateway::on_server_side`].
//!
//! [`coming_from_nestjs`] puts each decorator beside its counterpart.
//!
//! # What else is public
//!
//! Types of serde, serde_json and bytes are part of this interface. [`platform`] is for those who carry
//! gateways over something new; authors of gateways never need it.

mod acknowledge;
mod admission;
mod answers;
mod attachments;
mod binary;
mod body;
mod exception;
mod filter;
mod gateway;
mod gathered;
mod guard;
mod interceptor;
mod pipeline;
mod raw;
mod reply;
mod room;
mod room_pattern;
mod route;
mod run;
mod server;
mod server_side;
mod socket;
mod socket_data;
mod valid;

#[doc = include_str!("../docs/coming-from-nestjs.md")]
pub mod coming_from_nestjs {}
pub mod extract;
pub mod handler;
pub mod occasion;
pub mod platform;
pub mod state;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;

pub use self::{
    acknowledge::Acknowledge,
    admission::{AdmissionReply, Refusal},
    answers::Answers,
    binary::Binary,
    exception::Exception,
    extract::{Data, State},
    filter::ExceptionFilter,
    gateway::Gateway,
    gathered::{Gathered, Missing, RemoteSocket},
    guard::GuardReply,
    interceptor::{Interceptor, Next},
    platform::{DisconnectReason, EmitError, Handshake, Outcome},
    raw::Raw,
    reply::{Ack, HookReply, IntoReply, Replies, Reply, WsResponse},
    room::{JoinableRoom, RoomName, RoomNameError},
    room_pattern::{RoomPattern, RoomPatterns},
    route::Route,
    server::{Broadcast, Server},
    server_side::ServerSideReply,
    socket::Socket,
    socket_data::SocketData,
    valid::{Valid, Validate, Violation},
};
