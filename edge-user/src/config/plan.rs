//! `numbers` of a trunk: how it writes numbers, and wants to read them.

use edge_core::policy::{NumberFormat, NumberPlan, NumberRewrite, NumbersIn, NumbersOut, Unprefixed};
use toml::de::DeValue;

use super::document::{FromToml, Section};
use super::fault::Fault;
use super::keys;
use super::value::{Number, Within, form};

/// Most characters that can be stripped: no number is longer.
const STRIP_MAX: u32 = 64;

/// What is wrong with a numbering plan as a whole.
#[derive(Debug, thiserror::Error)]
pub enum PlanFault {
    /// National numbers of no country.
    #[error(
        "needs `country` beside it, the code of the country that such numbers belong to, as country = \"44\""
    )]
    NoCountry,
    /// Ranges without the number for all the others.
    #[error("needs `virtual_number` beside it: what callers of other ranges are presented as")]
    DidsAlone,
    /// National numbers that nothing tells apart.
    #[error(
        "is \"national\", but nothing says what national numbers begin with; add country and national_prefix to \
         `numbers` (national_prefix = \"\" where they begin with nothing)"
    )]
    NoNationalPrefix,
    /// International numbers that nothing tells apart.
    #[error(
        "is \"international\", but nothing says what international numbers begin with; add international_prefix to \
         `numbers`, as international_prefix = \"00\""
    )]
    NoInternationalPrefix,
}

/// The plan of a trunk.
pub(super) fn of_trunk(section: &Section<'_>) -> NumberPlan {
    let usual = NumberPlan::default();
    let Some(table) = section.table("numbers", keys::TRUNK_NUMBERS) else { return usual };
    let plan = NumberPlan {
        country: table.get::<Country>("country").map(|country| country.value.0),
        national_prefix: table.get::<Prefix<0>>("national_prefix").map(|prefix| prefix.value.0),
        international_prefix: table.get::<Prefix<1>>("international_prefix").map(|prefix| prefix.value.0),
        short: table.get::<Within<0, 14>>("short").map_or(usual.short, |short| short.value.0 as usize),
        keep: table
            .list::<Number>("keep")
            .map_or(usual.keep, |kept| kept.into_iter().map(|kept| kept.value.0).collect()),
        inbound: inbound(&table),
        outbound: outbound(&table),
    };
    if plan.national_prefix.is_some() && plan.country.is_none() {
        table.note(table.line_of("national_prefix"), "national_prefix", PlanFault::NoCountry.into());
    }
    refuse_unreadable(&table, &plan);
    plan
}

/// `strip` and `prepend` of a table.
pub(super) fn rewrite(table: &Section<'_>) -> NumberRewrite {
    let strip = table.get::<Within<0, STRIP_MAX>>("strip").map_or(0, |strip| strip.value.0);
    NumberRewrite { strip: strip as usize, prepend: text(table, "prepend") }
}

fn text(table: &Section<'_>, key: &'static str) -> String {
    table.get::<Number>(key).map_or_else(String::new, |text| text.value.0)
}

fn inbound(table: &Section<'_>) -> NumbersIn {
    let Some(table) = table.table("in", keys::TRUNK_NUMBERS_IN) else { return NumbersIn::default() };
    NumbersIn {
        technical_prefix: text(&table, "technical_prefix"),
        rewrite: rewrite(&table),
        unprefixed: table.or_default("unprefixed"),
    }
}

fn outbound(table: &Section<'_>) -> NumbersOut {
    let Some(table) = table.table("out", keys::TRUNK_NUMBERS_OUT) else { return NumbersOut::default() };
    NumbersOut {
        format: table.or_default("format"),
        technical_prefix: text(&table, "technical_prefix"),
        rewrite: rewrite(&table),
        user_phone: table.get("user_phone").is_some_and(|at| at.value),
        parameters: table.get("parameters").is_none_or(|at| at.value),
    }
}

/// Refuses forms that cannot be read or written without a prefix that is not there.
fn refuse_unreadable(table: &Section<'_>, plan: &NumberPlan) {
    let (country, national) = (plan.country.is_some(), plan.national_prefix.is_some());
    let missing = match plan.outbound.format {
        NumberFormat::E164 | NumberFormat::Plain => None,
        NumberFormat::National => (!(country && national)).then_some(PlanFault::NoNationalPrefix),
        NumberFormat::International => {
            plan.international_prefix.is_none().then_some(PlanFault::NoInternationalPrefix)
        }
    };
    if let Some(fault) = missing {
        table.note(table.line_of("out"), "out.format", fault.into());
    }
    if plan.inbound.unprefixed == Unprefixed::National && !country {
        table.note(table.line_of("in"), "in.unprefixed", PlanFault::NoCountry.into());
    }
}

/// A country code (ITU-T E.164).
struct Country(String);

impl<'a> FromToml<'a> for Country {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let fits = (1..=3).contains(&text.len())
            && !text.starts_with('0')
            && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(text.to_owned()))
            .ok_or_else(|| form(text, "a country code of one to three digits, without +, as \"44\""))
    }
}

/// What numbers begin with, of at least so many digits.
struct Prefix<const MIN: usize>(String);

impl<'a, const MIN: usize> FromToml<'a> for Prefix<MIN> {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let text = <&str>::from_toml(value)?;
        let fits = (MIN..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| Self(text.to_owned())).ok_or_else(|| {
            form(text, "the digits that such numbers begin with, at most 8, as \"0\" or \"00\"")
        })
    }
}
