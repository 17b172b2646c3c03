//! `silence` of a trunk: when a side of it that is not heard is told of, and which calls that ends.

use std::time::Duration;

use edge_core::policy::{Silence, SilenceEnds};

use super::document::Section;
use super::fault::Fault;
use super::node::{Bounds, duration};

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum SilenceFault {
    /// A call would be ended before anybody is told.
    #[error("is \"{found}\", and a side is silent only after {after:?}; write that or more")]
    TooSoon {
        /// What the key says.
        found: String,
        /// What `after` says.
        after: Duration,
    },
}

/// What is done about the silence of a trunk's side.
pub(super) fn of_trunk(trunk: &Section<'_>) -> Silence {
    let usual = Silence::default();
    let Some(section) = trunk.table("silence", super::keys::TRUNK_SILENCE) else { return usual };
    let seconds = |text, seconds| (text, Duration::from_secs(seconds));
    // Sooner than that a lost second of a radio network would be an event; later nobody would find it.
    let bounds = Bounds { min: seconds("2s", 2), max: seconds("1h", 3600) };
    let off = section.get::<&str>("after").is_some_and(|written| written.value == "off");
    let after = (!off).then(|| duration(&section, "after", usual.after.unwrap_or_default(), &bounds));
    let then = section.get::<SilenceEnds>("then").map(|then| then.value);
    let ends = then.unwrap_or_default();
    let end_after = duration(&section, "end_after", usual.end_after, &bounds);
    // Where `then` is wrong, that is what is to be told.
    let ends_none = then == Some(SilenceEnds::None) || !section.has("then");
    if section.has("end_after") && ends_none {
        let fault = Fault::Needs { key: "then = \"end-dead\" or \"end\"" };
        section.note(section.line_of("end_after"), "end_after", fault);
    }
    if let Some(after) = after.filter(|after| ends != SilenceEnds::None && end_after < *after) {
        let key = if section.has("end_after") { "end_after" } else { "after" };
        let found = section.get::<&str>("end_after").map_or("60s", |text| text.value).to_owned();
        section.note(section.line_of(key), "end_after", SilenceFault::TooSoon { found, after }.into());
    }
    Silence { after, ends, end_after }
}
