//! How the numbers of a trunk are read and written, by example.

use std::fmt::{self, Formatter};

use edge_core::policy::{Number, NumberPlan};

use super::{listed, row};

/// A national number long enough for any plan, and one of another country.
const NATIONAL: &str = "2345678901";
const ELSEWHERE: [&str; 2] = ["+33142685300", "+442071838750"];

/// Two rows, when the trunk has a plan.
pub(super) fn rows(f: &mut Formatter<'_>, plan: &NumberPlan) -> fmt::Result {
    if *plan == NumberPlan::default() {
        return Ok(());
    }
    row(f, "numbers from it", format_args!("{}", read(plan)))?;
    let here = plan.country.iter().map(|country| format!("+{country}{NATIONAL}"));
    let elsewhere = ELSEWHERE
        .iter()
        .find(|number| !plan.country.as_ref().is_some_and(|own| number[1..].starts_with(own)));
    let numbers = here.chain(elsewhere.map(|number| (*number).to_owned()));
    let sent = numbers.map(|number| {
        let number = Number::new(number);
        let phone = plan.uri_param(&number);
        format!("{} is sent as {}{phone}", number.as_str(), plan.write(&number))
    });
    row(f, "numbers to it", format_args!("{}", listed(sent)))
}

/// Which forms of a number are the same one, of those that anybody uses.
fn read(plan: &NumberPlan) -> String {
    let country = plan.country.as_deref().unwrap_or("33");
    let global = format!("+{country}{NATIONAL}");
    let prefix = &plan.inbound.technical_prefix;
    let national = plan.national_prefix.iter().map(|national| format!("{prefix}{national}{NATIONAL}"));
    let international = plan.international_prefix.iter();
    let international =
        international.map(|international| format!("{prefix}{international}{country}{NATIONAL}"));
    let bare = [format!("{prefix}{NATIONAL}"), format!("{prefix}{country}{NATIONAL}")];
    let mut forms: Vec<String> = national.chain(international).chain(bare).collect();
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.dedup();
    forms.retain(|form| plan.read_text(form).as_str() == global);
    let same = if forms.is_empty() {
        "only what begins with + is global".to_owned()
    } else {
        format!("{} is {global}", forms.join(" or "))
    };
    let kept = if plan.keep.is_empty() { String::new() } else { format!(", and {}", plan.keep.join(", ")) };
    format!("{same}; up to {} digits{kept} stay as they are", plan.short)
}
