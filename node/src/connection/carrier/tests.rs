use std::{task::Waker, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    time::Instant,
};

use super::*;
use crate::connection::Sessions;

const PATIENCE: Patience = Patience {
    write_stall: Duration::from_secs(10),
    read_pause: Duration::from_secs(20),
};

fn carrier(buffer: usize) -> (Carrier<DuplexStream>, DuplexStream, Arc<Session>) {
    let (near, far) = tokio::io::duplex(buffer);
    let traffic = crate::metrics::Metrics::new("test").traffic.clone();
    let session = Sessions::for_tests().open();
    let carrier = Carrier::over(near, session.clone(), traffic, PATIENCE);
    (carrier, far, session)
}

/// A text frame.
fn frame(payload: &str) -> Vec<u8> {
    let mut frame = vec![0x81, payload.len() as u8];
    frame.extend_from_slice(payload.as_bytes());
    frame
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_ended_after_the_stall() {
    let (mut carrier, _far, session) = carrier(16);
    let traffic = carrier.0.traffic.clone();
    let start = Instant::now();

    carrier.write_all(&frame(&"x".repeat(100))).await.unwrap();
    session.flush();
    let error = carrier.read_u8().await.unwrap_err();

    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(start.elapsed(), PATIENCE.write_stall);
    assert_eq!(traffic.stalled.get(), 1);
    carrier.write_all(b"\x81\x00").await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_that_makes_progress_is_left_alone() {
    let (mut carrier, mut far, session) = carrier(16);
    let bytes = frame(&"x".repeat(100));
    carrier.write_all(&bytes).await.unwrap();
    session.flush();
    let slow = async {
        let mut read = vec![0; bytes.len()];
        for part in read.chunks_mut(16) {
            tokio::time::sleep(Duration::from_secs(9)).await;
            far.read_exact(part).await.unwrap();
        }
        far.write_u8(7).await.unwrap();
        read
    };

    let (byte, read) = tokio::join!(carrier.read_u8(), slow);

    assert_eq!(byte.unwrap(), 7);
    assert_eq!(read, bytes);
    assert_eq!(carrier.0.traffic.stalled.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn reading_pauses_while_too_many_events_wait() {
    let (mut carrier, mut far, session) = carrier(1024);
    let wait = || -> Vec<_> {
        (0..=Session::MOST_EVENTS)
            .map(|_| session.event_waits(1))
            .collect()
    };
    let waiting = wait();
    far.write_all(b"x").await.unwrap();
    {
        let read = polled_once(carrier.read_u8());
        assert!(read.is_pending());
        drop(waiting);
        assert_eq!(
            read.finish().await.unwrap(),
            b'x',
            "handled events let it go on"
        );
    }

    let waiting = wait();
    let start = Instant::now();
    carrier.read_u8().await.unwrap_err();
    assert_eq!(start.elapsed(), PATIENCE.read_pause);
    assert_eq!(carrier.0.traffic.behind.get(), 1);
    drop(waiting);
}

#[tokio::test]
async fn a_closing_session_reads_its_end() {
    let (mut carrier, _far, session) = carrier(16);
    let mut buffer = [0; 1];
    let read = polled_once(carrier.read(&mut buffer));
    assert!(read.is_pending());

    session.close();

    assert_eq!(read.finish().await.unwrap(), 0);
}

#[tokio::test]
async fn what_comes_in_one_piece_can_be_read_in_small_ones() {
    let (mut carrier, mut far, _session) = carrier(64 * 1024);
    let sent: Vec<u8> = (0..50_000_u32).map(|byte| byte as u8).collect();
    far.write_all(&sent).await.unwrap();

    let mut read = vec![0; sent.len()];
    for part in read.chunks_mut(128) {
        carrier.read_exact(part).await.unwrap();
    }

    assert_eq!(read, sent);
    assert!(carrier.0.read.is_empty());
}

#[tokio::test]
async fn a_shutdown_waits_until_everything_is_written() {
    let (mut carrier, mut far, _session) = carrier(16);
    let bytes = frame(&"x".repeat(100));
    carrier.write_all(&bytes).await.unwrap();

    let mut read = Vec::new();
    let (ended, all) = tokio::join!(carrier.shutdown(), far.read_to_end(&mut read));

    ended.unwrap();
    all.unwrap();
    assert_eq!(read, bytes);
}

#[tokio::test]
async fn a_frame_that_is_cut_ends_the_connection() {
    let (mut carrier, _far, session) = carrier(1024);
    let mut buffer = [0; 1];
    let read = polled_once(carrier.read(&mut buffer));
    assert!(read.is_pending());

    let cut = &frame("cut")[..4];
    assert_eq!(
        session.engine_writes(cut).unwrap_err().kind(),
        io::ErrorKind::InvalidData
    );

    let ended = tokio::time::timeout(Duration::from_secs(5), read.finish());
    let error = ended.await.expect("its end is seen").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    carrier.write_all(&frame("next")).await.unwrap_err();
}

struct Polled<F>(Pin<Box<F>>, bool);

/// Polls a future once, to go on with it later.
fn polled_once<F: Future>(future: F) -> Polled<F> {
    let mut future = Box::pin(future);
    let mut context = Context::from_waker(Waker::noop());
    let pending = future.as_mut().poll(&mut context).is_pending();
    Polled(future, pending)
}

impl<F: Future> Polled<F> {
    fn is_pending(&self) -> bool {
        self.1
    }

    async fn finish(self) -> F::Output {
        self.0.await
    }
}
