//! Request methods (RFC 3261 section 7.1): an open set, compared with regard to case.

use std::fmt;

use bytes::Bytes;

use super::grammar::is_token;

/// A request method.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// Opens or changes a session (RFC 3261).
    Invite,
    /// Confirms a final response to INVITE (RFC 3261).
    Ack,
    /// Ends a session (RFC 3261).
    Bye,
    /// Withdraws a pending INVITE (RFC 3261).
    Cancel,
    /// Asks for capabilities, or whether a peer is alive (RFC 3261).
    Options,
    /// Binds an address of record (RFC 3261).
    Register,
    /// Confirms a reliable provisional response (RFC 3262).
    Prack,
    /// Changes a session without a new INVITE (RFC 3311).
    Update,
    /// Carries application data inside a session (RFC 6086).
    Info,
    /// Carries an instant message (RFC 3428).
    Message,
    /// Reports an event (RFC 6665).
    Notify,
    /// Asks for reports of events (RFC 6665).
    Subscribe,
    /// Asks the peer to send a request elsewhere (RFC 3515).
    Refer,
    /// Publishes event state (RFC 3903).
    Publish,
    /// Any other token, in the bytes that arrived.
    Other(Bytes),
}

impl Method {
    /// The method that `token` names; `None` when it is not a token (RFC 3261 section 25.1).
    #[must_use]
    pub fn parse(token: &Bytes) -> Option<Self> {
        match Self::known(token) {
            Some(method) => Some(method),
            None if !token.is_empty() && token.iter().copied().all(is_token) => {
                Some(Self::Other(token.clone()))
            }
            None => None,
        }
    }

    /// The method as it is written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Invite => b"INVITE",
            Self::Ack => b"ACK",
            Self::Bye => b"BYE",
            Self::Cancel => b"CANCEL",
            Self::Options => b"OPTIONS",
            Self::Register => b"REGISTER",
            Self::Prack => b"PRACK",
            Self::Update => b"UPDATE",
            Self::Info => b"INFO",
            Self::Message => b"MESSAGE",
            Self::Notify => b"NOTIFY",
            Self::Subscribe => b"SUBSCRIBE",
            Self::Refer => b"REFER",
            Self::Publish => b"PUBLISH",
            Self::Other(token) => token,
        }
    }

    fn known(token: &[u8]) -> Option<Self> {
        Some(match token {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"OPTIONS" => Self::Options,
            b"REGISTER" => Self::Register,
            b"PRACK" => Self::Prack,
            b"UPDATE" => Self::Update,
            b"INFO" => Self::Info,
            b"MESSAGE" => Self::Message,
            b"NOTIFY" => Self::Notify,
            b"SUBSCRIBE" => Self::Subscribe,
            b"REFER" => Self::Refer,
            b"PUBLISH" => Self::Publish,
            _ => return None,
        })
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

#[cfg(test)]
mod tests;
