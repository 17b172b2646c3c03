//! Ringing tones that the edge plays itself: for whom, and of which country.

use edge_core::policy::{NumberPlan, ToneCountry, Tones};

use super::document::Section;
use super::fault::Fault;
use super::nearest::nearest;

/// What is wrong with them.
#[derive(Debug, thiserror::Error)]
pub enum TonesFault {
    /// A peer that nobody knows how to reach with media before it has sent some.
    #[error(
        "is not \"none\", and nat is true: where a peer behind a NAT hears is not known before it has sent something; write \
         tones = \"none\""
    )]
    BehindNat,
}

/// When a trunk's side hears a tone.
pub(super) fn of_trunk(section: &Section<'_>) -> Tones {
    let Some(tones) = section.get::<Tones>("tones") else { return Tones::None };
    let behind_nat = section.get::<bool>("nat").is_some_and(|nat| nat.value);
    if tones.value != Tones::None && behind_nat {
        section.note(tones.line, "tones", TonesFault::BehindNat.into());
    }
    tones.value
}

/// The country of the tone: as it is written, else that of its numbers.
pub(super) fn country(section: &Section<'_>, numbers: &NumberPlan) -> ToneCountry {
    let Some(written) = section.get::<&str>("tone_country") else {
        return numbers.country.as_deref().map_or_else(ToneCountry::default, ToneCountry::of_calling_code);
    };
    if section.get::<Tones>("tones").is_none_or(|tones| tones.value == Tones::None) {
        section.note(
            written.line,
            "tone_country",
            Fault::Needs { key: "tones = \"early-media\" or \"answered\"" },
        );
    }
    ToneCountry::named(written.value).unwrap_or_else(|| {
        let allowed =
            ToneCountry::all().map(|country| format!("\"{country}\"")).collect::<Vec<_>>().join(", ");
        let nearest = nearest(written.value, ToneCountry::all());
        let found = written.value.to_owned();
        section.note(written.line, "tone_country", Fault::Choice { found, allowed, nearest });
        ToneCountry::default()
    })
}
