//! What handlers share.

use super::Extract;
use crate::{
    Exception,
    occasion::Occasion,
    state::{MissingState, States},
};

/// A clone of the value of type `T` that the gateway was given with [`state`](crate::Gateway::state).
///
/// Where a clone is dear, or the handlers change it together, `T` is an `Arc`.
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
///
/// use roomcast_gateway::{Ack, Gateway, State};
///
/// async fn count(State(counter): State<Arc<AtomicU64>>) -> Ack<u64> {
///     Ack(counter.fetch_add(1, Ordering::Relaxed) + 1)
/// }
///
/// let gateway = Gateway::new("/")
///     .state(Arc::new(AtomicU64::new(0)))
///     .on("count", count);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State<T>(pub T);

impl<O: Occasion, T: Clone + Send + Sync + 'static> Extract<O> for State<T> {
    fn extract(occasion: &O) -> Result<Self, Exception> {
        occasion
            .state()
            .map(Self)
            .ok_or_else(|| Exception::internal(MissingState::of::<T>()))
    }

    fn check(states: &States) -> Result<(), MissingState> {
        if states.contains::<T>() {
            Ok(())
        } else {
            Err(MissingState::of::<T>())
        }
    }
}
