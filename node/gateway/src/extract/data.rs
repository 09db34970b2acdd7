//! The body.

use serde::de::DeserializeOwned;

use super::Extract;
use crate::{Exception, Raw, occasion::Event};

/// The message body as a `T`: the event's argument, or the array of them if there are several.
///
/// An event without a body is read from null, so `Data<Option<T>>` takes it. A body that does not fit is
/// told to the client as an exception that names the field and what was expected, as `room: expected a string`,
/// and the handler does not run. An array is no object: several arguments are never taken for the fields of a struct.
///
/// ```
/// use roomcast_gateway::{Ack, Data};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Move {
///     x: i32,
///     y: i32,
/// }
///
/// async fn step(Data(step): Data<Move>) -> Ack<i32> {
///     Ack(step.x.abs() + step.y.abs())
/// }
/// # let _ = roomcast_gateway::Gateway::new("/").on("step", step);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data<T>(pub T);

impl<T: DeserializeOwned> Extract<Event> for Data<T> {
    fn extract(event: &Event) -> Result<Self, Exception> {
        match event.body() {
            Some(body) => body.parse().map(Self),
            None => Raw::null().parse().map(Self),
        }
    }
}

impl Extract<Event> for Raw {
    fn extract(event: &Event) -> Result<Self, Exception> {
        Ok(event.body().cloned().unwrap_or_default())
    }
}
