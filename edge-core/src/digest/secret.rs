//! A password.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password: never printed, compared in a time that says nothing of it, overwritten when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes a password over.
    #[must_use]
    pub fn new(password: Vec<u8>) -> Self {
        Self(Zeroizing::new(password))
    }

    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
