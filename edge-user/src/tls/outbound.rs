//! A handshake that we begin: the server has to prove that it is the trunk that we call.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use edge_core::policy::Trunk;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};

use super::{Certificate, Denial, Keyring, PROVIDER, VERSIONS};

/// One handshake that we begin, and what is wrong with the server's certificate.
#[derive(Debug)]
pub(crate) struct Outbound {
    trunk: Arc<Trunk>,
    keyring: Arc<Keyring>,
    denial: OnceLock<Denial>,
    /// What the server has shown, whatever was made of it.
    shown: OnceLock<Certificate>,
}

impl Outbound {
    /// A handshake with who should be `trunk`.
    pub(crate) fn new(trunk: Arc<Trunk>, keyring: Arc<Keyring>) -> Arc<Self> {
        Arc::new(Self { trunk, keyring, denial: OnceLock::new(), shown: OnceLock::new() })
    }

    /// How it is to be done; our certificate is shown when the server asks for one. `None` when the realm has none.
    pub(crate) fn client_config(self: &Arc<Self>) -> Option<ClientConfig> {
        let ours = self.keyring.ours(self.trunk.realm)?;
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_protocol_versions(VERSIONS)
            .ok()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(self) as Arc<dyn ServerCertVerifier>)
            .with_client_cert_resolver(ours);
        config.resumption = Resumption::disabled();
        Some(config)
    }

    /// The name to ask for: a server may have several certificates.
    pub(crate) fn server_name(&self, peer: IpAddr) -> ServerName<'static> {
        let name = self.trunk.names.first().cloned();
        name.and_then(|name| ServerName::try_from(name).ok()).unwrap_or(ServerName::IpAddress(peer.into()))
    }

    /// Why the handshake failed, when that was over the certificate.
    pub(crate) fn denial(&self) -> Option<Denial> {
        self.denial.get().cloned()
    }

    /// The certificate that the server has shown, whether it is one of the trunk's or not.
    pub(crate) fn shown(&self) -> Option<&Certificate> {
        self.shown.get()
    }

    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Denial> {
        let shown = Certificate::read(leaf).ok_or(Denial::Unreadable)?;
        self.keyring.vouches(&self.trunk, self.shown.get_or_init(|| shown), leaf, intermediates, now)
    }
}

impl ServerCertVerifier for Outbound {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _asked_for: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.judge(end_entity, intermediates, now) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(denial) => Err(self.denial.get_or_init(|| denial).alert()),
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
