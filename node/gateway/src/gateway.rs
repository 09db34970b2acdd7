//! A gateway: the handlers and hooks of one namespace.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use crate::{
    DisconnectReason, Exception, Server, Socket,
    admission::{self, Admission, AdmissionReply, Admit},
    extract::Arguments,
    filter::ExceptionFilter,
    guard::GuardReply,
    handler::{Erased, Handler, HandlerFuture, erase_guard, erase_hook},
    interceptor::Interceptor,
    occasion::{Connect, Disconnect, Event, Init},
    pipeline,
    platform::{AckId, AckPayload, Incoming, Outcome, is_reserved},
    reply::{HookReply, IntoReply, Reply},
    route::{Route, Steps},
    run::{Dispatch, Hook, Telling},
    server_side::{self, Answering, FromServer, ServerSideReply},
    state::{MissingState, States},
};

/// Handlers and hooks on one namespace.
///
/// Built once, then given to a node. The mistakes that can be made in building one, such as two handlers for
/// an event, panic right there and say what is wrong.
///
/// ```
/// use roomcast_gateway::{Ack, Data, Gateway};
///
/// async fn ping(Data(text): Data<String>) -> Ack<String> {
///     Ack(text)
/// }
///
/// let echo = Gateway::new("/echo").on("ping", ping);
///
/// assert_eq!(echo.namespace(), "/echo");
/// assert!(echo.handles("ping"));
/// ```
pub struct Gateway {
    namespace: String,
    states: Arc<States>,
    routes: BTreeMap<String, Bound>,
    /// What stands before and around all handlers.
    steps: Arc<Steps>,
    emitted: BTreeSet<String>,
    init: Option<Erased<Init, ()>>,
    admits: Vec<Admit>,
    connect: Option<Erased<Connect, ()>>,
    disconnect: Option<Erased<Disconnect, ()>>,
    server_side: BTreeMap<String, Erased<FromServer, Option<AckPayload>>>,
    exception_cause: bool,
}

/// A route that is bound to an event.
struct Bound {
    handler: Erased<Event, Reply>,
    steps: Arc<Steps>,
    is_concurrent: bool,
}

impl Gateway {
    /// A gateway without handlers on `namespace`. A `/` is put before names that begin with none.
    ///
    /// # Panics
    ///
    /// If the name holds a comma or a question mark, which no client can connect to.
    #[must_use]
    #[track_caller]
    pub fn new(namespace: impl Into<String>) -> Self {
        let mut namespace = namespace.into();
        if !namespace.starts_with('/') {
            namespace.insert(0, '/');
        }
        assert!(
            !namespace.contains([',', '?']),
            "the namespace `{namespace}` holds a comma or a question mark"
        );
        Self {
            namespace,
            states: Arc::default(),
            routes: BTreeMap::new(),
            steps: Arc::default(),
            emitted: BTreeSet::new(),
            init: None,
            admits: Vec::new(),
            connect: None,
            disconnect: None,
            server_side: BTreeMap::new(),
            exception_cause: true,
        }
    }

    /// Gives the handlers that follow a value to share, of which each gets a clone as
    /// [`State<T>`](crate::State).
    ///
    /// # Panics
    ///
    /// If there is one of the same type.
    #[must_use]
    #[track_caller]
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, state: T) -> Self {
        assert!(
            Arc::make_mut(&mut self.states).insert(state),
            "`{}` has state of type `{}` already",
            self.namespace,
            std::any::type_name::<T>()
        );
        self
    }

    /// Calls `handler` when a client emits `event`.
    ///
    /// The handler is an `async fn` of up to six arguments that implement [`Extract`](crate::extract::Extract),
    /// in any order, and returns what implements [`IntoReply`]. One client's events are handled one after the
    /// other, in the order in which it sent them.
    ///
    /// # Panics
    ///
    /// As [`route`](Self::route).
    #[must_use]
    #[track_caller]
    pub fn on<H, A>(self, event: impl Into<String>, handler: H) -> Self
    where
        H: Handler<A>,
        A: Arguments<Event>,
        H::Returned: HandlerFuture<Output: IntoReply> + Send + 'static,
    {
        self.route(event, Route::to(handler))
    }

    /// Calls a handler that has guards, interceptors or filters of its own when a client emits `event`.
    ///
    /// # Panics
    ///
    /// If the event has a handler, if its name is reserved, or if the handler or a guard asks for state that the
    /// gateway has not been given before.
    #[must_use]
    #[track_caller]
    pub fn route(mut self, event: impl Into<String>, route: Route) -> Self {
        let event = event.into();
        assert!(
            !is_reserved(&event),
            "no client can emit `{event}`, Socket.IO keeps the name for itself: see on_connection and on_disconnect"
        );
        assert!(
            !self.handles(&event),
            "`{event}` on `{}` has a handler already",
            self.namespace
        );
        self.assert_state(&event, route.check(&self.states));
        let bound = Bound {
            handler: route.handler,
            steps: Arc::new(route.steps),
            is_concurrent: route.is_concurrent,
        };
        self.routes.insert(event, bound);
        self
    }

    /// Lets `guard` say whether an event goes on to its handler, whichever it is; see [`Route::guard`].
    ///
    /// Guards run in the order written, those of the gateway before those of an event, and all before the body is
    /// looked at.
    ///
    /// # Panics
    ///
    /// If it asks for state that the gateway has not been given before.
    #[must_use]
    #[track_caller]
    pub fn guard<H, A>(mut self, guard: H) -> Self
    where
        H: Handler<A>,
        A: Arguments<Event>,
        H::Returned: HandlerFuture<Output: GuardReply> + Send + 'static,
    {
        self.check_state::<Event, A>("guard");
        let steps = Arc::make_mut(&mut self.steps);
        steps.guards.push(erase_guard(guard));
        self
    }

    /// Runs `interceptor` around every handler: the first one written is the outermost.
    #[must_use]
    pub fn interceptor(mut self, interceptor: impl Interceptor) -> Self {
        let steps = Arc::make_mut(&mut self.steps);
        steps.interceptors.push(Arc::new(interceptor));
        self
    }

    /// Shows `filter` the exceptions of all events before clients are told. Filters see them in the order written,
    /// behind those of the event.
    #[must_use]
    pub fn filter(mut self, filter: impl ExceptionFilter) -> Self {
        let steps = Arc::make_mut(&mut self.steps);
        steps.filters.push(Arc::new(filter));
        self
    }

    /// Calls `hook` once, before anyone is connected. It can take [`Server`] and [`State`](crate::State).
    ///
    /// # Panics
    ///
    /// If there is one already, or if it asks for state that the gateway has not been given before.
    #[must_use]
    #[track_caller]
    pub fn on_init<H, A>(mut self, hook: H) -> Self
    where
        H: Handler<A>,
        A: Arguments<Init>,
        H::Returned: HandlerFuture<Output: HookReply> + Send + 'static,
    {
        self.check_hook::<Init, A>("on_init", self.init.is_some());
        self.init = Some(erase_hook(hook));
        self
    }

    /// Lets `hook` say whether a client gets a seat, before it is told that it has one. Of several, the first that
    /// refuses counts. It can take [`Socket`], [`Server`] and [`State`](crate::State).
    ///
    /// The socket can be looked at and given [data](Socket::set_data); it is in no room, and emitting to it fails.
    ///
    /// # Panics
    ///
    /// If it asks for state that the gateway has not been given before.
    #[must_use]
    #[track_caller]
    pub fn admit<H, A>(mut self, hook: H) -> Self
    where
        H: Handler<A>,
        A: Arguments<Connect>,
        H::Returned: HandlerFuture<Output: AdmissionReply> + Send + 'static,
    {
        self.check_state::<Connect, A>("admit");
        self.admits.push(admission::erase(hook));
        self
    }

    /// As [`admit`](Self::admit), before all hooks that the gateway has already: for whoever serves gateways of others.
    ///
    /// # Panics
    ///
    /// If it asks for state that the gateway does not have.
    #[must_use]
    #[track_caller]
    pub fn admit_first<H, A>(mut self, hook: H) -> Self
    where
        H: Handler<A>,
        A: Arguments<Connect>,
        H::Returned: HandlerFuture<Output: AdmissionReply> + Send + 'static,
    {
        self.check_state::<Connect, A>("admit_first");
        self.admits.insert(0, admission::erase(hook));
        self
    }

    /// Calls `hook` when a socket has connected, before its first event is handled. It can take
    /// [`Socket`], [`Server`] and [`State`](crate::State).
    ///
    /// An exception is told to the client, without a cause; the socket stays connected.
    ///
    /// # Panics
    ///
    /// If there is one already, or if it asks for state that the gateway has not been given before.
    #[must_use]
    #[track_caller]
    pub fn on_connection<H, A>(mut self, hook: H) -> Self
    where
        H: Handler<A>,
        A: Arguments<Connect>,
        H::Returned: HandlerFuture<Output: HookReply> + Send + 'static,
    {
        self.check_hook::<Connect, A>("on_connection", self.connect.is_some());
        self.connect = Some(erase_hook(hook));
        self
    }

    /// Calls `hook` when a socket is gone. It can take what [`on_connection`](Self::on_connection) can, and
    /// the [`DisconnectReason`].
    ///
    /// # Panics
    ///
    /// If there is one already, or if it asks for state that the gateway has not been given before.
    #[must_use]
    #[track_caller]
    pub fn on_disconnect<H, A>(mut self, hook: H) -> Self
    where
        H: Handler<A>,
        A: Arguments<Disconnect>,
        H::Returned: HandlerFuture<Output: HookReply> + Send + 'static,
    {
        self.check_hook::<Disconnect, A>("on_disconnect", self.disconnect.is_some());
        self.disconnect = Some(erase_hook(hook));
        self
    }

    /// Calls `handler` when another server sends `event` to the applications of all others: with
    /// [`Server::server_side_emit`], or `io.serverSideEmit` in Node.js. It can take [`Data`](crate::Data), [`Raw`](crate::Raw),
    /// [`Server`] and [`State`](crate::State), and return an [`Ack`](crate::Ack) for whoever waits for an answer.
    ///
    /// A server that asks without there being a handler gets an empty answer. One that asks waits five seconds at most, after
    /// which the handler is dropped; where no answer is wanted it has all the time there is.
    ///
    /// ```
    /// use roomcast_gateway::{Ack, Gateway, Server};
    ///
    /// async fn who_are_you(server: Server) -> Ack<String> {
    ///     Ack(server.node_id().to_owned())
    /// }
    ///
    /// let gateway = Gateway::new("/").on_server_side("who are you", who_are_you);
    /// ```
    ///
    /// # Panics
    ///
    /// If the event has such a handler, or if it asks for state that the gateway has not been given before.
    #[must_use]
    #[track_caller]
    pub fn on_server_side<H, A>(mut self, event: impl Into<String>, handler: H) -> Self
    where
        H: Handler<A>,
        A: Arguments<FromServer>,
        H::Returned: HandlerFuture<Output: ServerSideReply> + Send + 'static,
    {
        let event = event.into();
        self.check_state::<FromServer, A>(&event);
        let taken = self
            .server_side
            .insert(event.clone(), server_side::erase(handler));
        assert!(
            taken.is_none(),
            "`{event}` between servers on `{}` has a handler already",
            self.namespace
        );
        self
    }

    /// Names events that the handlers emit. Metrics count them by name, and all others together.
    #[must_use]
    pub fn emits<S: Into<String>>(mut self, events: impl IntoIterator<Item = S>) -> Self {
        self.emitted.extend(events.into_iter().map(Into::into));
        self
    }

    /// Whether exceptions tell the client the event and the body that caused them; they do unless told not to.
    #[must_use]
    pub fn exception_cause(mut self, included: bool) -> Self {
        self.exception_cause = included;
        self
    }

    #[track_caller]
    fn check_hook<O, A: Arguments<O>>(&self, name: &str, is_taken: bool) {
        assert!(!is_taken, "`{}` has an {name} already", self.namespace);
        self.check_state::<O, A>(name);
    }

    #[track_caller]
    fn check_state<O, A: Arguments<O>>(&self, name: &str) {
        self.assert_state(name, A::check_all(&self.states));
    }

    #[track_caller]
    fn assert_state(&self, name: &str, checked: Result<(), MissingState>) {
        if let Err(missing) = checked {
            panic!("`{name}` on `{}`: {missing}", self.namespace);
        }
    }
}

/// What platforms use.
impl Gateway {
    /// The namespace, `/` first.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The names of the events that have a handler.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.routes.keys().map(String::as_str)
    }

    /// The names given to [`emits`](Self::emits).
    pub fn emitted(&self) -> impl Iterator<Item = &str> {
        self.emitted.iter().map(String::as_str)
    }

    /// Whether `event` has a handler.
    pub fn handles(&self, event: &str) -> bool {
        self.routes.contains_key(event)
    }

    /// Runs the handler for `event` and sends what it replies through `socket`: an ack under the id `ack`, if
    /// the client asked for one.
    pub fn dispatch(&self, socket: Socket, event: Incoming, ack: Option<AckId>) -> Dispatch {
        let Some(bound) = self.routes.get(event.event()) else {
            return Dispatch::ignored();
        };
        let handler = pipeline::behind(&self.steps, &bound.steps, &bound.handler);
        let telling = Telling {
            exception_cause: self.exception_cause,
            outer: Arc::clone(&self.steps),
            inner: Arc::clone(&bound.steps),
        };
        let event = Event::new(socket, Arc::clone(&self.states), event, ack);
        Dispatch::new(handler, event, telling)
    }

    /// Tells the client that an event is not handled, as an exception of its handler would.
    pub fn refuse(&self, socket: Socket, event: Incoming, exception: Exception) -> Outcome {
        let bound = self.routes.get(event.event());
        let telling = Telling {
            exception_cause: self.exception_cause,
            outer: Arc::clone(&self.steps),
            inner: bound.map_or_else(Arc::default, |bound| Arc::clone(&bound.steps)),
        };
        let event = Event::new(socket, Arc::clone(&self.states), event, None);
        telling.tell(&event, exception)
    }

    /// Whether `event` may be handled beside its client's other events.
    pub fn is_concurrent(&self, event: &str) -> bool {
        self.routes
            .get(event)
            .is_some_and(|bound| bound.is_concurrent)
    }

    /// Runs the handler for an event of another server, which waits for an answer if the event wants an ack.
    pub fn server_side(&self, server: Server, incoming: Incoming) -> Answering {
        let handler = self.server_side.get(incoming.event()).cloned();
        let states = Arc::clone(&self.states);
        let event = FromServer {
            server,
            states,
            incoming,
        };
        Answering::new(handler, event)
    }

    /// Runs the hook for a gateway that starts to be served.
    pub fn init(&self, server: Server) -> Hook<Init> {
        let states = Arc::clone(&self.states);
        Hook::new(self.init.clone(), Init { server, states }, None)
    }

    /// Asks whether a client gets a seat; nothing if everyone does.
    pub fn admission(&self, socket: Socket) -> Option<Admission> {
        let states = Arc::clone(&self.states);
        let connect = Connect { socket, states };
        (!self.admits.is_empty()).then(|| Admission::new(&self.admits, connect))
    }

    /// Runs the hook for a socket that has connected.
    pub fn connected(&self, socket: Socket) -> Hook<Connect> {
        let told = Some(socket.clone());
        let states = Arc::clone(&self.states);
        Hook::new(self.connect.clone(), Connect { socket, states }, told)
    }

    /// Runs the hook for a socket that is gone.
    pub fn disconnected(&self, socket: Socket, reason: DisconnectReason) -> Hook<Disconnect> {
        let disconnect = Disconnect {
            socket,
            states: Arc::clone(&self.states),
            reason,
        };
        Hook::new(self.disconnect.clone(), disconnect, None)
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("namespace", &self.namespace)
            .field("events", &self.routes.keys())
            .field("state", &self.states)
            .finish_non_exhaustive()
    }
}
