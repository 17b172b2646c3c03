//! `breaker` of a trunk: when it is taken out for how its calls fare.

use std::time::Duration;

use edge_core::policy::BreakerRule;
use toml::de::DeValue;

use super::document::{FromToml, Section, wrong_type};
use super::fault::Fault;
use super::keys;
use super::node::{Bounds, duration};
use super::value::{Within, form};

/// A part of a whole, from 0 to 1.
struct Part(f64);

impl<'a> FromToml<'a> for Part {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let expected = "a part of one, such as 0.2";
        let text = value.as_float().map(|float| float.as_str()).ok_or_else(|| wrong_type(value, expected))?;
        let part = text.parse().ok().filter(|part| (0.0..=1.0).contains(part));
        part.map(Self).ok_or_else(|| form(text, expected))
    }
}

/// The breaker of a trunk; `None` without the key.
pub(super) fn breaker(trunk: &Section<'_>) -> Option<BreakerRule> {
    let section = trunk.table("breaker", keys::TRUNK_BREAKER)?;
    if !["asr_min", "pdd_max", "loss_max"].into_iter().any(|key| section.has(key)) {
        section.note(section.line, "", Fault::Needs { key: "asr_min, pdd_max or loss_max" });
    }
    let seconds = |text, seconds| (text, Duration::from_secs(seconds));
    let pdd = Bounds { min: seconds("1s", 1), max: seconds("60s", 60) };
    let window = Bounds { min: seconds("10s", 10), max: seconds("1h", 3600) };
    let rest = Bounds { min: seconds("1s", 1), max: seconds("1h", 3600) };
    Some(BreakerRule {
        asr_min: section.get::<Part>("asr_min").map(|part| part.value.0),
        pdd_max: section.has("pdd_max").then(|| duration(&section, "pdd_max", Duration::ZERO, &pdd)),
        loss_max: section.get::<Part>("loss_max").map(|part| part.value.0),
        window: duration(&section, "window", Duration::from_secs(300), &window),
        calls_min: section.get::<Within<1, 100_000>>("calls_min").map_or(20, |calls| calls.value.0),
        rest: duration(&section, "rest", Duration::from_secs(60), &rest),
    })
}
