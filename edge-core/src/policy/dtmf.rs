//! How digits go to and from a trunk (RFC 4733, RFC 6086), and what it is told of them.

/// How a trunk sends and takes digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dtmf {
    /// As telephone-events (RFC 4733), where it describes them.
    #[default]
    Rfc4733,
    /// As INFO with application/dtmf-relay; telephone-event is neither offered to it nor taken from it.
    Info,
    /// As tones in its speech, which nobody here hears; telephone-event is neither offered to it nor taken from it.
    Inband,
    /// As telephone-events where it describes them, else as INFO.
    Auto,
}

impl Dtmf {
    /// Whether it may send and take telephone-events.
    #[must_use]
    pub const fn may_have_events(self) -> bool {
        matches!(self, Self::Rfc4733 | Self::Auto)
    }

    /// Whether it says digits by INFO, when its description has telephone-events or has not.
    #[must_use]
    pub const fn says_info(self, has_events: bool) -> bool {
        match self {
            Self::Info => true,
            Self::Auto => !has_events,
            Self::Rfc4733 | Self::Inband => false,
        }
    }
}

/// What a trunk is told of the digits that the other side sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DtmfMask {
    /// Which they are.
    #[default]
    Off,
    /// That there was one: each is a star.
    Star,
    /// Nothing.
    Drop,
}

/// A trunk's decisions about digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DtmfPolicy {
    /// How it sends and takes them.
    pub mode: Dtmf,
    /// What it is told of them.
    pub mask: DtmfMask,
}

impl DtmfPolicy {
    /// Whether what it asks for can be had only where its media passes.
    #[must_use]
    pub const fn needs_media(self) -> bool {
        matches!(self.mode, Dtmf::Info) || !matches!(self.mask, DtmfMask::Off)
    }
}
