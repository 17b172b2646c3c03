//! Refer-To (RFC 3515 section 2.1): a number, and a call that is to be replaced there (RFC 3891).

use bytes::Bytes;

use crate::sip::{HeaderName, Message, NameAddr, Scheme, StatusCode};

use super::super::replaces::Replaces;

/// Where a REFER points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReferTo {
    /// The number to call.
    pub(crate) number: String,
    /// The dialog that the call is to replace.
    pub(crate) replaces: Option<Replaces>,
}

impl ReferTo {
    /// What a REFER says.
    ///
    /// # Errors
    /// 400 for none, more than one, or an unreadable one; 416 for a scheme that is no call; 603 for another method than
    /// INVITE, or headers that would have to be understood.
    pub(crate) fn of(message: &Message) -> Result<Self, StatusCode> {
        let mut values = message.values(HeaderName::ReferTo);
        let (Some(value), None) = (values.next(), values.next()) else { return Err(StatusCode::BAD_REQUEST) };
        let target = NameAddr::parse(message.share(value)).map_err(|_bad| StatusCode::BAD_REQUEST)?;
        let uri = target.uri();
        if !matches!(uri.scheme(), Scheme::Sip | Scheme::Sips | Scheme::Tel) {
            return Err(StatusCode::UNSUPPORTED_URI_SCHEME);
        }
        let method = uri.params().get(b"method").and_then(|param| param.value);
        if method.is_some_and(|method| method != b"INVITE") {
            return Err(StatusCode::DECLINE);
        }
        let number = uri.number().filter(|number| !number.is_empty()).ok_or(StatusCode::BAD_REQUEST)?;
        let mut replaces = None;
        for header in uri.headers().unwrap_or_default().split(|byte| *byte == b'&') {
            let Some((name, value)) = split_once(header, b'=') else { continue };
            if unescape(name).eq_ignore_ascii_case(b"replaces") {
                let value = Replaces::parse(&unescape(value)).ok_or(StatusCode::BAD_REQUEST)?;
                if replaces.replace(value).is_some() {
                    return Err(StatusCode::BAD_REQUEST);
                }
            }
        }
        Ok(Self { number: number.into_owned(), replaces })
    }
}

fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = memchr::memchr(at, bytes)?;
    Some((&bytes[..position], &bytes[position + 1..]))
}

/// Percent escapes decoded; what is none stays.
fn unescape(bytes: &[u8]) -> Bytes {
    let digit = |at: Option<&u8>| char::from(*at?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high << 4 | low);
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    decoded.into()
}
