//! Telephone numbers: as one trunk writes them, as routes match them, and as another trunk wants to read them.
//!
//! A number that is reached from anywhere in the world is *global*: here it is `+` and its digits (ITU-T E.164), whatever a
//! trunk makes of it. Everything else is *local* and stays as it was dialled: short codes, extensions, emergency numbers,
//! feature codes, names.
//!
//! Invariants: a plan changes nothing of a local number but what is put in front of all numbers of its trunk; a global
//! number is read as itself by every plan; no number of a stranger makes anything here longer than it is by more than the
//! operator's prefixes.
//!
//! RFC 3966 (tel), RFC 3261 section 19.1.6 (`user=phone`), RFC 4694 (number portability).

mod carried;
mod plan;
mod reading;
mod writing;

pub use plan::{NumberFormat, NumberPlan, NumbersIn, NumbersOut, Unprefixed};

/// A number as routes match it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Number {
    text: String,
    /// Parameters of the number that cross with it, as they are written.
    carried: String,
}

/// Most digits of a global number (ITU-T E.164 section 6).
const DIGITS_MAX: usize = 15;

impl Number {
    /// A number that a route or an operator has written.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), carried: String::new() }
    }

    /// What routes match: `+` and digits, or what was dialled. Empty when nothing was.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its digits without the `+`, when it is global.
    #[must_use]
    pub fn global(&self) -> Option<&str> {
        self.text.strip_prefix('+').filter(|digits| is_e164(digits))
    }

    /// The global number that it is routed by instead, where it says so (RFC 4694 section 4).
    #[must_use]
    pub fn routing_number(&self) -> Option<String> {
        carried::routing_number(&self.carried)
    }

    /// The number that a route has put in its place. What is said of the one is not true of another.
    #[must_use]
    pub fn routed(&self, routed: String) -> Self {
        if routed == self.text { self.clone() } else { Self::new(routed) }
    }
}

/// Whether these are the digits of a global number.
fn is_e164(digits: &str) -> bool {
    digits.len() <= DIGITS_MAX && !digits.starts_with('0') && is_digits(digits)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
