//! How callers are presented to a trunk, and what it may say of its own.

use edge_core::policy::{IdentityPolicy, Number, OwnNumber};
use toml::de::DeValue;

use super::document::{FromToml, Section};
use super::fault::Fault;
use super::plan::PlanFault;
use super::value::form;

/// Most digits of a global number (ITU-T E.164), and so of what one begins with.
const DIGITS_MAX: usize = 15;

/// Ranges of one trunk: an operator with more gives the whole of them by what they begin with.
const DIDS_MAX: usize = 1024;

pub(super) fn of_trunk(section: &Section<'_>) -> IdentityPolicy {
    let trusted = section.get("trust_identity").is_some_and(|trusted| trusted.value);
    let withheld = section.get::<Withheld>("withheld").map(|withheld| withheld.value);
    IdentityPolicy {
        header: section.or_default("identity"),
        trusted,
        keeps_secrets: withheld.map_or(trusted, |withheld| withheld == Withheld::Pass),
        own: own(section),
    }
}

fn own(section: &Section<'_>) -> Option<OwnNumber> {
    if section.has("dids") && !section.has("virtual_number") {
        section.note(section.line_of("dids"), "dids", PlanFault::DidsAlone.into());
    }
    section.refuse_empty("dids", "remove the key to present every caller as virtual_number");
    let dids = section.list::<Global<0>>("dids").unwrap_or_default();
    if dids.len() > DIDS_MAX {
        let fault = Fault::TooMany { found: dids.len(), max: DIDS_MAX };
        section.note(section.line_of("dids"), "dids", fault);
    }
    let number = section.get::<Global<3>>("virtual_number")?.value.0;
    let dids = dids.into_iter().map(|did| did.value.0).collect();
    Some(OwnNumber { number: Number::new(number), dids })
}

/// What a trunk is told of who wants to stay unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Withheld {
    /// Nothing.
    Hide,
    /// Who it is, and that it is a secret.
    Pass,
}

/// A global number with at least so many digits, or what one begins with; an empty one is what all begin with.
struct Global<const MIN: usize>(String);

impl<'a, const MIN: usize> FromToml<'a> for Global<MIN> {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let digits = text.strip_prefix('+').unwrap_or_default();
        let global = (MIN.max(1)..=DIGITS_MAX).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        let all = MIN == 0 && text.is_empty();
        (global || all).then(|| Self(text.to_owned())).ok_or_else(|| {
            form(text, "+ and the digits of the country code and the number, as \"+442071838750\"")
        })
    }
}
