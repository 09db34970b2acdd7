//! A node: its parts, wired in order; bound first, served second, drained at the end.

mod handle;
mod life;

pub use handle::Handle;

use std::{collections::HashSet, future::Future, io, net::SocketAddr, sync::Arc};

use roomcast_adapter::{
    Cluster, Config as ClusterConfig, Subscribe, Wire,
    bus::{Bus, MemoryBus},
};
use roomcast_gateway::Gateway;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::{
    auth::{self, KeyError},
    config::{BuiltIn, Config, EXPOSED, Jwt, RedisMode},
    connection::{Encryption, Listener},
    drain::Drain,
    gateways::{self, Ground},
    http::starting,
    live::{Keys, Live},
    metrics::Metrics,
    nodes::Nodes,
    platform::Platforms,
    presence::{self, Presence},
    rebalance::Rebalance,
    redis::{self, RedisError, TlsError},
    store::{self, Store},
    traces::{Exporting, Traces},
};

/// The namespace that is protected wherever there is a key.
const CHAT: &str = "/chat";

/// Why a node could not be set up. Nothing was served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// A port is taken, or not allowed.
    #[error("cannot listen on {address} ({key})")]
    Listen {
        /// The key of the configuration that says so.
        key: &'static str,
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Redis is configured but not there.
    #[error("cannot join the cluster")]
    Redis(#[from] RedisError),
    /// A file with the keys of tokens cannot be used.
    #[error("cannot verify tokens")]
    Keys(#[from] KeyError),
    /// The certificate of the public port cannot be used.
    #[error("cannot speak TLS to clients")]
    Certificate(#[source] TlsError),
    /// Two gateways claim one namespace.
    #[error("more than one gateway for the namespace {0}")]
    Namespace(String),
}

/// A node to be: its configuration and gateways.
pub struct Builder {
    config: Config,
    gateways: Vec<Gateway>,
    bus: Option<Arc<dyn Bus>>,
    store: Option<Arc<dyn Store>>,
}

/// A node whose ports are bound, and which serves nobody yet.
pub struct Node {
    listener: Listener,
    admin: TcpListener,
    admin_address: SocketAddr,
    gateways: Vec<Gateway>,
    config: Config,
    cluster: Cluster,
    presence: Option<Presence>,
    platforms: Platforms,
    encryption: Option<Encryption>,
    metrics: Arc<Metrics>,
    traces: Traces,
    exporting: Option<Exporting>,
    tasks: TaskTracker,
    handle: Handle,
}

impl Builder {
    /// Adds a gateway to the built-in ones that the configuration names.
    pub fn gateway(mut self, gateway: Gateway) -> Self {
        self.gateways.push(gateway);
        self
    }

    /// Carries messages between nodes over `bus`, whatever the configuration says of Redis.
    pub fn bus(mut self, bus: impl Bus) -> Self {
        self.bus = Some(Arc::new(bus));
        self
    }

    /// Keeps the records of the built-in resource in `store`, whatever the configuration says of Redis.
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Reads the keys of tokens, binds both ports and connects to Redis, if it is configured.
    ///
    /// # Errors
    ///
    /// [`BindError`], which says what to change.
    ///
    /// # Cancel safety
    ///
    /// What was bound and connected is closed when the future is dropped.
    pub async fn bind(self) -> Result<Node, BindError> {
        let Self {
            config,
            gateways,
            bus,
            store,
        } = self;
        if config.is_exposed() {
            tracing::warn!(listen = %config.listen, "{EXPOSED}");
        }
        let live = Live::new(&config)?;
        let encryption = config.tls.as_ref().map(Encryption::new).transpose();
        let encryption = encryption.map_err(BindError::Certificate)?;
        let listen = |key, address| {
            move |source| BindError::Listen {
                key,
                address,
                source,
            }
        };
        let listener = Listener::bind(config.listen).map_err(listen("listen", config.listen))?;
        let address = config.admin.listen;
        let admin = TcpListener::bind(address)
            .await
            .map_err(listen("admin.listen", address))?;
        let admin_address = admin
            .local_addr()
            .map_err(listen("admin.listen", address))?;

        let joining = async {
            let joined = join(&config, bus).await?;
            let presence = presence_for(&config, joined.cluster.node_id()).await?;
            let store = store_for(&config, store).await?;
            Ok::<_, RedisError>((joined, presence, store))
        };
        let (joined, presence, store) = tokio::select! {
            joined = joining => joined?,
            never = starting(&admin) => match never {},
        };
        let Joined {
            cluster,
            metrics,
            traces,
            exporting,
        } = joined;
        let ground = Ground {
            store,
            presence: presence.clone(),
        };
        let gateways = all(&config, ground, live.keys(), gateways)?;
        let tasks = TaskTracker::new();
        let platforms = Platforms::new(&config, cluster.clone(), metrics.clone(), tasks.clone());
        let drain = Drain::new(
            config.drain.clone(),
            platforms.clone(),
            cluster.clone(),
            metrics.clone(),
        );
        let nodes = Nodes::describe(
            &cluster,
            listener.address(),
            drain.phase(),
            platforms.counter(),
        );
        let rebalance = Rebalance::new(
            config.drain.pace(),
            cluster.clone(),
            nodes.clone(),
            platforms.clone(),
            drain.phase(),
        );
        Ok(Node {
            listener,
            admin,
            admin_address,
            gateways,
            config,
            cluster,
            presence,
            handle: Handle {
                drain,
                nodes,
                rebalance,
                live,
                platforms: platforms.clone(),
            },
            platforms,
            encryption,
            metrics,
            traces,
            exporting,
            tasks,
        })
    }
}

/// Whether clients of the namespace need a token where there is a key: those of the chat always do.
fn wants_token(jwt: &Jwt, namespace: &str) -> bool {
    namespace == CHAT || jwt.namespaces.iter().any(|listed| listed == namespace)
}

/// The store of the built-in resource, if that is served.
async fn store_for(
    config: &Config,
    given: Option<Arc<dyn Store>>,
) -> Result<Option<Arc<dyn Store>>, RedisError> {
    match given {
        Some(store) => Ok(Some(store)),
        None if config.gateways.contains(&BuiltIn::Resource) => {
            store::connect(config).await.map(Some)
        }
        None => Ok(None),
    }
}

/// Where the users of the built-in chat are kept, if that is served.
async fn presence_for(config: &Config, node_id: &str) -> Result<Option<Presence>, RedisError> {
    if !config.gateways.contains(&BuiltIn::Chat) {
        return Ok(None);
    }
    presence::connect(config, node_id).await.map(Some)
}

/// The built-in gateways and those that were added, each for a namespace of its own, behind tokens where they have to be.
fn all(
    config: &Config,
    ground: Ground,
    keys: Option<&Keys>,
    added: Vec<Gateway>,
) -> Result<Vec<Gateway>, BindError> {
    let mut all = gateways::built_in(config, ground);
    all.extend(added);
    let mut namespaces = HashSet::new();
    for gateway in &all {
        if !namespaces.insert(gateway.namespace().to_owned()) {
            return Err(BindError::Namespace(gateway.namespace().to_owned()));
        }
    }
    for namespace in &config.jwt.namespaces {
        if !namespaces.contains(namespace) {
            tracing::warn!(namespace, "jwt.namespaces names one that nothing serves");
        }
    }
    let cause = config.gateway.exception_cause;
    let behind_tokens = |gateway: Gateway| match keys {
        Some(keys) if wants_token(&config.jwt, gateway.namespace()) => {
            auth::guarded(gateway, keys.clone())
        }
        _ => gateway,
    };
    Ok(all
        .into_iter()
        .map(|gateway| behind_tokens(gateway.exception_cause(cause)))
        .collect())
}

/// A node's part in the cluster, and what it reports.
struct Joined {
    cluster: Cluster,
    metrics: Arc<Metrics>,
    traces: Traces,
    exporting: Option<Exporting>,
}

/// Joins the cluster on `bus`, on Redis, or makes one of this node alone.
async fn join(config: &Config, bus: Option<Arc<dyn Bus>>) -> Result<Joined, RedisError> {
    let bus: Arc<dyn Bus> = match (bus, &config.redis.url) {
        (Some(bus), _) => bus,
        (None, Some(url)) => {
            tracing::info!(redis = %url, "connecting");
            Arc::new(redis::connect(url, &config.redis.tls, config.redis.mode).await?)
        }
        (None, None) => {
            tracing::warn!(
                "no redis.url is set: this node is alone, its clients reach those of no other node"
            );
            Arc::new(MemoryBus::alone())
        }
    };
    let cluster_config = ClusterConfig {
        key: config.redis.key.clone(),
        wire: match config.redis.mode {
            RedisMode::Classic => Wire::Classic,
            RedisMode::Sharded => Wire::Sharded,
        },
        subscribe: Subscribe::PerRoom {
            limit: config.redis.room_subscriptions,
        },
        ..ClusterConfig::default()
    };
    let node_id = Cluster::random_node_id();
    let (traces, exporting) = Traces::new(&config.traces, &node_id);
    let metrics = Arc::new(Metrics::with(&node_id, traces.clone()));
    let cluster = Cluster::new(node_id, bus, cluster_config, metrics.cluster.observer());
    Ok(Joined {
        cluster,
        metrics,
        traces,
        exporting,
    })
}

impl Node {
    /// A node of this configuration, with the built-in gateways that it names.
    pub fn builder(config: Config) -> Builder {
        Builder {
            config,
            gateways: Vec::new(),
            bus: None,
            store: None,
        }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Where metrics and health are.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// This node's name in the cluster, new at each start.
    pub fn id(&self) -> &str {
        self.cluster.node_id()
    }

    /// What steers the node while it runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves clients until `shutdown` resolves, and then lets them go: not ready, the grace, transports closed at the
    /// configured rate, what is left at the deadline.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the node at once, without a drain.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        life::run(self, shutdown).await;
    }
}
