//! Every kind of reply and refusal, on `/kinds` and `/club`: `cargo run --example kinds`. The end-to-end tests compare
//! what clients see of it with a NestJS server that has the same gateways.

use std::{io, time::Duration};

use futures_util::{StreamExt as _, stream};
use roomcast_node::gateway::{
    Ack, Acknowledge, Data, Exception, Gateway, Handshake, Next, Raw, Refusal, Replies, Reply,
    Route, Server, Socket, Valid, Validate, Violation, WsResponse, field,
    occasion::{Event, OfSocket as _},
};
use roomcast_node::{Config, Node, signal, telemetry};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Longer than a client takes for its next event.
const SLOW: Duration = Duration::from_secs(1);

field! {
    /// The field `id` of the body.
    struct Id = "id";
}

#[derive(Serialize, Deserialize)]
struct Point {
    x: f64,
    y: f64,
}

#[derive(Serialize, Deserialize)]
struct Signup {
    name: String,
    age: u32,
}

impl Validate for Signup {
    fn violations(&self) -> Vec<Violation> {
        let rules = [
            (self.name.is_empty(), "name", "should not be empty"),
            (self.age < 18, "age", "must not be less than 18"),
        ];
        let broken = rules.into_iter().filter(|(is_broken, ..)| *is_broken);
        broken
            .map(|(_, field, message)| Violation::new(field, message))
            .collect()
    }
}

/// To whom something is sent.
#[derive(Deserialize)]
struct Letter {
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    data: Raw,
}

/// What a handler may return: nothing, values, events and streams of them.
fn replies(gateway: Gateway) -> Gateway {
    gateway
        .on("echo", async |body: Raw| Ack(body))
        .on("nothing", async || ())
        .on("null", async || Ack(()))
        .on("zero", async || Ack(0))
        .on("false", async || Ack(false))
        .on("emptyText", async || Ack(""))
        .on("lookalike", async || {
            Ack(json!({ "event": "answered", "data": 1 }))
        })
        .on("response", async |body: Raw| {
            WsResponse::new("answered", body)
        })
        .on("emptyResponse", async || WsResponse::empty("answered"))
        .on("values", async || Replies(stream::iter([1, 2, 3].map(Ack))))
        .on("events", async || {
            Replies(stream::iter([1, 2, 3]).map(|n| WsResponse::new("answered", n)))
        })
        .on("noItems", async || Replies(stream::empty::<Ack<u8>>()))
        .on("brokenStream", async || {
            let items = [Ok(1), Ok(2), Err("no more"), Ok(3)];
            Replies(stream::iter(items).map(|item| match item {
                Ok(number) => Ok(WsResponse::new("answered", number)),
                Err(message) => Err(Exception::new(message)),
            }))
        })
        .on("told", async |socket: Socket, body: Raw| {
            socket.emit("told", "before the ack")?;
            Ok::<_, Exception>(Ack(body))
        })
        .on(
            "acknowledged",
            async |ack: Acknowledge, socket: Socket, body: Raw| {
                ack.answer(&body)?;
                ack.answer("again")?;
                socket.emit("told", "after the ack")?;
                Ok::<_, Exception>(())
            },
        )
}

/// What a client is told when something cannot be done.
fn exceptions(gateway: Gateway) -> Gateway {
    gateway
        .on("refused", async || refuse(Exception::new("no")))
        .on("object", async || {
            refuse(Exception::object(&json!({ "code": 7, "why": ["no"] })))
        })
        .on("failure", async || {
            Err::<(), Exception>(io::Error::other("a secret of the server").into())
        })
        .on("panic", async || -> Ack<()> { panic!("a mistake") })
        .on("reserved", async |socket: Socket| {
            socket.emit("connect", "reserved")?;
            Ok::<_, Exception>(Ack(true))
        })
        .on("number", async |Data(number): Data<i64>| Ack(number))
        .on("point", async |Data(point): Data<Point>| Ack(point))
        .on("points", async |Data(points): Data<Vec<Point>>| {
            Ack(points.len())
        })
        .on("idText", async |Id(id): Id<String>| Ack(id))
        .on("signUp", async |Valid(signup): Valid<Signup>| Ack(signup))
}

/// Guards, interceptors and filters.
fn steps(gateway: Gateway) -> Gateway {
    let closed = async || false;
    let members = async |socket: Socket| match socket.rooms().iter().any(|room| room == "members") {
        true => Ok(()),
        false => Err(Exception::new("members only")),
    };
    let echo = async |body: Raw| Ack(body);
    gateway
        .route("closed", Route::to(echo).guard(closed))
        .route("membersOnly", Route::to(echo).guard(members))
        .route(
            "closedMembers",
            Route::to(echo).guard(members).guard(closed),
        )
        .route(
            "membersNumber",
            Route::to(async |Data(number): Data<i64>| Ack(number)).guard(members),
        )
        .route(
            "surrounded",
            Route::to(async |socket: Socket, body: Raw| {
                socket.emit("told", "handler")?;
                Ok::<_, Exception>(Ack(body))
            })
            .interceptor(surround),
        )
        .route("replaced", Route::to(echo).interceptor(replace))
        .route(
            "closedReplaced",
            Route::to(echo).guard(closed).interceptor(replace),
        )
        .route(
            "filtered",
            Route::to(async || refuse(Exception::new("no"))).filter(with_code),
        )
        .route(
            "silenced",
            Route::to(async || refuse(Exception::new("no"))).filter(|_: Exception, _: &Event| None),
        )
        .route(
            "filteredNumber",
            Route::to(async |Data(number): Data<i64>| Ack(number)).filter(with_code),
        )
        .on("slow", slow)
        .route("slowBeside", Route::to(slow).concurrent())
}

/// Rooms, other sockets, and the end.
fn sockets(gateway: Gateway) -> Gateway {
    gateway
        .on_connection(async |socket: Socket| {
            if let Some(name) = socket.handshake().query("greet") {
                socket.emit("welcome", name)?;
            }
            Ok::<_, Exception>(())
        })
        .on_disconnect(async |socket: Socket, server: Server| {
            server.to("waiting").emit("left", socket.id())?;
            Ok::<_, Exception>(())
        })
        .on("handshake", async |socket: Socket| {
            Ack(handshake(socket.handshake()))
        })
        .on("enter", async |socket: Socket, Data(room): Data<String>| {
            socket.join(room).await?;
            Ok::<_, Exception>(Ack(count_of(&socket)))
        })
        .on("exit", async |socket: Socket, Data(room): Data<String>| {
            socket.leave(room);
            Ack(count_of(&socket))
        })
        .on(
            "serverSends",
            async |server: Server, Data(letter): Data<Letter>| {
                let mut everyone = server.everyone();
                for room in letter.to {
                    everyone = everyone.to(room);
                }
                for room in letter.except {
                    everyone = everyone.except(room);
                }
                everyone.emit("letter", &letter.data)?;
                Ok::<_, Exception>(Ack(true))
            },
        )
        .on(
            "socketSends",
            async |socket: Socket, Data(letter): Data<Letter>| {
                let mut others = socket.broadcast();
                for room in letter.to {
                    others = others.to(room);
                }
                for room in letter.except {
                    others = others.except(room);
                }
                others.emit("letter", &letter.data)?;
                Ok::<_, Exception>(Ack(true))
            },
        )
        .on(
            "asked",
            async |socket: Socket, server: Server, body: Raw| {
                let patience = Duration::from_secs(5);
                let asked = server
                    .socket(socket.id())
                    .emit_with_ack("question", &body, patience);
                Ok::<_, Exception>(WsResponse::new("answered", asked.await?.received))
            },
        )
        .on("leave", async |socket: Socket| socket.disconnect())
        .on("byeAndLeave", async |socket: Socket| {
            socket.emit("bye", "the last")?;
            socket.disconnect();
            Ok::<_, Exception>(Ack("after the last"))
        })
}

fn club() -> Gateway {
    Gateway::new("/club")
        .admit(
            async |socket: Socket| match socket.handshake().query("card") {
                Some("gold") => Ok(()),
                Some(_) => Err(Refusal::new("not this card").with_data(&json!({ "code": 3 }))),
                None => Err(Refusal::new("members only")),
            },
        )
        .on("echo", async |body: Raw| Ack(body))
}

fn refuse(exception: Exception) -> Result<Ack<()>, Exception> {
    Err(exception)
}

async fn slow(body: Raw) -> Ack<Raw> {
    tokio::time::sleep(SLOW).await;
    Ack(body)
}

async fn surround(event: Event, next: Next) -> Result<Reply, Exception> {
    let socket = event.socket().clone();
    socket.emit("told", "before")?;
    let reply = next.await;
    socket.emit("told", "after")?;
    reply
}

async fn replace(_: Event, _: Next) -> Result<Reply, Exception> {
    Reply::of(Ack("in its place"))
}

fn with_code(exception: Exception, event: &Event) -> Option<Exception> {
    let Some(message) = exception.message() else {
        return Some(exception);
    };
    Some(Exception::object(
        &json!({ "code": 400, "message": message, "event": event.name() }),
    ))
}

fn handshake(handshake: &Handshake) -> Value {
    json!({
        "auth": handshake.auth().unwrap_or(&json!({})),
        "query": handshake.query("greet"),
        "header": handshake.header("x-kind"),
    })
}

fn count_of(socket: &Socket) -> usize {
    socket.rooms().len()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::from_args()?;
    telemetry::install(&config.log);
    let kinds = [replies, exceptions, steps, sockets]
        .into_iter()
        .fold(Gateway::new("/kinds"), |gateway, part| part(gateway));
    let node = Node::builder(config).gateway(kinds).gateway(club());
    let node = node.bind().await?;
    node.run(signal::shutdown()?).await;
    Ok(())
}
