//! The ringing tones that the edge plays itself, in words.

use std::fmt::{self, Formatter};

use edge_core::policy::{Cadence, Tones, Trunk};

use super::{listed, row};

/// What a trunk's side hears, and when.
pub(super) fn of_trunk(f: &mut Formatter<'_>, trunk: &Trunk) -> fmt::Result {
    let when = match trunk.media.tones {
        Tones::None => return Ok(()),
        Tones::EarlyMedia => "its callers hear it while who is called rings and sends nothing",
        Tones::Answered => "its side of a call hears it while it is transferred here and the target rings",
    };
    let Cadence { frequencies, pulses, country, .. } = trunk.media.tone_country.cadence();
    let frequencies: Vec<String> =
        frequencies.iter().filter(|hz| **hz > 0).map(ToString::to_string).collect();
    let second = |ms: &u16| f64::from(*ms) / 1000.0;
    let pulses =
        listed(pulses.iter().map(|(on, off)| format!("{} s on and {} s off", second(on), second(off))));
    let of = if country.is_empty() { String::new() } else { format!(" of {country}") };
    let hertz = frequencies.join(" and ");
    row(f, "ringing tone", format_args!("the one{of} ({hertz} Hz, {pulses}): {when}"))
}
