//! Acks that a handler answers itself.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::{
    EmitError, Exception,
    extract::Extract,
    occasion::Event,
    platform::{AckId, AckPayload},
};

/// An ack that a client waits for. However many try, one answers it.
#[derive(Debug)]
pub(crate) struct OpenAck {
    id: AckId,
    answered: AtomicBool,
}

impl OpenAck {
    pub(crate) fn new(id: AckId) -> Self {
        Self {
            id,
            answered: AtomicBool::new(false),
        }
    }

    /// Its id, for the first who asks.
    pub(crate) fn take(&self) -> Option<AckId> {
        (!self.answered.swap(true, Ordering::Relaxed)).then_some(self.id)
    }
}

/// The client's ack, for a handler that answers before it is done, or not at all.
///
/// The first answer counts, be it this one, an [`Ack`](crate::Ack) that the handler returns or an item of a stream: the
/// rest is dropped. So is the answer to a client that asked for none. Over a raw WebSocket, where clients have no acks, each
/// answer is an event of the same name.
///
/// ```
/// use roomcast_gateway::{Acknowledge, Data, Exception, Gateway, Socket};
///
/// async fn save(ack: Acknowledge, socket: Socket, Data(text): Data<String>) -> Result<(), Exception> {
///     ack.answer(&"accepted")?;
///     // … something that takes its time …
///     socket.emit("saved", &text)?;
///     Ok(())
/// }
/// # let _ = Gateway::new("/").on("save", save);
/// ```
#[derive(Debug, Clone)]
pub struct Acknowledge(Event);

impl Acknowledge {
    /// Whether the client waits for an ack, or takes an answer in place of one.
    pub fn is_wanted(&self) -> bool {
        self.0.wants_ack()
    }

    /// Answers with one value.
    ///
    /// # Errors
    ///
    /// [`EmitError::Closed`] if the client is gone, [`EmitError::Full`] if it reads too slowly, and
    /// [`EmitError::Encode`].
    pub fn answer<T: Serialize + ?Sized>(&self, data: &T) -> Result<(), EmitError> {
        if !self.is_wanted() {
            return Ok(());
        }
        self.0.answer(AckPayload::new(data)?)
    }
}

impl Extract<Event> for Acknowledge {
    fn extract(event: &Event) -> Result<Self, Exception> {
        Ok(Self(event.clone()))
    }
}
