//! The way to a server, to be cut or to fall silent.

use std::{net::Ipv4Addr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// What happens to the connections that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Forward,
    Silent,
    Reset,
}

/// Forwards connections to a server on this machine, until dropped.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    /// Replaced at each fault: connections made later are not affected.
    fate: Arc<watch::Sender<watch::Sender<Fate>>>,
    _running: JoinSet<()>,
}

impl Proxy {
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let fate = Arc::new(watch::Sender::new(watch::Sender::new(Fate::Forward)));
        let mut running = JoinSet::new();
        running.spawn(accept(listener, server, fate.clone()));
        Self {
            port,
            fate,
            _running: running,
        }
    }

    /// Stops forwarding on the connections that exist, without a word to either end. New ones work.
    pub(crate) fn fall_silent(&self) {
        self.doom(Fate::Silent);
    }

    /// Resets the connections that exist. New ones work.
    pub(crate) fn reset(&self) {
        self.doom(Fate::Reset);
    }

    fn doom(&self, fate: Fate) {
        let old = self.fate.send_replace(watch::Sender::new(Fate::Forward));
        old.send_replace(fate);
    }
}

async fn accept(listener: TcpListener, server: u16, fate: Arc<watch::Sender<watch::Sender<Fate>>>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let fate = fate.borrow().subscribe();
        connections.spawn(async move {
            // A server that is away closes the client's connection, too.
            if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await {
                carry(client, server, fate).await;
            }
        });
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, mut fate: watch::Receiver<Fate>) {
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        // The sender goes away with the old fate, which then stays what it is.
        let now = *fate.borrow_and_update();
        match now {
            Fate::Forward => {}
            Fate::Silent => std::future::pending().await,
            Fate::Reset => {
                client.set_zero_linger().unwrap();
                return;
            }
        }
        let forwarded = tokio::select! {
            Ok(()) = fate.changed() => continue,
            read = client.read(&mut up) => match read {
                Ok(length @ 1..) => server.write_all(&up[..length]).await,
                _ => return,
            },
            read = server.read(&mut down) => match read {
                Ok(length @ 1..) => client.write_all(&down[..length]).await,
                _ => return,
            },
        };
        if forwarded.is_err() {
            return;
        }
    }
}
