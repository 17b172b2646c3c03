//! Why the other end of a connection is nobody, in words that an operator can act on.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use rustls::{AlertDescription, CertificateError};

use super::certificate::day;

/// Why a certificate makes its holder no trunk of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// None was shown.
    None,
    /// What was shown is no certificate.
    Unreadable,
    /// It is for somebody else.
    Name {
        /// Whom it is for.
        names: String,
        /// Whom it should be for: the trunk and its names, or any trunk.
        expected: String,
    },
    /// Nobody who is believed has signed it.
    NotSigned {
        /// Whom it is for.
        names: String,
        /// Who says that he signed it.
        issuer: String,
        /// The file of those who are believed.
        file: PathBuf,
    },
    /// It counts no more.
    Expired {
        /// Whom it is for.
        names: String,
        /// Since when.
        on: SystemTime,
    },
    /// It does not count yet.
    NotYet {
        /// Whom it is for.
        names: String,
        /// From when.
        from: SystemTime,
    },
    /// Something else about it.
    Unfit {
        /// Whom it is for.
        names: String,
        /// What.
        why: String,
    },
}

impl Display for Denial {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("it shows no certificate, and no trunk is known by its address"),
            Self::Unreadable => f.write_str("its certificate cannot be read"),
            Self::Name { names, expected } => write!(f, "its certificate is for {names}, and {expected}"),
            Self::NotSigned { names, issuer, file } => write!(
                f,
                "its certificate, for {names}, is not signed by a CA in {} but by \"{issuer}\"",
                file.display()
            ),
            Self::Expired { names, on } => {
                write!(f, "its certificate, for {names}, expired on {}", day(*on))
            }
            Self::NotYet { names, from } => {
                write!(
                    f,
                    "its certificate, for {names}, counts only from {}; is our clock right?",
                    day(*from)
                )
            }
            Self::Unfit { names, why } => write!(f, "its certificate, for {names}, is not fit: {why}"),
        }
    }
}

impl Denial {
    /// As the peer hears it, by an alert of TLS.
    pub(super) fn alert(&self) -> rustls::Error {
        let error = match self {
            Self::None => return rustls::Error::NoCertificatesPresented,
            Self::Unreadable => CertificateError::BadEncoding,
            Self::Name { .. } => CertificateError::ApplicationVerificationFailure,
            Self::NotSigned { .. } => CertificateError::UnknownIssuer,
            Self::Expired { .. } => CertificateError::Expired,
            Self::NotYet { .. } => CertificateError::NotValidYet,
            Self::Unfit { .. } => CertificateError::ApplicationVerificationFailure,
        };
        rustls::Error::InvalidCertificate(error)
    }
}

/// A failure of TLS in words: what the peer said, or what it did.
#[must_use]
pub fn explain(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::AlertReceived(alert)) => format!("it refuses us: {}", refusal(*alert)),
        Some(rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. }) => {
            format!("it does not speak TLS here ({error})")
        }
        Some(rustls::Error::PeerIncompatible(_)) => {
            format!("it has no version or cipher of TLS in common with us, who want 1.2 or 1.3 ({error})")
        }
        Some(rustls::Error::NoCertificatesPresented) => Denial::None.to_string(),
        Some(other) => other.to_string(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            "it closed the connection during the handshake".to_owned()
        }
        None => error.to_string(),
    }
}

/// What an alert says about us.
fn refusal(alert: AlertDescription) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the registry of alerts is open")]
    let words = match alert {
        AlertDescription::UnknownCA => "it does not know the CA of our certificate",
        AlertDescription::CertificateExpired => "our certificate has expired",
        AlertDescription::CertificateRevoked => "our certificate is revoked",
        AlertDescription::CertificateRequired => "it wants a certificate of ours",
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown => "it does not take our certificate",
        AlertDescription::AccessDenied => "our certificate is not one that it expects",
        AlertDescription::UnrecognisedName => "it does not serve the name that we asked for",
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity => "no version or cipher of TLS in common",
        _ => return format!("TLS alert {alert:?}"),
    };
    format!("{words} (TLS alert {alert:?})")
}
