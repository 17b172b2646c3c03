//! What becomes of digits, in words.

use std::collections::BTreeSet;
use std::fmt::{self, Formatter};

use edge_core::policy::{Dtmf, DtmfMask, Policy, Trunk};

use super::notes::Note;
use super::row;

/// What is not as it is by default.
pub(super) fn rows(f: &mut Formatter<'_>, trunk: &Trunk) -> fmt::Result {
    match trunk.dtmf.mode {
        Dtmf::Rfc4733 => {}
        Dtmf::Info => row(
            f,
            "its digits",
            format_args!(
                "are INFO (application/dtmf-relay): telephone-events of the other side become that, and back"
            ),
        )?,
        Dtmf::Inband => row(f, "its digits", format_args!("are tones in its speech: nothing is converted"))?,
        Dtmf::Auto => row(
            f,
            "its digits",
            format_args!(
                "are telephone-events where its SDP has them, else INFO; converted for the other side"
            ),
        )?,
    }
    match trunk.dtmf.mask {
        DtmfMask::Off => Ok(()),
        DtmfMask::Star => row(
            f,
            "digits to it",
            format_args!("are stars, whichever they are; tones in speech cross as they are"),
        ),
        DtmfMask::Drop => {
            row(f, "digits to it", format_args!("are dropped; tones in speech cross as they are"))
        }
    }
}

/// Trunks that call each other and whose digits cannot be converted.
pub(super) fn unheard(policy: &Policy) -> impl Iterator<Item = Note> {
    let mut pairs = BTreeSet::new();
    let inband = |trunk: &Trunk| trunk.dtmf.mode == Dtmf::Inband;
    // Where no trunk has tones in its speech there is nothing to look for in 200,000 routes.
    let routes = if policy.trunks.iter().any(|trunk| inband(trunk)) { policy.routes.all() } else { &[] };
    for route in routes {
        for from in &route.from {
            for target in &route.plan.targets {
                let (a, b) = (policy.trunk(*from), policy.trunk(target.trunk));
                let (tones, other) = if inband(a) { (a, b) } else { (b, a) };
                if inband(a) != inband(b) {
                    pairs.insert((tones.name.clone(), other.name.clone()));
                }
            }
        }
    }
    pairs.into_iter().map(|(tones, other)| Note::DigitsUnheard { tones, other })
}
