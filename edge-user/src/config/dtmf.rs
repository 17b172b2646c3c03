//! How digits go to and from a trunk: `dtmf`, `dtmf_mask`.

use edge_core::policy::{Dtmf, DtmfMask, DtmfPolicy, Srtp};

use super::document::Section;

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum DtmfFault {
    /// Packets that have to pass the edge do not.
    #[error(
        "is \"{found}\", and `direct_media` leaves its media out of the edge, which then hears no digit; remove one of them"
    )]
    Direct {
        /// What the key says.
        found: &'static str,
    },
    /// Packets that have to be read are encrypted.
    #[error(
        "is \"{found}\", and `srtp` lets encrypted media pass, in which nobody here hears a digit; remove one of them"
    )]
    Encrypted {
        /// What the key says.
        found: &'static str,
    },
}

/// Reads it from the section of a trunk whose media may go past the edge, if it is `direct`, and may be encrypted.
pub(super) fn of_trunk(section: &Section<'_>, direct: bool, srtp: Srtp) -> DtmfPolicy {
    let mode = section.get::<Dtmf>("dtmf").map_or_else(Dtmf::default, |mode| mode.value);
    let mask = section.get::<DtmfMask>("dtmf_mask").map_or_else(DtmfMask::default, |mask| mask.value);
    let wants = [
        ("dtmf", (mode == Dtmf::Info).then_some("info")),
        (
            "dtmf_mask",
            match mask {
                DtmfMask::Off => None,
                DtmfMask::Star => Some("star"),
                DtmfMask::Drop => Some("drop"),
            },
        ),
    ];
    for (key, found) in wants {
        let Some(found) = found else { continue };
        if direct {
            section.note(section.line_of(key), key, DtmfFault::Direct { found }.into());
        }
        if srtp == Srtp::Passthrough {
            section.note(section.line_of(key), key, DtmfFault::Encrypted { found }.into());
        }
    }
    DtmfPolicy { mode, mask }
}
