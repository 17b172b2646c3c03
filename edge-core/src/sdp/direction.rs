//! Who sends (RFC 3264 section 5.1).

/// Who sends, from the view of the description's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direction {
    /// Its owner will send.
    pub send: bool,
    /// Its owner will receive.
    pub receive: bool,
}

impl Direction {
    /// Both ways, the default.
    pub const SEND_RECV: Self = Self { send: true, receive: true };
    /// `a=sendonly`: the peer is on hold.
    pub const SEND_ONLY: Self = Self { send: true, receive: false };
    /// `a=recvonly`
    pub const RECV_ONLY: Self = Self { send: false, receive: true };
    /// `a=inactive`
    pub const INACTIVE: Self = Self { send: false, receive: false };

    /// The attribute's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match (self.send, self.receive) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }

    /// What of this answer the `offered` direction allows (RFC 3264 section 6.1).
    #[must_use]
    pub const fn answering(self, offered: Self) -> Self {
        Self { send: self.send && offered.receive, receive: self.receive && offered.send }
    }

    /// What the peer of its owner does then.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self { send: self.receive, receive: self.send }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "sendrecv" => Self::SEND_RECV,
            "sendonly" => Self::SEND_ONLY,
            "recvonly" => Self::RECV_ONLY,
            "inactive" => Self::INACTIVE,
            _ => return None,
        })
    }
}
