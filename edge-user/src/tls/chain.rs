//! Whether a certificate was signed, directly or over others, by someone who is believed (RFC 5280 section 6).

use std::path::PathBuf;

use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter};

use super::{Certificate, Denial, PROVIDER};

/// Who is believed to sign certificates: the content of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authorities {
    /// Where they were read, for sentences.
    pub(super) file: PathBuf,
    /// The certificates, as they are.
    pub(super) certificates: Vec<CertificateDer<'static>>,
    /// What of them verifies others.
    pub(super) anchors: Vec<TrustAnchor<'static>>,
}

impl Authorities {
    /// Whether `chain`, whose first is `shown`, was signed by one of these and counts at `now`. A certificate that stands
    /// in the file itself needs no one else.
    ///
    /// # Errors
    /// [`Denial`] says why not.
    pub(crate) fn vouch_for(
        &self,
        shown: &Certificate,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Denial> {
        if self.certificates.iter().any(|known| known.as_ref() == leaf.as_ref()) {
            return counts(shown, now);
        }
        let end_entity = EndEntityCert::try_from(leaf).map_err(|_syntax| Denial::Unreadable)?;
        let algorithms = PROVIDER.signature_verification_algorithms.all;
        end_entity
            .verify_for_usage(algorithms, &self.anchors, intermediates, now, OfSip, None, None)
            .map(|_path| ())
            .map_err(|error| self.denial(shown, now, &error))
    }

    fn denial(&self, shown: &Certificate, now: UnixTime, error: &webpki::Error) -> Denial {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the errors of another crate, some of them without end"
        )]
        match error {
            webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. } => {
                // It may be one of those between that does not count.
                counts(shown, now).err().unwrap_or_else(|| Denial::Unfit {
                    names: shown.called(),
                    why: "a certificate above it has expired or does not count yet".to_owned(),
                })
            }
            webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey => Denial::NotSigned {
                names: shown.called(),
                issuer: shown.issuer.clone(),
                file: self.file.clone(),
            },
            webpki::Error::RequiredEkuNotFoundContext(_) => Denial::Unfit {
                names: shown.called(),
                why: "its extendedKeyUsage allows neither TLS servers nor clients".to_owned(),
            },
            other => Denial::Unfit { names: shown.called(), why: other.to_string() },
        }
    }
}

fn counts(shown: &Certificate, now: UnixTime) -> Result<(), Denial> {
    let now = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(now.as_secs());
    if now > shown.not_after {
        return Err(Denial::Expired { names: shown.called(), on: shown.not_after });
    }
    if now < shown.not_before {
        return Err(Denial::NotYet { names: shown.called(), from: shown.not_before });
    }
    Ok(())
}

/// What a certificate of a SIP peer may be made for: nothing in particular, TLS servers or clients, or SIP domains
/// (RFC 5924). The peers of a trunk are both servers and clients, and public CAs sign for servers alone.
#[derive(Debug, Clone, Copy)]
struct OfSip;

/// 1.3.6.1.5.5.7.3.1, TLS servers.
const SERVERS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
/// 1.3.6.1.5.5.7.3.2, TLS clients.
const CLIENTS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];
/// 1.3.6.1.5.5.7.3.20, SIP domains.
const SIP_DOMAINS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 20];
/// 2.5.29.37.0, anything.
const ANYTHING: &[u8] = &[0x55, 0x1d, 0x25, 0];

impl ExtendedKeyUsageValidator for OfSip {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let fit = [SERVERS, CLIENTS, SIP_DOMAINS, ANYTHING].map(KeyPurposeId::new);
        let mut any = false;
        for purpose in purposes {
            any = true;
            if fit.contains(&purpose?) {
                return Ok(());
            }
        }
        let unfit = webpki::RequiredEkuNotFoundContext {
            required: webpki::KeyUsage::server_auth(),
            present: Vec::new(),
        };
        if any { Err(webpki::Error::RequiredEkuNotFoundContext(unfit)) } else { Ok(()) }
    }
}
