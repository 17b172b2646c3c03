//! `[shield]`: what becomes of strangers.

use std::time::Duration;

use edge_core::policy::{ShieldPolicy, Strangers};

use super::document::Section;
use super::node::{Bounds, duration};
use super::value::Within;

/// Most messages of one stranger a second; who wants more says `unknown = "pass"`.
const SOURCE_RATE_MAX: u32 = 10_000;

/// Most messages of a kind of all strangers a second: as many as a shard may read.
const UNKNOWN_RATE_MAX: u32 = 100_000;

/// Most offences before a ban.
const BAN_AFTER_MAX: u32 = 1_000_000;

/// What strangers hear.
pub(super) fn strangers(section: &Section<'_>) -> Strangers {
    section.or_default::<Strangers>("strangers")
}

/// How they are kept out.
pub(super) fn shield(section: &Section<'_>) -> ShieldPolicy {
    let usual = ShieldPolicy::default();
    let lasting =
        Bounds { min: ("10s", Duration::from_secs(10)), max: ("168h", Duration::from_secs(168 * 3600)) };
    ShieldPolicy {
        mode: section.get("mode").map_or(usual.mode, |mode| mode.value),
        unknown: section.get("unknown").map_or(usual.unknown, |unknown| unknown.value),
        source_rate: section
            .get::<Within<1, SOURCE_RATE_MAX>>("source_rate")
            .map_or(usual.source_rate, |rate| rate.value.0),
        unknown_rate: section
            .get::<Within<1, UNKNOWN_RATE_MAX>>("unknown_rate")
            .map_or(usual.unknown_rate, |rate| rate.value.0),
        ban_after: section
            .get::<Within<0, BAN_AFTER_MAX>>("ban_after")
            .map_or(usual.ban_after, |offences| offences.value.0),
        ban_for: duration(section, "ban_for", usual.ban_for, &lasting),
    }
}
