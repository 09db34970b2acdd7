//! Events to clients: one, many at once, or one that is answered.

use std::time::Duration;

use axum::{Json, extract::State};
use roomcast_gateway::{
    RoomName,
    platform::{Outgoing, Prepared, Selection},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    Accepted, Control, Problem,
    argument::{self, Argument},
    input::{Input, Object, RoomSchema, Time},
};

/// Emits of one batch.
const MOST_EMITS: usize = 1000;

/// How long clients get to answer where the request does not say.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long they get at most.
const LONGEST: Duration = Duration::from_secs(60);

/// An event, and to whom it goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Emit {
    #[serde(default = "root")]
    #[schema(default = "/", example = "/chat")]
    namespace: String,
    /// Its name, none of those that Socket.IO keeps for itself.
    #[schema(example = "newMessage", min_length = 1)]
    event: String,
    /// Its arguments. `{"$binary":"base64"}` stands for bytes, anywhere.
    #[serde(default)]
    #[schema(value_type = Vec<serde_json::Value>)]
    args: Vec<Argument>,
    /// Whose members get it; everyone in the namespace without any. The id of a socket is a room.
    #[serde(default)]
    #[schema(value_type = Vec<RoomSchema>)]
    rooms: Vec<RoomName>,
    /// Whose members do not.
    #[serde(default)]
    #[schema(value_type = Vec<RoomSchema>)]
    except: Vec<RoomName>,
    /// Whether those that cannot take it right now may miss it.
    #[serde(default)]
    volatile: bool,
}

/// Many emits.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Batch {
    /// The emits, sent in this order once all have been checked.
    #[schema(max_items = 1000, value_type = Vec<Emit>)]
    emits: Vec<Object<Emit>>,
}

/// An event that clients answer with an ack.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    #[serde(default = "root")]
    #[schema(default = "/", example = "/chat")]
    namespace: String,
    /// Its name, none of those that Socket.IO keeps for itself.
    #[schema(example = "areYouThere", min_length = 1)]
    event: String,
    /// Its arguments. `{"$binary":"base64"}` stands for bytes, anywhere.
    #[serde(default)]
    #[schema(value_type = Vec<serde_json::Value>)]
    args: Vec<Argument>,
    /// Whose members get it; everyone in the namespace without any.
    #[serde(default)]
    #[schema(value_type = Vec<RoomSchema>)]
    rooms: Vec<RoomName>,
    /// Whose members do not.
    #[serde(default)]
    #[schema(value_type = Vec<RoomSchema>)]
    except: Vec<RoomName>,
    /// Has no effect: who misses the event cannot answer it.
    #[serde(default)]
    volatile: bool,
    /// How long clients get to answer, `60s` at most.
    #[schema(value_type = Option<String>, default = "5s", example = "2s")]
    timeout: Option<Time>,
}

/// What clients answered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Answers {
    /// The first argument of each ack, in no order; null for an ack without any.
    #[schema(value_type = Vec<serde_json::Value>)]
    answers: Vec<Box<RawValue>>,
    /// How many clients have not answered in time.
    missing: usize,
    /// Nodes that have not said whom they asked; `foreign` stands for a server that speaks only Node's protocol.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_nodes: Vec<String>,
}

pub(super) fn root() -> String {
    "/".to_owned()
}

/// Emits an event to the clients of the whole cluster.
#[utoipa::path(
    post, path = "/api/v1/emit", tag = "emit", request_body = Emit,
    responses(
        (status = 202, body = Accepted, description = "It was handed to the cluster"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "Nothing was sent"),
    )
)]
pub(super) async fn emit(
    State(control): State<Control>,
    Input(emit): Input<Emit>,
) -> Result<Accepted, Problem> {
    control.prepare(emit)?();
    Ok(Accepted { accepted: 1 })
}

/// Emits many events, all or none of them.
#[utoipa::path(
    post, path = "/api/v1/batch", tag = "emit", request_body = Batch,
    responses(
        (status = 202, body = Accepted, description = "All were handed to the cluster, in their order"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "Nothing was sent"),
    )
)]
pub(super) async fn batch(
    State(control): State<Control>,
    Input(Batch { emits }): Input<Batch>,
) -> Result<Accepted, Problem> {
    if emits.len() > MOST_EMITS {
        let count = emits.len();
        return Err(Problem::field(
            "emits",
            format!("expected {MOST_EMITS} emits at most, found {count}"),
        ));
    }
    let prepared: Result<Vec<Prepared>, Problem> = emits
        .into_iter()
        .enumerate()
        .map(|(at, Object(emit))| {
            let prepared = control.prepare(emit);
            prepared.map_err(|problem| problem.within(&format!("emits[{at}]")))
        })
        .collect();
    let prepared = prepared?;
    let accepted = prepared.len();
    for send in prepared {
        send();
    }
    Ok(Accepted { accepted })
}

/// Emits an event, and waits for the acks of the clients.
#[utoipa::path(
    post, path = "/api/v1/request", tag = "emit", request_body = Question,
    responses(
        (status = 200, body = Answers, description = "What was answered by the time"),
        (status = "4XX", body = Problem, content_type = "application/problem+json", description = "Nothing was sent"),
    )
)]
pub(super) async fn request(
    State(control): State<Control>,
    Input(question): Input<Question>,
) -> Result<Json<Answers>, Problem> {
    let timeout = question.timeout.map_or(TIMEOUT, |Time(timeout)| timeout);
    if timeout.is_zero() || timeout > LONGEST {
        return Err(Problem::field(
            "timeout",
            "expected more than nothing and 60s at most",
        ));
    }
    let (namespace, selection, event) = control.checked(Emit {
        namespace: question.namespace,
        event: question.event,
        args: question.args,
        rooms: question.rooms,
        except: question.except,
        volatile: question.volatile,
    })?;
    let server = &control.0.server;
    let asking = server.ask(&namespace, &selection, event, timeout);
    let answers = asking.map_err(|error| control.refused(&error))?.await;
    Ok(Json(Answers {
        answers: answers.received.iter().map(argument::answer).collect(),
        missing: answers.silent,
        missing_nodes: control.missing(answers.missing),
    }))
}

impl Control {
    fn prepare(&self, emit: Emit) -> Result<Prepared, Problem> {
        let (namespace, selection, event) = self.checked(emit)?;
        let prepared = self.0.server.prepare(&namespace, &selection, event);
        prepared.map_err(|error| self.refused(&error))
    }

    fn checked(&self, emit: Emit) -> Result<(String, Selection, Outgoing), Problem> {
        let Emit {
            namespace,
            event,
            args,
            rooms,
            except,
            volatile,
        } = emit;
        let texts = |rooms: Vec<RoomName>| rooms.into_iter().map(String::from).collect();
        let mut selection = self.selection(&namespace, texts(rooms), texts(except))?;
        selection.volatile = volatile;
        if event.is_empty() {
            return Err(Problem::field("event", "expected a name that is not empty"));
        }
        let event = Outgoing::with_arguments(&event, &args);
        let event = event.map_err(|error| self.refused(&error))?;
        Ok((namespace, selection, event))
    }
}
