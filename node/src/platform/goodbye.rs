//! Whether a client that polls says goodbye: the whole body of its request is the packet `1`, as stock clients send it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt as _;

/// What is seen of one body while the engine reads it.
#[derive(Debug, Default)]
pub(super) struct Goodbye(Arc<AtomicBool>);

impl Goodbye {
    /// The same body, watched where it can be one.
    pub(super) fn of<B>(&self, body: B) -> Body
    where
        B: axum::body::HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
    {
        if body.size_hint().exact() != Some(1) {
            return Body::new(body);
        }
        let is_said = self.0.clone();
        Body::new(body.map_frame(move |frame| {
            if frame.data_ref().is_some_and(|data| *data == "1") {
                is_said.store(true, Ordering::Relaxed);
            }
            frame
        }))
    }

    pub(super) fn is_said(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
