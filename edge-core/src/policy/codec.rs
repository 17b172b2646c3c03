//! Codecs by their registered names (IANA "RTP Payload Format media types"; RFC 3551 table 4 for the static ones).

use std::fmt;

/// An encoding name as SDP writes it, compared without regard to case (RFC 8866 section 6.6); or what names begin with,
/// and `*`.
#[derive(Debug, Clone, Eq)]
pub struct Codec(String);

impl Codec {
    /// A codec called `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Encoding names that are in use, each as it is registered.
    #[must_use]
    pub const fn known() -> &'static [&'static str] {
        &KNOWN
    }

    /// Whether SDP's `encoding` means this codec.
    #[must_use]
    pub fn is(&self, encoding: &str) -> bool {
        let Some(beginning) = self.0.strip_suffix('*') else { return self.0.eq_ignore_ascii_case(encoding) };
        encoding.get(..beginning.len()).is_some_and(|of_name| of_name.eq_ignore_ascii_case(beginning))
    }

    /// Whether it stands for all names that begin so.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.ends_with('*')
    }

    /// Whether it takes in all that `other` does.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self == other || (self.is_open() && self.is(other.0.trim_end_matches('*')))
    }
}

/// Encoding names in use for audio (IANA "RTP Payload Format media types"), and T38, which stands for fax.
const KNOWN: [&str; 48] = [
    "PCMU",
    "PCMA",
    "G722",
    "G729",
    "G729D",
    "G729E",
    "G723",
    "G726-16",
    "G726-24",
    "G726-32",
    "G726-40",
    "G728",
    "G7221",
    "G719",
    "G711-0",
    "GSM",
    "GSM-EFR",
    "GSM-HR-08",
    "iLBC",
    "opus",
    "speex",
    "SILK",
    "AMR",
    "AMR-WB",
    "AMR-WB+",
    "EVS",
    "EVRC",
    "EVRC0",
    "EVRCB",
    "EVRCWB",
    "QCELP",
    "BV16",
    "BV32",
    "L8",
    "L16",
    "LPC",
    "DVI4",
    "MPA",
    "MP4A-LATM",
    "MELP",
    "PCMU-WB",
    "PCMA-WB",
    "clearmode",
    "telephone-event",
    "tone",
    "CN",
    "red",
    "T38",
];

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

    /// Position of `encoding` in the order of preference, by the first entry that takes it in; what is not listed comes last.
    #[must_use]
    pub fn preference(&self, encoding: &str) -> usize {
        self.allow.iter().position(|codec| codec.is(encoding)).unwrap_or(usize::MAX)
    }
}
