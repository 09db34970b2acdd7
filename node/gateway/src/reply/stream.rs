//! Replies that come one by one.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;

use super::{IntoReply, Kind, Reply};
use crate::Exception;

/// Several replies, each sent as it comes: a stream of [`Ack`](crate::Ack)s, [`WsResponse`](crate::WsResponse)s, or
/// `Result`s of these with an [`Exception`].
///
/// They come beside the client's later events, and hold none of them back. The first value answers the ack, if there is
/// one; later ones are dropped. An exception ends the stream, and so does the client's disconnect: then the stream is
/// dropped.
///
/// ```
/// use futures_util::stream;
/// use roomcast_gateway::{Gateway, Replies, WsResponse};
///
/// async fn count() -> Replies<impl futures_util::Stream<Item = WsResponse<u32>>> {
///     Replies(stream::iter([1, 2, 3]).map(|number| WsResponse::new("number", number)))
/// }
/// # use futures_util::StreamExt;
/// # let _ = Gateway::new("/").on("count", count);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Replies<S>(pub S);

/// Replies whose type is forgotten, each encoded when it comes.
pub(crate) struct ReplyStream(Pin<Box<dyn Stream<Item = Result<Reply, Exception>> + Send>>);

impl ReplyStream {
    /// The next reply; none ends it.
    pub(crate) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Reply, Exception>>> {
        self.0.as_mut().poll_next(context)
    }
}

/// Encodes what a stream brings.
struct Encoded<S> {
    // Boxed, so that the whole can be moved while it is polled.
    stream: Pin<Box<S>>,
    wants_ack: bool,
}

impl<S: Stream<Item: IntoReply>> Stream for Encoded<S> {
    type Item = Result<Reply, Exception>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let wants_ack = self.wants_ack;
        let item = ready!(self.stream.as_mut().poll_next(context));
        Poll::Ready(item.map(|item| item.into_reply(wants_ack)))
    }
}

impl<S: Stream<Item: IntoReply> + Send + 'static> IntoReply for Replies<S> {
    fn into_reply(self, wants_ack: bool) -> Result<Reply, Exception> {
        let stream = Encoded {
            stream: Box::pin(self.0),
            wants_ack,
        };
        Ok(Reply(Kind::Stream(ReplyStream(Box::pin(stream)))))
    }
}

impl<S> super::sealed::Sealed for Replies<S> {}

impl fmt::Debug for ReplyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReplyStream").finish_non_exhaustive()
    }
}
