//! The life of a node, from the first client to the last.

use std::{future::Future, time::Duration};

use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Node;
use crate::{
    connection::{Entrance, Patience},
    http::{Control, ControlSettings, Origins, Pages, Public, Readiness, admin},
    limit::Proxies,
    platform::Platforms,
};

/// How long the last messages may take to leave for the bus.
const LAST_MESSAGES: Duration = Duration::from_secs(2);

/// How long handlers and requests may go on once all clients are gone.
const LAST_TASKS: Duration = Duration::from_secs(3);

pub(super) async fn run(node: Node, shutdown: impl Future<Output = ()>) {
    let Node {
        listener,
        admin: admin_listener,
        admin_address,
        gateways,
        config,
        cluster,
        presence,
        platforms,
        encryption,
        metrics,
        traces,
        exporting,
        tasks,
        handle,
    } = node;
    let drain = handle.drain.clone();
    let live = handle.live.clone();
    // Ends the ports, and with them requests under way.
    let stop = CancellationToken::new();
    // Also where this future is dropped: neither a task nor a connection outlives the node.
    let _ending = Ending(platforms.clone(), stop.clone().drop_guard());
    // Apart from the other tasks: it carries what the last of them emit.
    let mut carrying = JoinSet::new();
    let carried = cluster.clone();
    carrying.spawn(async move { carried.run().await });
    if let Some(presence) = presence.clone() {
        carrying.spawn(async move { presence.run().await });
    }
    let rebalance = handle.rebalance.clone();
    carrying.spawn(async move { rebalance.run().await });
    let written = platforms.clone();
    carrying.spawn(async move { written.write().await });

    // To the end: what the others do last is traced, too.
    let mut telling = JoinSet::new();
    if let Some(exporting) = exporting {
        telling.spawn(exporting.run());
    }

    let deaf_since = watch::Sender::new(Some(Instant::now()));
    let readiness = Readiness {
        phase: drain.phase(),
        deaf_since: deaf_since.subscribe(),
        is_full: platforms.gate().is_full(),
    };
    carrying.spawn(watch_hearing(cluster.hears(), deaf_since));
    let control = Control::new(
        ControlSettings {
            token: config.admin.token.clone(),
            is_private: admin_address.ip().is_loopback(),
            body_size: config.admin.body_size,
        },
        platforms.clone(),
        presence.clone(),
        cluster.clone(),
        handle.clone(),
    );
    let routes = admin(metrics.clone(), readiness, control);
    let stopped = stop.clone().cancelled_owned();
    tasks.spawn(async move {
        if let Err(error) = axum::serve(admin_listener, routes)
            .with_graceful_shutdown(stopped)
            .await
        {
            tracing::error!(%error, "the admin port failed");
        }
    });

    tokio::pin!(shutdown);
    let bind_all = async {
        for gateway in gateways {
            platforms.bind(gateway).await;
        }
    };
    tokio::select! {
        () = bind_all => {}
        () = &mut shutdown => return tracing::info!("ended before it served"),
    }
    let address = listener.address();
    let public = Public::new(
        platforms.clone(),
        Origins::new(live),
        Pages {
            dir: config.pages.dir.clone(),
            client: config.pages.client_file.clone(),
            node_id: cluster.node_id().to_owned(),
            over_tls: encryption.is_some(),
        },
        metrics.clone(),
    );
    let patience = Patience {
        write_stall: config.limits.write_stall,
        read_pause: config.socketio.ping_timeout,
    };
    let entrance = Entrance {
        gate: platforms.gate().clone(),
        proxies: Proxies::new(&config.proxies.trusted),
        timeout: config.limits.handshake_timeout,
        encryption,
    };
    let traffic = metrics.traffic.clone();
    let (tracker, stopped) = (tasks.clone(), stop.clone());
    tasks.spawn(listener.serve(public, entrance, traffic, patience, tracker, stopped));
    drain.serving();
    tracing::info!(
        node = cluster.node_id(),
        listen = %address,
        admin = %admin_address,
        version = crate::VERSION,
        "serving"
    );

    let draining = drain.run();
    tokio::pin!(draining);
    tokio::select! {
        () = shutdown => {}
        // It has logged why. Without it no other node is heard, so clients are better off elsewhere.
        Some(_) = carrying.join_next() => tracing::error!("a task of the node ended, it lets its clients go"),
        () = &mut draining => {}
    }
    tokio::select! {
        () = drain.shut_down() => {}
        () = &mut draining => {}
    }
    platforms.end();
    stop.cancel();
    tasks.close();
    if tokio::time::timeout(LAST_TASKS, tasks.wait())
        .await
        .is_err()
    {
        tracing::warn!(tasks = tasks.len(), "some tasks did not end in time");
    }
    if let Some(presence) = presence {
        presence.end().await;
    }
    cluster.farewell();
    cluster.flushed(LAST_MESSAGES).await;
    traces.end().await;
    tracing::info!("ended");
}

/// Ends what is left of a node, however it ends.
struct Ending(
    Platforms,
    #[expect(dead_code, reason = "works by being dropped")] DropGuard,
);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Notes since when the bus is not heard.
async fn watch_hearing(
    mut hears: watch::Receiver<bool>,
    deaf_since: watch::Sender<Option<Instant>>,
) {
    loop {
        let hears_now = *hears.borrow_and_update();
        deaf_since.send_if_modified(|since| match (hears_now, &since) {
            (true, Some(_)) => {
                *since = None;
                true
            }
            (false, None) => {
                *since = Some(Instant::now());
                true
            }
            _ => false,
        });
        if hears.changed().await.is_err() {
            return;
        }
    }
}
