//! The way of a client's events from its connection to their turn, on any platform.

use std::sync::Arc;

use roomcast_gateway::{
    Exception, Gateway, Socket,
    platform::{AckId, EmitError, Incoming, Outgoing, SocketPort},
};
use tokio_util::task::TaskTracker;

use super::{
    job::{Job, Told, log},
    queue::{Queue, Work, Worker},
};
use crate::{connection::Session, limit::Verdict, metrics::NamespaceMetrics};

/// What an event without a readable name is counted as: none of those that are registered.
const UNREADABLE: &str = "";

/// What a client reads whose events come too fast.
const RATE_LIMITED: &str = "rate limited";

/// A client's seat, to which events come.
pub(super) trait Intake: SocketPort + Sized {
    fn gateway(&self) -> &Gateway;

    fn metrics(&self) -> &Arc<NamespaceMetrics>;

    fn session(&self) -> &Arc<Session>;

    fn jobs(&self) -> &Queue<Job>;

    fn tracker(&self) -> &TaskTracker;

    /// The client sends too much for too long: it is told so, and closed.
    fn flooded(&self);

    /// Handles an event, now or behind those that came before it.
    fn event(self: &Arc<Self>, event: Incoming, ack: Option<AckId>, bytes: usize) {
        let mut event = Some(event);
        let is_in_time = in_time(self.as_ref(), || {
            if let Some(event) = event.take() {
                let socket = Socket::new(self.clone());
                let refused = Exception::new(RATE_LIMITED);
                let told = self.gateway().refuse(socket.clone(), event, refused);
                log(self.metrics(), &socket, "a refusal", &told);
            }
        });
        let Some(event) = event.filter(|_| is_in_time) else {
            return;
        };
        // What is handled beside others counts as waiting until it has ended.
        let beside = self.gateway().is_concurrent(event.event());
        let waiting = beside.then(|| self.session().event_waits(bytes));
        let job = Job::Event(event, ack, waiting);
        self.jobs().submit(self, job, |job| match job {
            Job::Event(event, ack, None) => {
                Job::Event(event, ack, Some(self.session().event_waits(bytes)))
            }
            other => other,
        });
    }

    /// Answers an event that cannot be read.
    fn refuse(&self) {
        if in_time(self, || tell(self, RATE_LIMITED)) {
            self.metrics().received(UNREADABLE);
            tell(self, "Invalid message");
        }
    }
}

impl<S: Intake> Worker<Job> for S {
    fn queue(&self) -> &Queue<Job> {
        self.jobs()
    }

    fn tasks(&self) -> &TaskTracker {
        self.tracker()
    }

    fn is_concurrent(&self, job: &Job) -> bool {
        job.is_concurrent(self.gateway())
    }

    fn begin(self: &Arc<Self>, job: Job) -> Work {
        let socket = Socket::new(self.clone());
        job.begin(self.gateway(), self.metrics(), self.session(), socket)
    }
}

/// Sends an exception about something that is no event. A client that is gone, or does not read, is not told.
fn tell(seat: &impl Intake, message: &'static str) {
    let exception: Result<_, EmitError> = Outgoing::new("exception", &Told::error(message));
    if let Ok(exception) = exception {
        let _ = seat.emit(exception);
    }
}

/// Whether one more event is in time. If not, `tell` tells the client; one that persists is closed after that.
fn in_time(seat: &impl Intake, tell: impl FnOnce()) -> bool {
    match seat.session().judge() {
        Verdict::Handle => return true,
        Verdict::Ignore => {}
        Verdict::Refuse => tell(),
        Verdict::Disconnect => {
            tell();
            if let Some(untold) = seat.session().notice_flood() {
                tracing::warn!(
                    namespace = seat.namespace(),
                    socket = seat.id(),
                    untold,
                    "a client is disconnected: its events come faster than limits.events_per_second for too long"
                );
            }
            seat.flooded();
        }
    }
    false
}
