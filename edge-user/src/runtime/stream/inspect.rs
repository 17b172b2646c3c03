//! Looks at what is at the other end of a way to a trunk: whether it takes connections, and what its handshake of TLS shows.
//! The connection is its own and carries no SIP.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use edge_core::policy::{Transport, Trunk};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::handshake::HANDSHAKE_MAX;
use super::line;
use crate::runtime::clock;
use crate::tls::outbound::Outbound;
use crate::tls::{Certificate, Keyring, explain};

/// How long a server may take to say that it does not want our certificate: under TLS 1.3 it says so after the handshake.
const AFTERTHOUGHT_MAX: Duration = Duration::from_millis(300);

/// What was found at the end of one way.
#[derive(Debug)]
pub struct Inspected {
    /// Where.
    pub address: SocketAddr,
    /// `tcp` or `tls`.
    pub transport: Transport,
    /// How long the connection took, or why there is none.
    pub connected: Result<Duration, String>,
    /// What came of the handshake, over TLS.
    pub handshake: Option<Shaken>,
}

/// What a handshake has shown.
#[derive(Debug, Default)]
pub struct Shaken {
    /// How long it took.
    pub took: Duration,
    /// Version of TLS.
    pub version: Option<String>,
    /// What encrypts.
    pub cipher: Option<String>,
    /// The server's certificate, taken or not.
    pub certificate: Option<Certificate>,
    /// Why it is not the trunk.
    pub failure: Option<String>,
}

/// Connects to `address` out of our address `from`, and over TLS does the handshake that a call to `trunk` would do.
pub(in crate::runtime) async fn inspect(
    from: IpAddr,
    (address, transport): (SocketAddr, Transport),
    trunk: Arc<Trunk>,
    keyring: Arc<Keyring>,
) -> Inspected {
    let began = clock::now();
    let stream = line::reach(from, address, trunk.sip_dscp).await;
    let took = clock::now().saturating_duration_since(began);
    let (connected, handshake) = match stream {
        Err(words) => (Err(words), None),
        Ok(stream) if transport == Transport::Tls => {
            (Ok(took), Some(shake(stream, address, trunk, keyring).await))
        }
        Ok(_stream) => (Ok(took), None),
    };
    Inspected { address, transport, connected, handshake }
}

async fn shake(stream: TcpStream, peer: SocketAddr, trunk: Arc<Trunk>, keyring: Arc<Keyring>) -> Shaken {
    let outbound = Outbound::new(trunk, keyring);
    let Some(config) = outbound.client_config() else {
        let failure = Some("our realm has no certificate".to_owned());
        return Shaken { failure, ..Shaken::default() };
    };
    let began = clock::now();
    let connecting = TlsConnector::from(Arc::new(config)).connect(outbound.server_name(peer.ip()), stream);
    let late = || io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake in time");
    let outcome = timeout(HANDSHAKE_MAX, connecting).await.unwrap_or_else(|_elapsed| Err(late()));
    let took = clock::now().saturating_duration_since(began);
    let mut shaken = Shaken { took, ..Shaken::default() };
    let failed = match outcome {
        Ok(mut stream) => {
            let (_, session) = stream.get_ref();
            shaken.version = session.protocol_version().map(|version| format!("{version:?}"));
            shaken.cipher = session.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
            refuses_later(&mut stream).await
        }
        Err(error) => Some(error),
    };
    shaken.certificate = outbound.shown().cloned();
    let explained = failed.map(|error| explain(&error));
    shaken.failure = outbound.denial().map(|denial| denial.to_string()).or(explained);
    shaken
}

/// What the server says against us once it has seen our certificate.
async fn refuses_later(stream: &mut TlsStream<TcpStream>) -> Option<io::Error> {
    let mut nothing = [0_u8; 1];
    match timeout(AFTERTHOUGHT_MAX, stream.read(&mut nothing)).await {
        Ok(Err(error)) => Some(error),
        // It speaks first, or has closed in order, or waits: none of that is against us.
        Ok(Ok(_)) | Err(_) => None,
    }
}
