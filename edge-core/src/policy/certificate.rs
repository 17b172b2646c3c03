//! Whom a certificate names, as SIP sees it (RFC 5922 section 7).
//!
//! Invariants: names are compared whole and without regard to case; a wildcard stands for nothing but itself. What a
//! certificate says of users (`sip:user@host`), of other schemes, or of addresses names no SIP peer.

use bytes::Bytes;

use crate::sip::{Scheme, Uri};

/// The names in a certificate, as they stand there; proven by nobody yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateNames {
    /// Values of type URI of its subjectAltName.
    pub uris: Vec<String>,
    /// Values of type DNS of its subjectAltName.
    pub dns: Vec<String>,
    /// Whether it has a subjectAltName at all, whatever stands there.
    pub has_alternatives: bool,
    /// Common names of its subject.
    pub common: Vec<String>,
}

impl CertificateNames {
    /// The SIP domains that it is for (RFC 5922 section 7.1): of its SIP URIs; if it has none, its DNS names; if it has
    /// no subjectAltName, its common names that could be one of a host.
    #[must_use]
    pub fn identities(&self) -> Vec<&str> {
        let of_uris: Vec<_> = self.uris.iter().filter_map(|uri| domain_of(uri)).collect();
        if !of_uris.is_empty() {
            return of_uris;
        }
        if self.has_alternatives {
            return self.dns.iter().map(String::as_str).collect();
        }
        self.common.iter().map(String::as_str).filter(|name| is_host_name(name)).collect()
    }

    /// Whether one of its SIP domains is one of `expected` (RFC 5922 section 7.2).
    #[must_use]
    pub fn are_of(&self, expected: &[String]) -> bool {
        let named = |name: &str| expected.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        self.identities().into_iter().any(named)
    }
}

/// The domain of a `sip:` URI that names no user.
fn domain_of(text: &str) -> Option<&str> {
    let uri = Uri::parse(Bytes::copy_from_slice(text.as_bytes())).ok()?;
    if uri.scheme() != Scheme::Sip || text.contains('@') {
        return None;
    }
    let start = text.find(':')? + 1;
    text.get(start..start + uri.host().len())
}

/// Whether `name` is a host name of DNS, in ASCII: labels of letters, digits and dashes (an underscore is borne).
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(label) && name.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests;
