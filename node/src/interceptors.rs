//! Interceptors that come with the node. A gateway has them only where it asks for them.

use std::time::Instant;

use roomcast_gateway::{
    Exception, Next, Raw, Reply,
    occasion::{Event, OfSocket as _},
};
use serde_json::Value;

/// What a value is replaced by that nobody may read.
const HIDDEN: &str = "…";

/// Parts of names whose values are secrets, in lower case.
const SECRETS: [&str; 6] = [
    "authorization",
    "cookie",
    "password",
    "secret",
    "token",
    "api_key",
];

/// Logs each event once it has been handled: its socket, how long it took, and what came of it.
///
/// The body is logged at the level `trace` alone, without the values of fields that are called like secrets. How long all
/// events take is in the metric `socket_io_event_duration_seconds` in any case.
///
/// ```
/// use roomcast_node::{gateway::Gateway, interceptors::log_events};
///
/// let gateway = Gateway::new("/orders").interceptor(log_events);
/// ```
///
/// # Errors
///
/// What the handler's are.
pub async fn log_events(event: Event, next: Next) -> Result<Reply, Exception> {
    let start = Instant::now();
    let result = next.await;
    let (outcome, reason) = match &result {
        Ok(_) => ("handled", None),
        Err(exception) if exception.source().is_some() => ("failed", None),
        Err(exception) => ("exception", exception.message()),
    };
    tracing::info!(
        namespace = event.socket().namespace(),
        socket = event.socket().id(),
        event = event.name(),
        duration = ?start.elapsed(),
        outcome,
        reason,
        "an event"
    );
    if tracing::enabled!(tracing::Level::TRACE) {
        let body = event.body().map(readable);
        tracing::trace!(event = event.name(), body, "its body");
    }
    result
}

/// A body without its secrets.
fn readable(body: &Raw) -> String {
    match serde_json::from_str::<Value>(body.get()) {
        Ok(mut value) => {
            hide_secrets(&mut value);
            value.to_string()
        }
        Err(_) => HIDDEN.to_owned(),
    }
}

fn hide_secrets(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.to_lowercase();
                if SECRETS.iter().any(|secret| name.contains(secret)) {
                    *value = Value::from(HIDDEN);
                } else {
                    hide_secrets(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_secrets),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use roomcast_gateway::{
        Ack, Gateway,
        testing::{Client, block_on},
    };
    use serde_json::json;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged at this level for an event with this body.
    fn logged(level: tracing::Level, body: &Value) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        let gateway = Gateway::new("/")
            .interceptor(log_events)
            .on("fine", async || Ack(1));
        tracing::subscriber::with_default(subscriber, || {
            let _ = block_on(Client::of(gateway).emit("fine", body));
        });
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn an_event_is_one_line_and_its_body_is_for_traces() {
        let body = json!({"text": "hello", "nested": [{"accessToken": "hunter2"}]});

        let info = logged(tracing::Level::INFO, &body);
        assert_eq!(info.lines().count(), 1, "{info}");
        assert!(info.contains("event=\"fine\"") && info.contains("outcome=\"handled\""));
        assert!(!info.contains("hello"));

        let trace = logged(tracing::Level::TRACE, &body);
        assert!(
            trace.contains("hello") && !trace.contains("hunter2"),
            "{trace}"
        );
    }
}
