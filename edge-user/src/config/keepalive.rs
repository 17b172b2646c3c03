//! `keepalive` of a trunk: how it is asked whether it is alive.

use std::time::Duration;

use edge_core::policy::{Hysteresis, Keepalive};

use super::document::Section;
use super::fault::Fault;
use super::node::{Bounds, duration};
use super::value::Within;

/// Silences in a row that are believed when the file does not say: one message may be lost.
const FAILS: u8 = 3;

/// Answers in a row that are believed.
const OKS: u8 = 2;

/// The keepalive of a trunk; `None` when it is off, as it is by default.
pub(super) fn keepalive(section: &Section<'_>) -> Option<Keepalive> {
    let off = section.get::<&str>("keepalive").is_none_or(|written| written.value == "off");
    if off {
        for key in ["keepalive_fails", "keepalive_oks"].into_iter().filter(|key| section.has(key)) {
            section.note(section.line_of(key), key, Fault::Needs { key: "keepalive = \"30s\"" });
        }
        return None;
    }
    // A peer answers OPTIONS beside its calls: more often would be a load, more rarely would tell nothing.
    let bounds = Bounds { min: ("2s", Duration::from_secs(2)), max: ("1h", Duration::from_secs(3600)) };
    let times = |key, usual| {
        let written = section.get::<Within<1, 10>>(key);
        written.and_then(|times| u8::try_from(times.value.0).ok()).unwrap_or(usual)
    };
    Some(Keepalive {
        interval: duration(section, "keepalive", Duration::from_secs(30), &bounds),
        hysteresis: Hysteresis { fails: times("keepalive_fails", FAILS), oks: times("keepalive_oks", OKS) },
    })
}
