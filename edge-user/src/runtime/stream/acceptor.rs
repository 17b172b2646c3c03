//! Takes in connections of one listener, and lets strangers go before anything is read from them.

use std::sync::Arc;
use std::time::Duration;

use edge_core::policy::ListenerId;
use edge_core::transaction::Path;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::Shared;
use super::counters::count;

/// How long the acceptor rests after the kernel has refused it, so that a lasting fault is no busy loop.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection that a trunk has opened.
#[derive(Debug)]
pub(super) struct Accepted {
    /// Its name.
    pub(super) path: Path,
    /// The connection.
    pub(super) stream: TcpStream,
}

/// Accepts until the hub is gone.
pub(super) async fn accept(
    listener: TcpListener,
    id: ListenerId,
    hub: mpsc::Sender<Accepted>,
    shared: Arc<Shared>,
) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(listener = ?id, "accepting: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let path = Path { listener: id, peer, proven: None };
        if shared.trunk(path).is_none() {
            count(&shared.counters.strangers);
            turn_away(&stream);
        } else if hub.send(Accepted { path, stream }).await.is_err() {
            return;
        }
    }
}

/// Lets the kernel forget the connection at once, too: an orderly close would leave a minute of state for each.
pub(super) fn turn_away(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!("connection closed slowly: {error}");
    }
}
