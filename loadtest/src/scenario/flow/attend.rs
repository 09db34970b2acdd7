//! The life of one client: it takes a seat, joins its room, listens, and perhaps comes back.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::member::Member;
use super::publisher::Publisher;
use super::run::Run;
use super::{Audience, Conduct, chat};
use crate::client::CloseReason;
use crate::scenario::cluster::Cluster;
use crate::swarm::{Post, Seat};

/// How long a client that lost its connection waits before it tries again, at first: a stock client's delay, halved by
/// chance as a rule.
const RETRY: Duration = Duration::from_millis(500);

/// How long a client that stopped reading is listened to in the end, to learn whether it was disconnected.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// What is decided before the first client attends.
pub(super) struct Plan {
    pub(super) cluster: Cluster,
    pub(super) audience: Audience,
    pub(super) conduct: Conduct,
    pub(super) clients: usize,
    pub(super) rooms: usize,
    pub(super) publishers: usize,
    pub(super) publishes_on_return: bool,
    /// Which of the URLs each client begins with.
    pub(super) places: Vec<usize>,
    pub(super) run: Arc<Run>,
}

/// What all clients of a run share.
pub(super) struct Stage {
    plan: Plan,
    names: Vec<String>,
    publishers: Vec<Arc<Publisher>>,
    /// The present connection of each client.
    posts: Vec<Mutex<Option<Post>>>,
    /// How many are in their rooms.
    joined: watch::Sender<usize>,
}

/// One client.
pub(super) struct Attendee {
    client: usize,
    stage: Arc<Stage>,
    member: Member,
}

/// What became of a client.
pub(super) struct Ended {
    pub(super) member: Member,
    /// Whether its deliveries are counted: it reads.
    pub(super) counts: bool,
    /// How long it was away, each time that it came back.
    pub(super) returns: Vec<Duration>,
    /// Why its last connection ended.
    pub(super) last: CloseReason,
}

impl Stage {
    pub(super) fn new(plan: Plan) -> Self {
        let names = room_names(plan.rooms);
        let publisher = |index: usize| {
            Arc::new(Publisher::new(
                index,
                &plan.cluster.events,
                plan.audience,
                &names[index % names.len()],
                Arc::clone(&plan.run),
            ))
        };
        Self {
            publishers: (0..plan.publishers).map(publisher).collect(),
            posts: (0..plan.clients).map(|_| Mutex::new(None)).collect(),
            joined: watch::Sender::new(0),
            names,
            plan,
        }
    }

    pub(super) fn publisher(&self, client: usize) -> &Arc<Publisher> {
        &self.publishers[client]
    }

    /// Waits until every client is in its room.
    pub(super) async fn all_joined(&self, patience: Duration) -> anyhow::Result<()> {
        let mut joined = self.joined.subscribe();
        let all = self.plan.clients;
        let waited = timeout(patience, joined.wait_for(|joined| *joined >= all)).await;
        if waited.is_ok() {
            return Ok(());
        }
        let missing = all - *self.joined.borrow();
        let stray = self.plan.run.totals().stray.clone();
        let came = stray.map_or_else(String::new, |event| format!(" (instead came {event})"));
        Err(anyhow::anyhow!("no ack within {patience:?}"))
            .with_context(|| format!("joining {missing} of {all} clients to their rooms{came}"))
    }

    /// Waits until every client has been told of every other, and of itself: all were connected before the first joined.
    pub(super) async fn all_acquainted(&self, patience: Duration) -> anyhow::Result<()> {
        let Audience::Chat(_) = self.plan.audience else {
            return Ok(());
        };
        let (run, all) = (&self.plan.run, (self.plan.clients as u64).pow(2));
        let told = async {
            while run.online() < all {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = timeout(patience, told).await;
        waited.map_err(|_| {
            let told = run.online();
            anyhow::anyhow!(
                "users were told {told} of {all} times within {patience:?} that one is online"
            )
        })
    }

    /// Does what the conduct asks for, until dropped.
    pub(super) async fn conduct(&self) {
        match self.plan.conduct {
            Conduct::Steady => {}
            Conduct::Churn { every, one_in, .. } => {
                let churners = self.plan.publishers..self.plan.clients;
                for round in 0.. {
                    sleep(every).await;
                    let turn = round % one_in as usize;
                    for client in churners
                        .clone()
                        .filter(|client| client % one_in as usize == turn)
                    {
                        self.let_go(client);
                    }
                }
            }
            Conduct::Return { after, pid } => {
                sleep(after).await;
                if let Some(pid) =
                    pid.and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()))
                {
                    // Where it is gone already, that is what was wanted.
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
                }
            }
            Conduct::Stall { .. } => {
                for client in (0..self.plan.clients).filter(|client| self.stalls(*client)) {
                    if let Some(post) = &*self.post(client) {
                        post.pause();
                    }
                }
            }
        }
        std::future::pending::<()>().await;
    }

    /// Ends every client.
    pub(super) fn end(&self) {
        self.plan.run.end();
        for client in 0..self.plan.clients {
            if self.stalls(client) {
                if let Some(post) = &*self.post(client) {
                    post.resume();
                }
            } else {
                self.let_go(client);
            }
        }
    }

    fn let_go(&self, client: usize) {
        if let Some(post) = &*self.post(client) {
            match self.plan.audience {
                // Where it is not missed at once, others see it online for as long.
                Audience::Chat(_) => post.leave(),
                Audience::Rooms(_) | Audience::Everyone => post.end(),
            }
        }
    }

    fn is_over(&self) -> bool {
        self.plan.run.has_ended()
    }

    /// Whether this client stops reading.
    fn stalls(&self, client: usize) -> bool {
        match self.plan.conduct {
            Conduct::Stall { clients } => client + clients as usize >= self.plan.clients,
            _ => false,
        }
    }

    /// How long a client stays away, if it comes back.
    fn absence(&self, reason: &CloseReason) -> Option<Duration> {
        match (self.plan.conduct, reason) {
            _ if self.is_over() => None,
            (Conduct::Churn { away, .. }, CloseReason::Killed | CloseReason::ClientDisconnect) => {
                Some(away)
            }
            (Conduct::Return { .. }, CloseReason::ServerDisconnect) => None,
            (Conduct::Return { .. }, _) => Some(RETRY),
            _ => None,
        }
    }

    fn post(&self, client: usize) -> std::sync::MutexGuard<'_, Option<Post>> {
        // A handle, there or not.
        self.posts[client]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attendee {
    pub(super) fn new(client: usize, stage: &Arc<Stage>) -> Self {
        let plan = &stage.plan;
        let mut member = Member::new(
            client % plan.rooms,
            plan.rooms,
            plan.publishers,
            plan.cluster.events.delivery(plan.audience),
            Arc::clone(&plan.run),
        );
        if let Audience::Chat(_) = plan.audience {
            member.chat();
        }
        if stage.stalls(client) {
            member.counts_nothing();
        }
        if client < plan.publishers && plan.publishes_on_return {
            member.publish_on_return(Arc::clone(&stage.publishers[client]));
        }
        Self {
            client,
            stage: Arc::clone(stage),
            member,
        }
    }

    /// Lives until the run is over, or its connection is lost for good.
    pub(super) async fn attend(mut self, mut seat: Option<Seat>) -> Ended {
        let stage = Arc::clone(&self.stage);
        let mut returns = Vec::new();
        let mut left = None;
        let mut place = stage.plan.places[self.client];
        let last = loop {
            let taken = match seat.take() {
                Some(seat) => Ok(seat),
                None => stage.plan.cluster.seat(self.client, place).await,
            };
            let reason = match taken {
                Ok(seat) => self.listen(seat, &mut left, &mut returns).await,
                Err(error) => CloseReason::TransportError(error.to_string()),
            };
            let now = Instant::now();
            let Some(absence) = stage.absence(&reason) else {
                break reason;
            };
            left.get_or_insert(now);
            sleep(absence).await;
            if stage.is_over() {
                break CloseReason::Killed;
            }
            if matches!(stage.plan.conduct, Conduct::Return { .. }) {
                place += 1;
            }
        };
        Ended {
            counts: !stage.stalls(self.client),
            member: self.member,
            returns,
            last,
        }
    }

    /// Listens on one connection until it ends.
    async fn listen(
        &mut self,
        seat: Seat,
        left: &mut Option<Instant>,
        returns: &mut Vec<Duration>,
    ) -> CloseReason {
        let stage = &self.stage;
        let post = seat.post();
        *stage.post(self.client) = Some(post.clone());
        if let Some(publisher) = stage.publishers.get(self.client) {
            publisher.connected(post.clone());
        }
        let (joined, left_at) = (stage.joined.clone(), left.take());
        let (told, back) = std::sync::mpsc::sync_channel(1);
        self.member.arrive(move || {
            joined.send_modify(|joined| *joined += 1);
            // The channel holds it, and it is sent once.
            let _ = told.try_send(Instant::now());
        });
        let room = &stage.names[self.client % stage.names.len()];
        let join_room = stage.plan.cluster.events.join(room);
        match stage.plan.audience {
            Audience::Rooms(_) => {
                post.send(&join_room);
            }
            Audience::Everyone => self.member.joined(),
            Audience::Chat(_) => {
                post.send(&chat::join(&format!("user-{}", self.client)));
                post.send(&join_room);
            }
        }
        let driving = seat.drive(&mut self.member);
        let reason = if stage.stalls(self.client) {
            let over = async {
                while !stage.is_over() {
                    sleep(Duration::from_millis(50)).await;
                }
                sleep(LAST_LOOK).await;
            };
            tokio::select! {
                reason = driving => reason,
                () = over => CloseReason::Killed,
            }
        } else {
            driving.await
        };
        let came_back = back.try_recv();
        if self.member.leave() {
            stage.joined.send_modify(|joined| *joined -= 1);
        }
        match (left_at, came_back) {
            (Some(left_at), Ok(back)) => returns.push(back.saturating_duration_since(left_at)),
            // It was not back in its room yet: it is still away.
            (Some(left_at), Err(_)) => *left = Some(left_at),
            _ => {}
        }
        reason
    }
}

/// Names that no other run uses at the same time on the same cluster.
fn room_names(rooms: usize) -> Vec<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let run = format!(
        "{:x}-{:x}",
        process::id(),
        now.unwrap_or_default().as_micros()
    );
    (0..rooms)
        .map(|room| format!("load-{run}-{room}"))
        .collect()
}
