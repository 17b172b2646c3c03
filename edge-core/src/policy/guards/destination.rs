//! Where a call leads, as guards compare it: whatever its peer has written, and whatever a route makes of that.
//!
//! The network behind a trunk reads as one number what a peer can write in many ways: with separators, spaces or a service code
//! in front, or beside a routing number that goes before it (RFC 4694). A prefix that is compared with one of them alone stops
//! nobody who knows another.
//!
//! Invariants: what could be read as another number than is compared here is not compared, but [unreadable](Destinations::is_readable);
//! a name (`alice`) is no number and is compared as it is written; a call has a bounded number of destinations.

use super::super::{Number, NumberPlan, Policy, Route};

/// Most that are compared of one call: what was dialled in a few readings, and what its targets are asked for.
const DESTINATIONS_MAX: usize = 256;

/// The numbers that one call may lead to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Destinations {
    numbers: Vec<String>,
    unreadable: bool,
}

impl Destinations {
    /// What a trunk with this plan means by a number.
    #[must_use]
    pub fn of(number: &Number, plan: &NumberPlan) -> Self {
        let mut destinations = Self::default();
        destinations.add(number.as_str(), plan);
        if let Some(routing) = number.routing_number() {
            destinations.add(&routing, plan);
        }
        destinations
    }

    /// Whether all of them can be compared.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        !self.unreadable
    }

    /// Whether one of them begins so.
    #[must_use]
    pub fn any_begins(&self, prefix: &str) -> bool {
        self.numbers.iter().any(|number| number.starts_with(prefix))
    }

    /// Adds a number that is read by this plan, in each way in which it may be understood.
    fn add(&mut self, written: &str, plan: &NumberPlan) {
        let Some(dialled) = as_dialled(written) else {
            self.unreadable = true;
            return;
        };
        // A service code such as #31# is for the network, and what follows it is called.
        let behind = dialled.rfind(['*', '#']).map(|code| &dialled[code + 1..]);
        self.push(written);
        for meant in [Some(dialled.as_str()), behind].into_iter().flatten() {
            self.push(meant);
            self.push(plan.read_text(meant).as_str());
            // Nearly everywhere this is dialled before a country code, whether the plan says so or not.
            let abroad = meant.strip_prefix("00").filter(|rest| !rest.starts_with('0'));
            if let Some(abroad) = abroad.filter(|_| plan.international_prefix.is_none()) {
                self.push(&format!("+{abroad}"));
            }
        }
    }

    fn push(&mut self, number: &str) {
        if self.numbers.len() == DESTINATIONS_MAX {
            self.unreadable = true;
        } else if !self.numbers.iter().any(|known| known == number) {
            self.numbers.push(number.to_owned());
        }
    }
}

impl Policy {
    /// Where a call of a trunk with this plan leads that `route` takes.
    #[must_use]
    pub fn destinations(&self, number: &Number, plan: &NumberPlan, route: &Route) -> Destinations {
        let mut destinations = Destinations::of(number, plan);
        for target in &route.plan.targets {
            let rewrite = target.rewrite.as_ref().unwrap_or(&route.rewrite);
            let asked = rewrite.apply(number.as_str());
            if asked != number.as_str() {
                destinations.add(&asked, &self.trunk(target.trunk).numbers);
            }
        }
        destinations
    }
}

/// A number as whoever gets it may dial it: without what only helps people to read it. `None` when that cannot be told: it has letters
/// behind a `+`, digits of other scripts, signs that are not seen, or no country code. A name stays as it is.
fn as_dialled(written: &str) -> Option<String> {
    let first = written.chars().find(|letter| letter.is_alphanumeric() || "+*#".contains(*letter));
    let global = first == Some('+');
    if !global && written.chars().any(char::is_alphabetic) {
        return Some(written.to_owned());
    }
    let text = if global { written.replace("(0)", "") } else { written.to_owned() };
    let mut dialled = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '0'..='9' | '*' | '#' => dialled.push(letter),
            '+' if dialled.is_empty() || dialled.ends_with(['*', '#']) => dialled.push(letter),
            ' ' => {}
            _ if letter.is_ascii_punctuation() => {}
            _ => return None,
        }
    }
    let has_country = |digits: &str| digits.starts_with(|digit: char| ('1'..='9').contains(&digit));
    dialled.strip_prefix('+').is_none_or(has_country).then_some(dialled)
}

#[cfg(test)]
mod tests;
