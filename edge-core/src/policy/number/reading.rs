//! From what a trunk writes to what routes match.

use std::borrow::Cow;

use crate::sip::{Scheme, Uri};

use super::carried;
use super::{Number, NumberPlan, Unprefixed, is_digits, is_e164};

impl NumberPlan {
    /// The number that a URI of the trunk's names; an empty one when it names none.
    #[must_use]
    pub fn read(&self, uri: &Uri) -> Number {
        let Some(written) = uri.number() else { return Number::default() };
        let says_phone = uri.params().get(b"user").and_then(|param| param.value);
        let telephone = uri.scheme() == Scheme::Tel
            || says_phone.is_some_and(|value| value.eq_ignore_ascii_case(b"phone"));
        let dialled = without_separators(&written, telephone);
        let context = carried::context(uri.number_params()).filter(|_| !dialled.starts_with('+'));
        let text = match context {
            Some(country) => self.of_country(&dialled, &country),
            None => self.of_trunk(&dialled),
        };
        let number = Number::new(text);
        if number.global().is_none() {
            return number;
        }
        Number { carried: carried::of(uri.number_params()), ..number }
    }

    /// The number that the trunk means by what it has dialled.
    #[must_use]
    pub fn read_text(&self, dialled: &str) -> Number {
        Number::new(self.of_trunk(&without_separators(dialled, false)))
    }

    /// A number that is said to be of the country with this code.
    fn of_country(&self, dialled: &str, country: &str) -> String {
        if self.is_local(dialled) {
            return dialled.to_owned();
        }
        let own = self.country.as_deref() == Some(country);
        let prefix = self.national_prefix.as_deref().filter(|_| own).unwrap_or_default();
        let digits = [country, dialled.strip_prefix(prefix).unwrap_or(dialled)].concat();
        if is_e164(&digits) { format!("+{digits}") } else { dialled.to_owned() }
    }

    fn of_trunk(&self, dialled: &str) -> String {
        if self.keeps(dialled) {
            return dialled.to_owned();
        }
        let without = dialled.strip_prefix(&self.inbound.technical_prefix).filter(|rest| !rest.is_empty());
        let rest = without.unwrap_or(dialled);
        if rest.starts_with('+') || self.is_local(rest) {
            return rest.to_owned();
        }
        let rest = self.inbound.rewrite.apply(rest);
        match self.digits(&rest) {
            Some(digits) if is_e164(&digits) => format!("+{digits}"),
            Some(_) | None => rest,
        }
    }

    /// The digits of the global number that these stand for.
    fn digits<'a>(&self, dialled: &'a str) -> Option<Cow<'a, str>> {
        if let Some(digits) = dialled.strip_prefix('+') {
            return Some(digits.into());
        }
        let international = self.international_prefix.as_deref();
        if let Some(digits) = international.and_then(|prefix| dialled.strip_prefix(prefix)) {
            return Some(digits.into());
        }
        let of_country = |digits: &str| Some([self.country.as_deref()?, digits].concat().into());
        let national = self.national_prefix.as_deref().and_then(|prefix| dialled.strip_prefix(prefix));
        match (national, self.inbound.unprefixed) {
            (Some(digits), _) => of_country(digits),
            (None, Unprefixed::National) => of_country(dialled),
            (None, Unprefixed::Plain) => Some(dialled.into()),
            (None, Unprefixed::Local) => None,
        }
    }

    /// Whether this is no part of the numbering plan.
    fn is_local(&self, dialled: &str) -> bool {
        !is_digits(dialled) || dialled.len() <= self.short || self.keeps(dialled)
    }

    fn keeps(&self, dialled: &str) -> bool {
        self.keep.iter().any(|kept| kept == dialled)
    }
}

/// A number as it is dialled: without what only helps people to read it (RFC 3966 section 5.1.1). What is not said to be a
/// telephone number loses that only where nothing else can be meant.
fn without_separators(written: &str, telephone: bool) -> Cow<'_, str> {
    let separator = |byte: u8| b"-.()".contains(&byte);
    let dials = |byte: u8| byte.is_ascii_digit() || b"*#".contains(&byte) || separator(byte);
    let unmistakable = written.strip_prefix('+').is_some_and(|rest| rest.bytes().all(dials));
    if !(telephone || unmistakable) || !written.bytes().any(separator) {
        return written.into();
    }
    // People write +44 (0)20, and mean that the 0 is dialled at home only.
    let global = written.starts_with('+').then(|| written.replace("(0)", ""));
    let kept = global.as_deref().unwrap_or(written).chars();
    kept.filter(|letter| !matches!(letter, '-' | '.' | '(' | ')')).collect::<String>().into()
}
