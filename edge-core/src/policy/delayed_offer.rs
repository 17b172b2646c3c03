//! What becomes of an INVITE without an offer (RFC 3261 section 13.2.1: the answering side makes it then).

/// What a trunk wants that is called by such an INVITE, or invited again by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DelayedOffer {
    /// It crosses without an offer, and the trunk makes one.
    #[default]
    Pass,
    /// The trunk gets an offer of our own, and its answer is what the other side is offered.
    Convert,
}
