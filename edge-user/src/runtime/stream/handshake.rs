//! Handshakes of TLS, on connections that a peer has opened and on our own: afterwards it is known who is there.
//!
//! Invariant: no byte of SIP is read, and none is written, before the other end has proven to be a trunk; where passwords say
//! who it is, that comes afterwards, within TLS.

use std::io;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use edge_core::policy::{Policy, Trunk};
use edge_core::transaction::Path;
use rustls::pki_types::{CertificateDer, UnixTime};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::Shared;
use super::counters::count;
use crate::runtime::clock;
use crate::shield::Offence;
use crate::tls::inbound::Inbound;
use crate::tls::outbound::Outbound;
use crate::tls::{Certificate, Denial, Keyring, explain};

/// How long a handshake may take: two round trips around the world, and one segment that is sent again.
pub(super) const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

/// A connection whose other end is known.
#[derive(Debug)]
pub(super) struct Proven {
    /// Its name, with what was proven.
    pub(super) path: Path,
    /// The stream within TLS.
    pub(super) stream: Box<TlsStream<TcpStream>>,
    /// What it was let in for.
    pub(super) claim: Claim,
}

/// What a connection was let in for, to be looked at again when the operator decides anew.
#[derive(Debug)]
pub(super) struct Claim {
    /// The decisions that it was judged by.
    pub(super) policy: Arc<Policy>,
    /// The certificates that made it a trunk's; none where its address did.
    chain: Vec<CertificateDer<'static>>,
}

impl Claim {
    /// Whether its certificates still make it `trunk`'s. A trunk that is being removed has its connections as long as it
    /// has calls.
    pub(super) fn stands(&self, trunk: &Trunk, keyring: &Keyring) -> bool {
        let Some((leaf, intermediates)) = self.chain.split_first() else { return true };
        if !keyring.knows(trunk) {
            return true;
        }
        let now = UnixTime::since_unix_epoch(clock::today().duration_since(UNIX_EPOCH).unwrap_or_default());
        Certificate::read(leaf)
            .is_some_and(|shown| keyring.vouches(trunk, &shown, leaf, intermediates, now).is_ok())
    }
}

/// Does the handshake that a peer begins. `None` when it is nobody, which has been counted.
pub(super) async fn receive(stream: TcpStream, path: Path, shared: &Shared) -> Option<Proven> {
    let policy = shared.reception.policy();
    let realm = path.listener.realm;
    let known = shared.trunk(path).is_some();
    // Who has a password says it afterwards, and needs no certificate.
    let needs_none = known || shared.awaits_password(path);
    let keyring = shared.reception.keyring();
    let inbound = Inbound::new(Arc::clone(&policy), keyring, realm, path.peer.ip(), needs_none);
    let acceptor = TlsAcceptor::from(Arc::new(inbound.server_config()?));
    let outcome =
        timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await.unwrap_or_else(|_elapsed| Err(late()));
    let judged = match outcome {
        Ok(stream) => {
            inbound.proven().map(|proven| (stream, proven)).map_err(|denial| (Some(denial), late()))
        }
        Err(error) => Err((inbound.denial(), error)),
    };
    match judged {
        Ok((stream, proven)) => {
            let chain = proven.and_then(|_key| stream.get_ref().1.peer_certificates());
            let claim = Claim { policy, chain: chain.unwrap_or_default().to_vec() };
            if proven.is_some() {
                shared.gate.befriend(path.peer.ip());
                shared.reception.shield.befriend(path.peer.ip());
            }
            count(&shared.counters.proven);
            Some(Proven { path: Path { proven, ..path }, stream: Box::new(stream.into()), claim })
        }
        Err((denial, error)) => {
            let words = account(denial.or_else(|| unshown(&error)), &error, shared);
            if !known {
                shared.reception.shield.offended(path.peer.ip(), Offence::Handshake);
            }
            shared.speak_of(path.peer, &words);
            None
        }
    }
}

/// Does the handshake that we begin with who should be `trunk`.
///
/// # Errors
/// Why it is not, in words.
pub(super) async fn begin(
    stream: TcpStream,
    path: Path,
    trunk: Arc<Trunk>,
    shared: &Shared,
) -> Result<Proven, String> {
    let (policy, keyring) = (shared.reception.policy(), shared.reception.keyring());
    let outbound = Outbound::new(trunk, keyring);
    let Some(config) = outbound.client_config() else { return Err("we have no certificate".to_owned()) };
    let connecting =
        TlsConnector::from(Arc::new(config)).connect(outbound.server_name(path.peer.ip()), stream);
    match timeout(HANDSHAKE_MAX, connecting).await.unwrap_or_else(|_elapsed| Err(late())) {
        Ok(stream) => {
            let chain = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
            shared.gate.befriend(path.peer.ip());
            count(&shared.counters.proven);
            Ok(Proven { path, stream: Box::new(stream.into()), claim: Claim { policy, chain } })
        }
        Err(error) => Err(account(outbound.denial(), &error, shared)),
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no TLS handshake within {} s", HANDSHAKE_MAX.as_secs()))
}

/// Whether a handshake failed because no certificate was shown.
fn unshown(error: &io::Error) -> Option<Denial> {
    let tls = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    matches!(tls, rustls::Error::NoCertificatesPresented).then_some(Denial::None)
}

/// Counts a failure by its reason; says it in words.
fn account(denial: Option<Denial>, error: &io::Error, shared: &Shared) -> String {
    match denial {
        Some(denial) => {
            count(shared.counters.denied.of(&denial));
            denial.to_string()
        }
        None => {
            count(&shared.counters.denied.protocol);
            explain(error)
        }
    }
}
