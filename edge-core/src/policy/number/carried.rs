//! Parameters of a number: the context that it is local to, and those that cross with it.
//!
//! Invariant: what crosses is written anew of digits and letters, so it names no host and ends no user part.

use std::borrow::Cow;

use crate::sip::Params;

use super::{is_digits, is_e164};

/// Digits of the longest country code.
const COUNTRY_DIGITS_MAX: usize = 3;

/// Longest extension or sub-address (RFC 3966 section 5.1.2; ITU-T E.164 annex B: 20 digits).
const ADDITION_MAX: usize = 20;

/// The country code that a number is local to, when its context is one (RFC 3966 section 5.1.5). A longer context is a
/// private plan's and does not make a number global; one that is a domain says nothing that the trunk does not say itself.
pub(super) fn context(params: Params<'_>) -> Option<String> {
    let context = text(params, b"phone-context")?;
    let digits = digits(&context).strip_prefix('+')?.to_owned();
    (is_digits(&digits) && digits.len() <= COUNTRY_DIGITS_MAX).then_some(digits)
}

/// What crosses with a global number, as it is written behind it.
pub(super) fn of(params: Params<'_>) -> String {
    let mut carried = String::new();
    if params.get(b"npdi").is_some() {
        carried.push_str(";npdi");
    }
    for name in ["rn", "cic"] {
        if let Some((value, context)) = routing(params, name) {
            carried.push_str(&format!(";{name}={value}"));
            if let Some(context) = context {
                carried.push_str(&format!(";{name}-context={context}"));
            }
        }
    }
    for name in ["isub", "ext"] {
        let value = text(params, name.as_bytes()).map(|value| digits(&value).into_owned());
        let is_addition = |value: &String| {
            (1..=ADDITION_MAX).contains(&value.len())
                && value.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if let Some(value) = value.filter(is_addition) {
            carried.push_str(&format!(";{name}={value}"));
        }
    }
    carried
}

/// The routing number of what crosses, as a global one.
pub(super) fn routing_number(carried: &str) -> Option<String> {
    let value = |name: &str| carried.split(';').find_map(|param| param.strip_prefix(name)?.strip_prefix('='));
    let number = value("rn")?;
    Some(if number.starts_with('+') { number.to_owned() } else { [value("rn-context")?, number].concat() })
}

/// A routing number or carrier (RFC 4694 sections 4 and 5): a global one, or one that is local to a global prefix.
fn routing(params: Params<'_>, name: &str) -> Option<(String, Option<String>)> {
    let value = digits(&text(params, name.as_bytes())?).into_owned();
    if let Some(global) = value.strip_prefix('+') {
        return is_e164(global).then_some((value, None));
    }
    let context = text(params, format!("{name}-context").as_bytes())?;
    let context = digits(&context).into_owned();
    let global = context.strip_prefix('+').is_some_and(is_e164);
    let local = value.len() <= ADDITION_MAX && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    (global && local && !value.is_empty()).then_some((value, Some(context)))
}

/// A value, with its plus signs decoded.
fn text<'a>(params: Params<'a>, name: &[u8]) -> Option<Cow<'a, str>> {
    let value = std::str::from_utf8(params.get(name)?.value?).ok()?;
    Some(if value.contains("%2") {
        value.replace("%2B", "+").replace("%2b", "+").into()
    } else {
        value.into()
    })
}

/// A number without visual separators.
fn digits(value: &str) -> Cow<'_, str> {
    if value.bytes().any(|byte| b"-.()".contains(&byte)) {
        value.chars().filter(|letter| !matches!(letter, '-' | '.' | '(' | ')')).collect::<String>().into()
    } else {
        value.into()
    }
}
