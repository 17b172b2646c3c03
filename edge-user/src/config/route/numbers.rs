//! `to` and `from_number` of a route: numbers by their beginning, as a whole, or as a pattern says.

use edge_core::policy::{NumberMatch, Pattern};

use crate::config::document::{At, Section};
use crate::config::fault::Fault;
use crate::config::keys;

use super::fault::RouteFault;
use crate::config::value::Number;

/// Reads the numbers at `key`; `None` when there are none, or when something was noted.
pub(in crate::config) fn read(section: &Section<'_>, key: &'static str) -> Option<NumberMatch> {
    let numbers = section.table(key, keys::ROUTE_NUMBERS)?;
    let forms: Vec<&str> =
        ["prefix", "exact", "regex"].into_iter().filter(|form| numbers.has(form)).collect();
    match forms[..] {
        ["prefix"] => numbers.get::<Number>("prefix").map(|prefix| NumberMatch::Prefix(prefix.value.0)),
        ["exact"] => exact(&numbers).map(NumberMatch::Exact),
        ["regex"] => pattern(&numbers).map(NumberMatch::Pattern),
        _ => {
            let found = if forms.is_empty() { "none of them".to_owned() } else { forms.join(" and ") };
            section.note(numbers.line, key, RouteFault::Numbers { found }.into());
            None
        }
    }
}

fn exact(numbers: &Section<'_>) -> Option<Vec<String>> {
    let exact: Vec<At<Number>> =
        numbers.require_list("exact", "exact = [\"112\"]", "name at least one number")?;
    for number in exact.iter().filter(|number| number.value.0.is_empty()) {
        let fault = Fault::Form { found: String::new(), expected: "a number of at least one character" };
        numbers.note(number.line, "exact", fault);
    }
    Some(exact.into_iter().map(|number| number.value.0).collect())
}

fn pattern(numbers: &Section<'_>) -> Option<Pattern> {
    let text: At<&str> = numbers.get("regex")?;
    if text.value.is_empty() {
        let fault = Fault::Form { found: String::new(), expected: "a pattern of at least one character" };
        numbers.note(text.line, "regex", fault);
        return None;
    }
    Pattern::new(text.value)
        .map_err(|fault| {
            numbers.note(
                text.line,
                "regex",
                RouteFault::Pattern { found: text.value.to_owned(), fault }.into(),
            );
        })
        .ok()
}
