//! How far offer and answer are in a dialog whose INVITE is open (RFC 3264 section 4, RFC 6337 section 2).
//!
//! Once they are through, in reliable messages alone, either end may make another offer by UPDATE while the INVITE still
//! waits for its final response (RFC 3311 section 5.1).

/// What has been said in reliable messages of a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum OfferAnswer {
    /// No offer yet.
    #[default]
    Nothing,
    /// The peer's offer, which we have not answered.
    Received,
    /// Our offer, which the peer has not answered.
    Sent,
    /// An offer and its answer.
    Agreed,
}

/// What becomes of an offer of the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taking {
    /// It may cross.
    Now,
    /// One of its own is unanswered, or it is not the time for one: 500 with Retry-After (RFC 3311 section 5.2).
    Later,
    /// It meets one of ours: 491.
    Pending,
}

impl OfferAnswer {
    /// After a description of ours.
    pub(super) const fn told(self) -> Self {
        match self {
            Self::Nothing | Self::Sent => Self::Sent,
            Self::Received | Self::Agreed => Self::Agreed,
        }
    }

    /// After a description of the peer's.
    pub(super) const fn heard(self) -> Self {
        match self {
            Self::Nothing | Self::Received => Self::Received,
            Self::Sent | Self::Agreed => Self::Agreed,
        }
    }

    /// Whether a description in a response of ours would say something.
    pub(super) const fn may_tell(self) -> bool {
        matches!(self, Self::Nothing | Self::Received)
    }

    /// What becomes of an offer that the peer makes now, by UPDATE or in a PRACK.
    pub(super) const fn takes_offer(self) -> Taking {
        match self {
            Self::Agreed => Taking::Now,
            Self::Sent => Taking::Pending,
            Self::Nothing | Self::Received => Taking::Later,
        }
    }
}

#[cfg(test)]
mod tests;
