//! From what routes match to what a trunk wants to read.

use crate::sip::escape_user;

use super::{Number, NumberFormat, NumberPlan};

impl NumberPlan {
    /// The number in the form that the trunk wants, as it is dialled.
    #[must_use]
    pub fn write(&self, number: &Number) -> String {
        let Some(digits) = number.global() else { return number.text.clone() };
        let out = &self.outbound;
        let formed = match out.format {
            NumberFormat::E164 => format!("+{digits}"),
            NumberFormat::Plain => digits.to_owned(),
            NumberFormat::International => self.international(digits),
            NumberFormat::National => self.national(digits),
        };
        format!("{}{}", out.technical_prefix, out.rewrite.apply(&formed))
    }

    /// The same as the user part of a URI, with the parameters that cross.
    #[must_use]
    pub fn write_user(&self, number: &Number) -> String {
        let mut user = escape_user(&self.write(number));
        if self.outbound.parameters {
            user.push_str(&number.carried);
        }
        user
    }

    /// What follows the host of such a URI.
    #[must_use]
    pub fn uri_param(&self, number: &Number) -> &'static str {
        if self.outbound.user_phone && number.global().is_some() { ";user=phone" } else { "" }
    }

    fn national(&self, digits: &str) -> String {
        let national = self.country.as_ref().and_then(|country| digits.strip_prefix(country.as_str()));
        match (national, &self.national_prefix) {
            (Some(national), Some(prefix)) if !national.is_empty() => format!("{prefix}{national}"),
            _ => self.international(digits),
        }
    }

    fn international(&self, digits: &str) -> String {
        let prefix = self.international_prefix.as_deref().unwrap_or("+");
        format!("{prefix}{digits}")
    }
}
