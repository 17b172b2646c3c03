//! What a trunk says of its media packets beside who may send them.

use edge_core::policy::{Codec, Dtls, MediaRules, NumberPlan, Policing, Srtp, Stun};

use super::direct;
use super::document::{At, Section};
use super::fault::Fault;
use super::{rtp, silence, tones};

/// The two that may be converted into each other.
const LAWS: [&str; 2] = ["PCMA", "PCMU"];

pub(super) fn media_rules(section: &Section<'_>, numbers: &NumberPlan, srtp: Srtp) -> MediaRules {
    let direct = direct::of_trunk(section);
    let dtls = section.or_default::<Dtls>("dtls");
    MediaRules {
        rtp: rtp::of_trunk(section, direct, encrypted_by(srtp, dtls)),
        dtls,
        policing: section.or_default::<Policing>("policing"),
        stun: section.or_default::<Stun>("stun"),
        converts_law: converts_law(section),
        direct,
        tones: tones::of_trunk(section),
        tone_country: tones::country(section, numbers),
        silence: silence::of_trunk(section),
    }
}

/// The key that lets encrypted media of a trunk pass, of which nobody here reads or changes anything.
pub(super) const fn encrypted_by(srtp: Srtp, dtls: Dtls) -> Option<&'static str> {
    match (srtp, dtls) {
        (Srtp::Passthrough, _) => Some("srtp"),
        (Srtp::Off, Dtls::Pass) => Some("dtls"),
        (Srtp::Off, Dtls::Drop) => None,
    }
}

/// Both laws of G.711, by name: a list that could say something else is refused rather than guessed at.
fn converts_law(section: &Section<'_>) -> bool {
    let Some(codecs) = section.list::<Codec>("transcode") else { return false };
    let known = |At { value, .. }: &At<Codec>| LAWS.iter().any(|law| value.is(law));
    let names = |law: &&str| codecs.iter().any(|codec| codec.value.is(law));
    match codecs.iter().find(|codec| !known(codec)) {
        Some(other) => {
            let fault = Fault::NotTranscoded { found: other.value.to_string() };
            section.note(other.line, "transcode", fault);
        }
        None if codecs.len() == LAWS.len() && LAWS.iter().all(names) => return true,
        None => {
            let found = codecs.iter().map(|codec| codec.value.to_string()).collect::<Vec<_>>().join(", ");
            section.note(section.line_of("transcode"), "transcode", Fault::TranscodeNeedsBoth { found });
        }
    }
    false
}
