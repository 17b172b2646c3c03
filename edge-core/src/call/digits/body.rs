//! Digits in the bodies of INFO: `application/dtmf-relay` (`Signal=` and `Duration=`, as gateways have it since before any
//! standard) and `application/dtmf` (a symbol).

use std::time::Duration;

use crate::call::body::is_media_type;
use crate::media::Digit;
use crate::sip::{HeaderName, Message, Method, Request};

/// What is written.
pub(super) const DTMF_RELAY: &str = "application/dtmf-relay";
const DTMF: &str = "application/dtmf";

/// How long a digit is that does not say so.
const UNSAID: Duration = Duration::from_millis(160);

/// Whether a request is a digit.
pub(super) fn is_digit(request: &Request) -> bool {
    let kinds = [DTMF_RELAY, DTMF];
    let of_a_kind = |value: &[u8]| kinds.iter().any(|kind| is_media_type(value, kind.as_bytes()));
    request.method == Method::Info && request.message.first(HeaderName::ContentType).is_some_and(of_a_kind)
}

/// The digit that a message carries; `None` when it cannot be read, or is none of the sixteen.
pub(super) fn read(message: &Message) -> Option<Digit> {
    let body = message.body();
    let text = std::str::from_utf8(&body).ok()?;
    let value = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let signal = value("Signal").unwrap_or_else(|| text.trim());
    let ms = value("Duration").and_then(|ms| ms.parse().ok());
    let duration = ms.map_or(UNSAID, Duration::from_millis);
    match signal.as_bytes() {
        [symbol] => Digit::of_symbol(*symbol, duration),
        // Some number what is no decimal.
        [b'1', _] => Digit::new(signal.parse().ok()?, duration),
        _ => None,
    }
}

/// The body that says a digit in a message of the type that `message` has.
pub(super) fn write_like(message: &Message, digit: Digit) -> String {
    let content_type = message.first(HeaderName::ContentType);
    match content_type.is_some_and(|value| is_media_type(value, DTMF.as_bytes())) {
        true => digit.symbol().to_string(),
        false => write(digit),
    }
}

/// The body that says a digit.
pub(super) fn write(digit: Digit) -> String {
    format!("Signal={}\r\nDuration={}\r\n", digit.symbol(), digit.duration().as_millis())
}

#[cfg(test)]
mod tests;
