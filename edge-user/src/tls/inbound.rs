//! A handshake that a peer begins: which trunk it proves to be.
//!
//! A source that is a trunk's by its address needs no certificate; everybody else has to show one, and hears by an alert
//! what is wrong with it.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use edge_core::policy::{Policy, RealmId, TrunkKey};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};

use super::{Certificate, Denial, Keyring, PROVIDER, VERSIONS};

/// One handshake that a peer begins, and what its certificate turns out to say.
#[derive(Debug)]
pub(crate) struct Inbound {
    policy: Arc<Policy>,
    keyring: Arc<Keyring>,
    realm: RealmId,
    source: IpAddr,
    /// Whether its address alone makes it a trunk.
    known_by_address: bool,
    verdict: OnceLock<Result<TrunkKey, Denial>>,
}

impl Inbound {
    /// A handshake with `source` in `realm`, which is a trunk by its address or has to prove that it is one.
    pub(crate) fn new(
        policy: Arc<Policy>,
        keyring: Arc<Keyring>,
        realm: RealmId,
        source: IpAddr,
        known_by_address: bool,
    ) -> Arc<Self> {
        Arc::new(Self { policy, keyring, realm, source, known_by_address, verdict: OnceLock::new() })
    }

    /// How it is to be done; `None` when the realm has no certificate of ours.
    pub(crate) fn server_config(self: &Arc<Self>) -> Option<ServerConfig> {
        let ours = self.keyring.ours(self.realm)?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_protocol_versions(VERSIONS)
            .ok()?
            .with_client_cert_verifier(Arc::clone(self) as Arc<dyn ClientCertVerifier>)
            .with_cert_resolver(ours);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Some(config)
    }

    /// Who it was, once the handshake is over: a trunk by its certificate, or `None` for the one that its address names.
    ///
    /// # Errors
    /// [`Denial`] when it is nobody.
    pub(crate) fn proven(&self) -> Result<Option<TrunkKey>, Denial> {
        match self.verdict.get() {
            Some(Ok(key)) => Ok(Some(*key)),
            Some(Err(_)) | None if self.known_by_address => Ok(None),
            Some(Err(denial)) => Err(denial.clone()),
            None => Err(Denial::None),
        }
    }

    /// Why a handshake failed, when that was over the certificate.
    pub(crate) fn denial(&self) -> Option<Denial> {
        self.verdict.get()?.clone().err()
    }

    /// The trunk that a chain is of.
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<TrunkKey, Denial> {
        let shown = Certificate::read(leaf).ok_or(Denial::Unreadable)?;
        let expected = "no trunk of this realm has one of these among its `names`".to_owned();
        let mut denial = Denial::Name { names: shown.called(), expected };
        for trunk in self.policy.named(self.realm, &shown.names, self.source) {
            match self.keyring.vouches(trunk, &shown, leaf, intermediates, now) {
                Ok(()) => return Ok(trunk.key),
                Err(reason) => denial = reason,
            }
        }
        Err(denial)
    }
}

impl ClientCertVerifier for Inbound {
    fn offer_client_auth(&self) -> bool {
        self.policy.takes_certificates(self.realm)
    }

    fn client_auth_mandatory(&self) -> bool {
        !self.known_by_address
    }

    /// Whom we believe is nobody's business, and a list of all public CAs would be long.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verdict = self.verdict.get_or_init(|| self.judge(end_entity, intermediates, now));
        match verdict {
            Err(denial) if !self.known_by_address => Err(denial.alert()),
            Ok(_) | Err(_) => Ok(ClientCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &PROVIDER.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &PROVIDER.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}
