//! The task of one connection: reads what its client sends until either has enough.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{Role, WebSocketConfig},
    },
};

use super::{
    ending::Ending,
    pulse::{Beat, Pulse},
    sockets::Seat,
};
use crate::{connection::Carrier, platform::intake::Intake as _};

/// How long a client that is still sending may take to read why it is closed. A connection that is closed with bytes unread
/// is reset, and the reset can overtake the reason.
const LINGER: Duration = Duration::from_secs(1);

/// Serves a client until it is gone, in every sense. Its gateway has as long as `admission` to let it in, as the engine
/// gives one.
pub(super) async fn serve<S>(
    carrier: Carrier<S>,
    seat: Arc<Seat>,
    pulse: Pulse,
    protocol: WebSocketConfig,
    admission: Duration,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let admitted = timeout(admission, seat.admitted()).await;
    if let Err(refused) = admitted.unwrap_or(Err(Ending::SILENT)) {
        let mut carrier = carrier;
        return end(&mut carrier, &refused).await;
    }
    seat.take().await;
    let mut socket = WebSocketStream::from_raw_socket(carrier, Role::Server, Some(protocol)).await;
    let ending = read(&mut socket, &seat, pulse).await;
    seat.leave(ending.reason);
    end(socket.get_mut(), &ending).await;
}

/// Says why, if there is somebody to say it to, and closes.
async fn end<S>(carrier: &mut Carrier<S>, ending: &Ending)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let close = ending.frame();
    // Where one of these fails there is nobody left to be told, or nothing left to wait for.
    if let Some(close) = &close
        && carrier.write_all(close).await.is_err()
    {
        return;
    }
    if carrier.shutdown().await.is_ok() && close.is_some() {
        let _slow = timeout(LINGER, discard(carrier)).await;
    }
}

/// Reads until the connection is to end.
async fn read<S>(
    socket: &mut WebSocketStream<Carrier<S>>,
    seat: &Arc<Seat>,
    mut pulse: Pulse,
) -> Ending
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let sleep = sleep_until(pulse.due());
    tokio::pin!(sleep);
    loop {
        tokio::select! {
            message = socket.next() => {
                let message = match message {
                    Some(Ok(message)) => message,
                    // The node has ended what it reads.
                    _ if seat.is_closing() => return seat.ending(),
                    Some(Err(error)) => return Ending::of(&error),
                    None => return Ending::GONE,
                };
                pulse.heard(Instant::now());
                match message {
                    Message::Text(text) => seat.receive(&text),
                    Message::Binary(_) => seat.refuse(),
                    // They are answered by whoever reads on.
                    Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
                }
            }
            () = &mut sleep => {
                let now = Instant::now();
                if pulse.due() <= now {
                    match pulse.beat(now, seat.is_paused()) {
                        Beat::Ping => seat.ping(),
                        Beat::Lost => return Ending::SILENT,
                    }
                }
                sleep.as_mut().reset(pulse.due());
            }
        }
    }
}

/// Reads what still comes, for nothing.
async fn discard(mut stream: impl AsyncRead + Unpin) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}
