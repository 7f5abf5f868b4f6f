//! Accepting connections, and what each of them may take.
//!
//! A connection is closed when its client takes too long for a head, sends one that is too large, or has been connected
//! for long: the last is what ends a client that reads its answer a byte at a time. Whoever stays within the limits only
//! notices that a connection now and then has to be opened again, which every client does by itself.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

/// Limits of connections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How many there may be; further ones wait.
    pub(super) most: usize,
    /// How long a client may take for a head, and wait between two of them.
    pub(super) head: Duration,
    /// After how long a connection is closed once its answer is out.
    pub(super) life: Duration,
    /// How long an answer may then take.
    pub(super) rest: Duration,
}

/// The largest head. A query in the address has at most 64 KiB, more than that when it is escaped: those are posted.
const LARGEST_HEAD: usize = 64 << 10;
/// How long to wait when no connection can be accepted, as when the process has too many files open.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` changes; then lets the answers that are on their way out, up to `rest`.
pub(super) async fn serve(listener: TcpListener, router: Router, limits: Limits, mut stop: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(limits.most));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            _ = stop.changed() => break,
            accepted = accepted => accepted,
        };
        while connections.try_join_next().is_some() {}
        match (place, accepted) {
            (Ok(place), Ok((stream, _))) => {
                let served = connection(stream, router.clone(), limits, stop.clone());
                connections.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            _ => sleep(PAUSE).await,
        }
    }
    drop(listener);
    let _ = timeout(limits.rest, async { while connections.join_next().await.is_some() {} }).await;
}

async fn connection(stream: TcpStream, router: Router, limits: Limits, mut stop: watch::Receiver<bool>) {
    // Answers are written as a whole; waiting for more to send gains nothing.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    tokio::select! {
        _ = &mut connection => return,
        _ = stop.changed() => {}
        () = sleep(limits.life) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(limits.rest, connection).await;
}
