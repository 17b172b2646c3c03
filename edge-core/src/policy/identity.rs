//! How callers are presented to a trunk, and what is believed of how it presents its own (RFC 3323, RFC 3325).

use super::Number;

/// What a trunk is told of callers, and may tell of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdentityPolicy {
    /// The header that tells it who calls, beside From.
    pub header: IdentityHeader,
    /// Whether it is believed who calls, beside From.
    pub trusted: bool,
    /// Whether it is told who a caller is who wants to stay unknown, and to keep that secret.
    pub keeps_secrets: bool,
    /// The number that it knows us by.
    pub own: Option<OwnNumber>,
}

/// The header that says who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdentityHeader {
    /// None: From alone.
    #[default]
    None,
    /// P-Asserted-Identity (RFC 3325 section 9.1).
    Asserted,
    /// Remote-Party-ID (draft-ietf-sip-privacy-04).
    RemoteParty,
    /// P-Preferred-Identity (RFC 3325 section 9.2).
    Preferred,
}

/// The number that a trunk knows us by, and those beside it that it takes as ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnNumber {
    /// What all other callers are presented as.
    pub number: Number,
    /// What numbers begin with that are presented as they are; an empty one is what all begin with.
    pub dids: Vec<String>,
}

impl OwnNumber {
    /// The number to present for `caller`.
    #[must_use]
    pub fn for_caller<'a>(&'a self, caller: Option<&'a Number>) -> &'a Number {
        let is_ours =
            |caller: &&Number| self.dids.iter().any(|did| caller.as_str().starts_with(did.as_str()));
        caller.filter(is_ours).unwrap_or(&self.number)
    }
}
