//! What a connection runs over: a TCP connection as it is, or TLS within it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use edge_core::media::Dscp;
use edge_core::policy::{Transport, Trunk};
use edge_core::transaction::Path;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsStream;

use super::Shared;
use super::connection::{self, Ending, OurEnd};
use super::handshake::{self, Claim, Proven};
use crate::runtime::marking::mark;

/// How long a peer may take to accept a connection: one SYN that is sent again once.
const CONNECT_MAX: Duration = Duration::from_secs(4);

/// A stream that is ready for SIP.
#[derive(Debug)]
pub(super) enum Line {
    /// TCP.
    Plain(TcpStream),
    /// TLS, its handshake over.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Line {
    /// The TCP connection beneath.
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Carries it until it ends.
    pub(super) async fn run(self, ours: OurEnd, shared: &Shared) -> Ending {
        match self {
            Self::Plain(stream) => connection::run(stream, ours, shared).await,
            Self::Tls(stream) => connection::run(stream, ours, shared).await,
        }
    }
}

/// Opens a connection to `trunk` out of our address `from`; over TLS, `claim` is then what it was let in for.
///
/// # Errors
/// Why there is none, in words.
pub(super) async fn open(
    from: IpAddr,
    path: Path,
    trunk: &Arc<Trunk>,
    claim: &OnceLock<Claim>,
    shared: &Shared,
) -> Result<Line, String> {
    let stream = reach(from, path.peer, trunk.sip_dscp).await?;
    match path.listener.transport {
        Transport::Udp | Transport::Tcp => Ok(Line::Plain(stream)),
        Transport::Tls => {
            let proven = handshake::begin(stream, path, Arc::clone(trunk), shared).await?;
            let Proven { path: _, stream, claim: proof } = proven;
            if claim.set(proof).is_err() {
                tracing::debug!(peer = %path.peer, "a connection that was judged twice");
            }
            Ok(Line::Tls(stream))
        }
    }
}

/// Connects as [`open`] does, without TLS; from the first packet on all are marked so.
///
/// # Errors
/// Why there is no connection, in words.
pub(super) async fn reach(from: IpAddr, peer: SocketAddr, dscp: Option<Dscp>) -> Result<TcpStream, String> {
    match timeout(CONNECT_MAX, connect(from, peer, dscp)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_elapsed) => Err(format!("not accepted within {} s", CONNECT_MAX.as_secs())),
    }
}

async fn connect(from: IpAddr, peer: SocketAddr, dscp: Option<Dscp>) -> std::io::Result<TcpStream> {
    let socket = if from.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(SocketAddr::new(from, 0))?;
    if let Some(dscp) = dscp {
        mark(&socket, peer.ip(), dscp)?;
    }
    let stream = socket.connect(peer).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
