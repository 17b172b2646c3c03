//! Codecs by their registered names (IANA "RTP Payload Format media types"; RFC 3551 table 4 for the static ones).

use std::fmt;

/// An encoding name as SDP writes it, compared without regard to case (RFC 8866 section 6.6).
#[derive(Debug, Clone, Eq)]
pub struct Codec(String);

impl Codec {
    /// A codec called `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Whether SDP's `encoding` means this codec.
    #[must_use]
    pub fn is(&self, encoding: &str) -> bool {
        self.0.eq_ignore_ascii_case(encoding)
    }
}

impl PartialEq for Codec {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which codecs a trunk may use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodecPolicy {
    /// In order of preference; empty allows all.
    pub allow: Vec<Codec>,
    /// Never used, even when allowed.
    pub deny: Vec<Codec>,
}

impl CodecPolicy {
    /// Whether SDP's `encoding` may be used.
    #[must_use]
    pub fn permits(&self, encoding: &str) -> bool {
        !self.deny.iter().any(|codec| codec.is(encoding))
            && (self.allow.is_empty() || self.allow.iter().any(|codec| codec.is(encoding)))
    }

    /// Position of `encoding` in the order of preference; what is not listed comes last.
    #[must_use]
    pub fn preference(&self, encoding: &str) -> usize {
        self.allow.iter().position(|codec| codec.is(encoding)).unwrap_or(usize::MAX)
    }
}
