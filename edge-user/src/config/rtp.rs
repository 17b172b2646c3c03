//! Whose SSRC, sequence numbers and timestamps a trunk is sent: `rtp`.

use edge_core::policy::Rtp;

use super::document::Section;

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum RtpFault {
    /// Packets that have to pass the edge do not.
    #[error(
        "is \"steady\", and `direct_media` leaves its media out of the edge, which then changes no packet; remove one of them"
    )]
    Direct,
    /// Packets that have to be changed are authenticated.
    #[error(
        "is \"steady\", and `{key}` lets encrypted media pass, of which nobody here may change a number; remove one of them"
    )]
    Encrypted {
        /// The key that does.
        key: &'static str,
    },
}

/// Reads it from the section of a trunk whose media may go past the edge, if it is `direct`, and may be `encrypted_by` a key.
pub(super) fn of_trunk(section: &Section<'_>, direct: bool, encrypted_by: Option<&'static str>) -> Rtp {
    let rtp = section.or_default::<Rtp>("rtp");
    match rtp {
        Rtp::Pass => {}
        Rtp::Steady => {
            let faults =
                [direct.then_some(RtpFault::Direct), encrypted_by.map(|key| RtpFault::Encrypted { key })];
            for fault in faults.into_iter().flatten() {
                section.note(section.line_of("rtp"), "rtp", fault.into());
            }
        }
    }
    rtp
}
