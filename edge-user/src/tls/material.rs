//! The files of TLS: certificates and keys as PEM, each read whole and checked before anything is built of it.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::certificate::day;
use super::{Authorities, Certificate, PROVIDER};

/// Largest file that is read, in bytes: all public CAs together are a quarter of a million.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What is wrong with a file, after its name.
#[derive(Debug, thiserror::Error)]
pub enum FileProblem {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is no PEM.
    #[error(
        "is no PEM file ({0}); convert it with `openssl x509 -inform der`, or `openssl pkcs12` for a .p12 file"
    )]
    Syntax(String),
    /// Nothing of the wanted kind is in it.
    #[error("has no {wanted} in it; it has to begin with a line -----BEGIN {label}-----")]
    Nothing {
        /// What was looked for.
        wanted: &'static str,
        /// How it begins.
        label: &'static str,
    },
    /// A certificate in it cannot be read.
    #[error("has a certificate that cannot be read (number {number} of the file)")]
    Certificate {
        /// Which, from 1.
        number: usize,
    },
    /// A key that nothing can be signed with.
    #[error(
        "has a key of a kind that TLS does not use ({0}); take RSA, ECDSA or Ed25519, without a passphrase"
    )]
    Key(String),
    /// The key of another certificate.
    #[error("is not the key of the certificate in {}: take the pair that was made together", certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
    },
    /// A certificate that counts no more.
    #[error("has a certificate that expired on {on}: renew it")]
    Expired {
        /// The day.
        on: String,
    },
    /// A certificate that does not count yet.
    #[error("has a certificate that counts only from {from}: set this host's clock, or wait")]
    NotYet {
        /// The day.
        from: String,
    },
}

impl FileProblem {
    /// What is not fine about a certificate's time.
    pub(super) fn of_time(certificate: &Certificate, now: SystemTime) -> Option<Self> {
        if now > certificate.not_after {
            return Some(Self::Expired { on: day(certificate.not_after) });
        }
        (now < certificate.not_before).then(|| Self::NotYet { from: day(certificate.not_before) })
    }
}

fn read(file: &Path) -> Result<Vec<u8>, FileProblem> {
    let bytes = std::fs::metadata(file)?.len();
    if bytes > FILE_BYTES_MAX {
        let complaint = format!("it has {bytes} bytes, and {FILE_BYTES_MAX} is the most");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, complaint).into());
    }
    Ok(std::fs::read(file)?)
}

fn syntax(error: &pem::Error) -> FileProblem {
    FileProblem::Syntax(error.to_string())
}

/// The certificates of a file, in its order; at least one.
pub(super) fn certificates(file: &Path) -> Result<Vec<(CertificateDer<'static>, Certificate)>, FileProblem> {
    let mut all = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(&read(file)?) {
        let der = certificate.map_err(|error| syntax(&error))?;
        let number = all.len() + 1;
        let read = Certificate::read(&der).ok_or(FileProblem::Certificate { number })?;
        all.push((der, read));
    }
    if all.is_empty() {
        return Err(FileProblem::Nothing { wanted: "certificate", label: "CERTIFICATE" });
    }
    Ok(all)
}

/// The key of a file, with the chain that it belongs to; `certificate` names the file of that.
pub(super) fn certified_key(
    chain: Vec<CertificateDer<'static>>,
    certificate: &Path,
    file: &Path,
) -> Result<CertifiedKey, FileProblem> {
    let key = PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|error| {
        let nothing = FileProblem::Nothing { wanted: "private key", label: "PRIVATE KEY" };
        if matches!(error, pem::Error::NoItemsFound) { nothing } else { syntax(&error) }
    })?;
    CertifiedKey::from_der(chain, key, &PROVIDER).map_err(|error| {
        let differs = matches!(error, rustls::Error::InconsistentKeys(_));
        let mismatch = FileProblem::Mismatch { certificate: certificate.to_path_buf() };
        if differs { mismatch } else { FileProblem::Key(error.to_string()) }
    })
}

/// Those who sign, in a file.
pub(super) fn authorities(file: &Path) -> Result<(Authorities, Vec<Certificate>), FileProblem> {
    let (certificates, read): (Vec<_>, Vec<_>) = certificates(file)?.into_iter().unzip();
    let mut anchors = Vec::with_capacity(certificates.len());
    for (index, certificate) in certificates.iter().enumerate() {
        let anchor = webpki::anchor_from_trusted_cert(certificate)
            .map_err(|_unfit| FileProblem::Certificate { number: index + 1 })?;
        anchors.push(anchor.to_owned());
    }
    Ok((Authorities { file: file.to_path_buf(), certificates, anchors }, read))
}
