//! What a trunk is as one of several that a route leads to: `failover_group`, `cost`, `timers`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use edge_core::policy::{AsTarget, Cost, Patience, TrunkId};
use toml::de::DeValue;

use super::document::{FromToml, Section, wrong_type};
use super::fault::Fault;
use super::keys;
use super::node::{Bounds, duration};
use super::trunk::TrunkDraft;
use super::value::{Name, form};

/// Reads it from the section of a trunk.
pub(super) fn read(section: &Section<'_>) -> AsTarget {
    AsTarget {
        group: section.get::<Name>("failover_group").map(|name| Arc::from(name.value.0)),
        cost: section.get::<Cost>("cost").map(|cost| cost.value),
        patience: patience(section),
    }
}

/// Reads `timers` of a trunk or route: how long a trunk is waited for, while there is another one.
pub(super) fn patience(section: &Section<'_>) -> Patience {
    let Some(timers) = section.table("timers", keys::PATIENCE) else { return Patience::default() };
    let limit = |text: &'static str, seconds| (text, Duration::from_secs(seconds));
    let read =
        |key, min, max| timers.has(key).then(|| duration(&timers, key, Duration::ZERO, &Bounds { min, max }));
    Patience {
        trying: read("trying", ("500ms", Duration::from_millis(500)), limit("32s", 32)),
        ringing: read("ringing", limit("1s", 1), limit("3m", 180)),
        answer: read("answer", limit("1s", 1), limit("1h", 3600)),
    }
}

/// The trunks of each failover group that may be called, in the order of the file.
pub(super) type Groups = HashMap<Arc<str>, Vec<TrunkId>>;

/// The failover groups of a file.
pub(super) fn groups(trunks: &[Option<TrunkDraft<'_>>]) -> Groups {
    let mut groups = Groups::new();
    for (index, trunk) in trunks.iter().enumerate() {
        let Some(trunk) = trunk else { continue };
        let Some(group) = &trunk.said.as_target.group else { continue };
        let members = groups.entry(Arc::clone(group)).or_default();
        if trunk.is_called() {
            members.push(TrunkId::new(index));
        }
    }
    groups
}

/// Digits behind the point that a cost may have.
const COST_DIGITS: usize = 6;

impl<'a> FromToml<'a> for Cost {
    fn from_toml(value: &'a DeValue<'a>) -> Result<Self, Fault> {
        let number = value.as_float().map(|float| float.as_str());
        let number = number.or_else(|| value.as_integer().map(|integer| integer.as_str()));
        let text = number.ok_or_else(|| wrong_type(value, "a number, such as 0.0042"))?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let millionths = (digits(whole) && digits(fraction) && fraction.len() <= COST_DIGITS)
            .then(|| format!("{whole}{fraction:0<COST_DIGITS$}").parse().ok())
            .flatten();
        millionths.map(Self).ok_or_else(|| {
            form(text, "what a minute costs: no sign, no exponent, at most six digits behind the point")
        })
    }
}
