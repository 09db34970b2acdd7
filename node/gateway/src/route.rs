//! One event's handler, and what stands before and around it.

use std::{fmt, sync::Arc};

use crate::{
    extract::Arguments,
    filter::ExceptionFilter,
    guard::GuardReply,
    handler::{Erased, Handler, HandlerFuture, erase_event_handler, erase_guard},
    interceptor::Interceptor,
    occasion::Event,
    reply::{IntoReply, Reply},
    state::{MissingState, States},
};

/// A handler with guards, interceptors and filters of its own, for [`Gateway::route`](crate::Gateway::route).
///
/// Those of the gateway come first, and then these in the order written; filters the other way round, the nearest first.
///
/// ```
/// use roomcast_gateway::{Ack, Gateway, Route, Socket};
///
/// async fn is_editor(socket: Socket) -> bool {
///     socket.rooms().contains(&"editors".to_owned())
/// }
///
/// async fn publish() -> Ack<bool> {
///     Ack(true)
/// }
///
/// let gateway = Gateway::new("/news").route("publish", Route::to(publish).guard(is_editor));
/// ```
pub struct Route {
    pub(crate) handler: Erased<Event, Reply>,
    pub(crate) steps: Steps,
    pub(crate) is_concurrent: bool,
    checks: Vec<Check>,
}

/// Looks for the state that a handler or a guard asks for.
type Check = fn(&States) -> Result<(), MissingState>;

/// What stands before and around handlers, in the order written.
#[derive(Default, Clone)]
pub(crate) struct Steps {
    pub(crate) guards: Vec<Erased<Event, ()>>,
    pub(crate) interceptors: Vec<Arc<dyn Interceptor>>,
    pub(crate) filters: Vec<Arc<dyn ExceptionFilter>>,
}

impl Route {
    /// A route to `handler`, which is what [`Gateway::on`](crate::Gateway::on) takes.
    pub fn to<H, A>(handler: H) -> Self
    where
        H: Handler<A>,
        A: Arguments<Event>,
        H::Returned: HandlerFuture<Output: IntoReply> + Send + 'static,
    {
        Self {
            handler: erase_event_handler(handler),
            steps: Steps::default(),
            is_concurrent: false,
            checks: vec![A::check_all],
        }
    }

    /// Lets `guard` say whether an event goes on, before its body is looked at for the handler.
    ///
    /// A guard is an `async fn` that takes what a handler can, and returns a [`GuardReply`].
    #[must_use]
    pub fn guard<H, A>(mut self, guard: H) -> Self
    where
        H: Handler<A>,
        A: Arguments<Event>,
        H::Returned: HandlerFuture<Output: GuardReply> + Send + 'static,
    {
        self.checks.push(A::check_all);
        self.steps.guards.push(erase_guard(guard));
        self
    }

    /// Runs `interceptor` around the handler.
    #[must_use]
    pub fn interceptor(mut self, interceptor: impl Interceptor) -> Self {
        self.steps.interceptors.push(Arc::new(interceptor));
        self
    }

    /// Shows `filter` the handler's exceptions before the client is told.
    #[must_use]
    pub fn filter(mut self, filter: impl ExceptionFilter) -> Self {
        self.steps.filters.push(Arc::new(filter));
        self
    }

    /// Lets one client's events of this kind be handled at the same time, and beside its others: they start in order, and
    /// hold back none.
    #[must_use]
    pub fn concurrent(mut self) -> Self {
        self.is_concurrent = true;
        self
    }

    pub(crate) fn check(&self, states: &States) -> Result<(), MissingState> {
        self.checks.iter().try_for_each(|check| check(states))
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("guards", &self.steps.guards.len())
            .field("interceptors", &self.steps.interceptors.len())
            .field("is_concurrent", &self.is_concurrent)
            .finish_non_exhaustive()
    }
}
