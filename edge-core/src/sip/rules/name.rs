//! Which headers a rule is about.

use crate::sip::HeaderName;
use crate::sip::grammar::is_token;

use super::HeaderRuleError;

/// Headers that make a message what it is: where it goes, what it belongs to, what its body is, what both ends have agreed to.
pub(super) const WIRE: [HeaderName; 33] = [
    HeaderName::Via,
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
    HeaderName::Contact,
    HeaderName::MaxForwards,
    HeaderName::Route,
    HeaderName::RecordRoute,
    HeaderName::Path,
    HeaderName::ServiceRoute,
    HeaderName::ContentLength,
    HeaderName::ContentType,
    HeaderName::ContentEncoding,
    HeaderName::ContentDisposition,
    HeaderName::MimeVersion,
    HeaderName::Require,
    HeaderName::ProxyRequire,
    HeaderName::Unsupported,
    HeaderName::RSeq,
    HeaderName::RAck,
    HeaderName::SessionExpires,
    HeaderName::MinSe,
    HeaderName::Authorization,
    HeaderName::ProxyAuthorization,
    HeaderName::WwwAuthenticate,
    HeaderName::ProxyAuthenticate,
    HeaderName::Expires,
    HeaderName::Event,
    HeaderName::SubscriptionState,
    HeaderName::Replaces,
    HeaderName::ReferTo,
    HeaderName::ReferSub,
];

/// Headers that the edge itself says to each side: what one side says of them is not passed on as it is.
const OURS: [HeaderName; 21] = [
    HeaderName::Allow,
    HeaderName::AllowEvents,
    HeaderName::Accept,
    HeaderName::AcceptEncoding,
    HeaderName::AuthenticationInfo,
    HeaderName::ContentLanguage,
    HeaderName::Diversion,
    HeaderName::HistoryInfo,
    HeaderName::InfoPackage,
    HeaderName::MinExpires,
    HeaderName::PAssertedIdentity,
    HeaderName::PPreferredIdentity,
    HeaderName::Privacy,
    HeaderName::Reason,
    HeaderName::RecvInfo,
    HeaderName::ReferredBy,
    HeaderName::RemotePartyId,
    HeaderName::RetryAfter,
    HeaderName::Supported,
    HeaderName::Timestamp,
    HeaderName::Warning,
];

/// A name, or what names begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderPattern {
    text: String,
    /// Whether names may go on.
    open: bool,
}

impl HeaderPattern {
    /// A name, or a beginning and `*`.
    ///
    /// # Errors
    /// [`HeaderRuleError::Name`].
    pub fn new(text: &str) -> Result<Self, HeaderRuleError> {
        match text.strip_suffix('*') {
            Some(beginning) => {
                let token = beginning.bytes().all(|byte| is_token(byte) && byte != b'*');
                if token {
                    Ok(Self { text: beginning.to_owned(), open: true })
                } else {
                    Err(HeaderRuleError::Name(text.to_owned()))
                }
            }
            None => Self::exact(text),
        }
    }

    pub(super) fn exact(text: &str) -> Result<Self, HeaderRuleError> {
        let token = !text.is_empty() && text.bytes().all(|byte| is_token(byte) && byte != b'*');
        if !token {
            return Err(HeaderRuleError::Name(text.to_owned()));
        }
        let known = HeaderName::parse(text.as_bytes());
        let text = if known == HeaderName::Other { text } else { known.as_str() };
        Ok(Self { text: text.to_owned(), open: false })
    }

    /// Refuses one that headers belong to which no rule may touch.
    ///
    /// # Errors
    /// [`HeaderRuleError::Wire`] names the first of them.
    pub fn refuse_wire(&self) -> Result<(), HeaderRuleError> {
        let touched = WIRE.iter().find(|name| self.fits(**name, b""));
        touched.map_or(Ok(()), |name| Err(HeaderRuleError::Wire { name: name.as_str() }))
    }

    /// Refuses one that headers belong to which do not cross the edge as they are.
    ///
    /// # Errors
    /// [`HeaderRuleError::Wire`] or [`HeaderRuleError::Ours`] names the first of them.
    pub fn refuse_ours(&self) -> Result<(), HeaderRuleError> {
        self.refuse_wire()?;
        let touched = OURS.iter().find(|name| self.fits(**name, b""));
        touched.map_or(Ok(()), |name| Err(HeaderRuleError::Ours { name: name.as_str() }))
    }

    /// Whether a header is one of these: by its usual name, whichever form it is written in.
    #[must_use]
    pub fn fits(&self, name: HeaderName, raw_name: &[u8]) -> bool {
        let name = if name == HeaderName::Other { raw_name } else { name.as_str().as_bytes() };
        let text = self.text.as_bytes();
        if self.open {
            name.get(..text.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(text))
        } else {
            name.eq_ignore_ascii_case(text)
        }
    }
}

impl std::fmt::Display for HeaderPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.text, if self.open { "*" } else { "" })
    }
}
