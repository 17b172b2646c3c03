//! TLS: our certificates, who is believed, and who the other end of a connection is (RFC 5922).
//!
//! [`Keyring`] is what the files of a configuration hold; [`inbound`] and [`outbound`] prepare one handshake each and
//! say afterwards who it was with, or as a [`Denial`] why with nobody. TLS 1.2 and 1.3, by rustls over aws-lc-rs.
//!
//! Invariants:
//! - Nobody is anybody before the handshake is over: only then the other end has shown that it has the certificate's key.
//! - Sessions are not resumed: each connection is proven by a certificate of its own, under the policy of its day.
//! - A peer is taken for a trunk by a SIP domain of its certificate *and* by who signed it; either alone is nothing.

mod certificate;
mod chain;
mod denial;
pub(crate) mod inbound;
mod keyring;
mod material;
pub(crate) mod outbound;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use rustls::crypto::CryptoProvider;

pub use certificate::Certificate;
pub use denial::{Denial, explain};
pub use keyring::{Keyring, TlsProblem, Warning};
pub use material::FileProblem;

pub(crate) use chain::Authorities;

/// The implementation of cryptography, set up once.
pub(crate) static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

/// What is spoken; older versions are broken (RFC 8996).
pub(crate) const VERSIONS: &[&rustls::SupportedProtocolVersion] =
    &[&rustls::version::TLS13, &rustls::version::TLS12];
