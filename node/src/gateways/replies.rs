//! `/events`: replies of every kind, for clients that are tried out and tests that compare servers.

use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use roomcast_gateway::{
    Ack, Acknowledge, Data, Exception, Gateway, Raw, Replies, Socket, WsResponse, field,
};
use serde::Serialize;

/// What an empty body is told.
const EMPTY: &str = "数据不能为空！";

/// When each of the delayed replies is due, and what it says.
const DELAYED: [(Duration, &str); 3] = [
    (Duration::ZERO, "aaa"),
    (Duration::from_secs(2), "bbb"),
    (Duration::from_secs(5), "ccc"),
];

field! {
    /// The field `id` of the body; null where it has none.
    struct Id = "id";
}

/// The gateway at `/events`.
pub fn replies() -> Gateway {
    Gateway::new("/events")
        .on("events", events)
        .on("identity", identity)
        .on("response", response)
        .on("stream", stream_of)
        .on("delayed", delayed)
        .on("custom", custom)
        .emits(["events", "guang", "custom", "exception"])
}

async fn events(data: Raw) -> Result<Ack<Raw>, Exception> {
    if matches!(data.get(), "null" | r#""""#) {
        return Err(Exception::new(EMPTY));
    }
    Ok(Ack(data))
}

async fn identity(Id(id): Id<Raw>) -> Ack<Raw> {
    Ack(id)
}

async fn response(data: Raw) -> WsResponse<Raw> {
    WsResponse::new("events", data)
}

async fn stream_of(
    Data(items): Data<Option<Vec<Raw>>>,
) -> Result<Replies<impl Stream<Item = WsResponse<Raw>>>, Exception> {
    let items = match items {
        Some(items) => items,
        None => [1, 2, 3].iter().map(Raw::new).collect::<Result<_, _>>()?,
    };
    Ok(Replies(
        stream::iter(items).map(|item| WsResponse::new("events", item)),
    ))
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Message {
    msg: &'static str,
}

async fn delayed() -> Replies<impl Stream<Item = WsResponse<Message>>> {
    let start = tokio::time::Instant::now();
    Replies(stream::iter(DELAYED).then(move |(after, msg)| async move {
        tokio::time::sleep_until(start + after).await;
        WsResponse::new("guang", Message { msg })
    }))
}

async fn custom(socket: Socket, ack: Acknowledge, data: Raw) -> Result<(), Exception> {
    socket.emit("custom", "Hey there!")?;
    ack.answer(&data)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use roomcast_gateway::testing::{Client, Sent};
    use serde_json::{Value, json};

    use super::*;

    /// What a client gets that emits this and asks for an ack.
    async fn answers(event: &str, body: Value) -> Vec<Sent> {
        let client = Client::of(replies().exception_cause(false));
        client.emit_with_ack(event, &body).await;
        client.streamed().await;
        client.sent()
    }

    #[tokio::test]
    async fn a_body_that_is_empty_is_an_exception() {
        assert_eq!(
            answers("events", json!({"a": 1})).await,
            [Sent::ack(json!({"a": 1}))]
        );
        for empty in [json!(""), json!(null)] {
            let told = json!({"status": "error", "message": "数据不能为空！"});
            assert_eq!(
                answers("events", empty).await,
                [Sent::event("exception", told)]
            );
        }
        assert_eq!(answers("events", json!(0)).await, [Sent::ack(json!(0))]);
    }

    #[tokio::test]
    async fn the_id_is_one_field_of_the_body() {
        for (body, id) in [
            (json!({"id": 42}), json!(42)),
            (json!({"x": 1}), json!(null)),
            (json!(7), json!(null)),
        ] {
            assert_eq!(answers("identity", body).await, [Sent::ack(id)]);
        }
    }

    #[tokio::test]
    async fn a_response_is_an_event_and_no_ack() {
        let sent = answers("response", json!("x")).await;

        assert_eq!(sent, [Sent::event("events", json!("x"))]);
    }

    #[tokio::test]
    async fn a_stream_sends_each_item() {
        let of = |items: &[i32]| -> Vec<_> {
            let events = items.iter().map(|item| Sent::event("events", json!(item)));
            events.collect()
        };
        assert_eq!(answers("stream", json!([7, 8])).await, of(&[7, 8]));
        assert_eq!(answers("stream", json!(null)).await, of(&[1, 2, 3]));
        assert_eq!(answers("stream", json!([])).await, of(&[]));
    }

    #[tokio::test(start_paused = true)]
    async fn delayed_replies_come_at_once_after_two_and_after_five_seconds() {
        let start = tokio::time::Instant::now();

        let sent = answers("delayed", json!(null)).await;

        let messages = ["aaa", "bbb", "ccc"];
        assert_eq!(
            sent,
            messages.map(|msg| Sent::event("guang", json!({"msg": msg})))
        );
        assert_eq!(start.elapsed(), Duration::from_secs(5));
    }

    #[tokio::test]
    async fn an_event_may_come_before_the_ack() {
        let sent = answers("custom", json!([1])).await;

        assert_eq!(
            sent,
            [
                Sent::event("custom", json!("Hey there!")),
                Sent::ack(json!([1]))
            ]
        );
    }
}
