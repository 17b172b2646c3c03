//! What a certificate says, read from its bytes.

use std::time::{Duration, SystemTime};

use edge_core::policy::CertificateNames;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509Name};

/// Names of one certificate that are looked at: more than a carrier has, and a bound on what a stranger makes us keep.
const NAMES_MAX: usize = 256;

/// What a certificate says of itself; proven by nobody yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it is for.
    pub names: CertificateNames,
    /// Its subject, as people write it.
    pub subject: String,
    /// Who says that he signed it, as people write it.
    pub issuer: String,
    /// From when it counts.
    pub not_before: SystemTime,
    /// Until when it counts.
    pub not_after: SystemTime,
}

impl Certificate {
    /// Reads a certificate; `None` when these bytes are none.
    #[must_use]
    pub fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (rest, parsed) = X509Certificate::from_der(der.as_ref()).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let validity = parsed.validity();
        Some(Self {
            names: names(&parsed)?,
            subject: written(parsed.subject()),
            issuer: written(parsed.issuer()),
            not_before: time(validity.not_before.timestamp()),
            not_after: time(validity.not_after.timestamp()),
        })
    }

    /// The SIP domains that it is for, for a sentence.
    #[must_use]
    pub fn called(&self) -> String {
        match self.names.identities().as_slice() {
            [] => format!("no SIP domain (its subject is \"{}\")", self.subject),
            names => some_of(names),
        }
    }
}

/// The first few of several names.
fn some_of(names: &[&str]) -> String {
    const SHOWN: usize = 4;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn names(parsed: &X509Certificate<'_>) -> Option<CertificateNames> {
    let alternative = parsed.subject_alternative_name().ok()?;
    let mut names =
        CertificateNames { has_alternatives: alternative.is_some(), ..CertificateNames::default() };
    for name in alternative.iter().flat_map(|extension| &extension.value.general_names).take(NAMES_MAX) {
        match name {
            GeneralName::URI(uri) => names.uris.push((*uri).to_owned()),
            GeneralName::DNSName(domain) => names.dns.push((*domain).to_owned()),
            GeneralName::OtherName(..)
            | GeneralName::RFC822Name(_)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::IPAddress(_)
            | GeneralName::RegisteredID(..)
            | GeneralName::Invalid(..) => {}
        }
    }
    let common = parsed.subject().iter_common_name().take(NAMES_MAX).filter_map(|name| name.as_str().ok());
    names.common = common.map(str::to_owned).collect();
    Some(names)
}

/// A name as people write it, not longer than a line, and without what would change a terminal.
fn written(name: &X509Name<'_>) -> String {
    name.to_string().chars().filter(|c| !c.is_control()).take(200).collect()
}

fn time(seconds: i64) -> SystemTime {
    u64::try_from(seconds)
        .ok()
        .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The day of an instant, as 2026-11-22.
pub(super) fn day(instant: SystemTime) -> String {
    humantime::format_rfc3339_seconds(instant).to_string().chars().take(10).collect()
}
