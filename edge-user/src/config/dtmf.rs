//! How digits go to and from a trunk: `dtmf`, `dtmf_mask`.

use edge_core::policy::{Dtmf, DtmfMask, DtmfPolicy};

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
        "is \"{found}\", and `{key}` lets encrypted media pass, in which nobody here hears a digit; remove one of them"
    )]
    Encrypted {
        /// What the key says.
        found: &'static str,
        /// The key that lets them.
        key: &'static str,
    },
}

/// Reads it from the section of a trunk whose media may go past the edge, if it is `direct`, and may be `encrypted_by` a key.
pub(super) fn of_trunk(
    section: &Section<'_>,
    direct: bool,
    encrypted_by: Option<&'static str>,
) -> DtmfPolicy {
    let mode = section.or_default::<Dtmf>("dtmf");
    let mask = section.or_default::<DtmfMask>("dtmf_mask");
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
        if let Some(by) = encrypted_by {
            section.note(section.line_of(key), key, DtmfFault::Encrypted { found, key: by }.into());
        }
    }
    DtmfPolicy { mode, mask }
}
