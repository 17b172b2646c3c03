//! Media that is left out of the edge: which trunks want that, and which realms reach each other.

use edge_core::policy::RealmId;

use super::document::Section;
use super::names::Names;

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum DirectFault {
    /// A peer whose addresses mean nothing to anybody else.
    #[error(
        "is true, and so is nat: nobody knows where media of a peer behind a NAT comes from, so it has to pass the edge; \
         remove one of them"
    )]
    BehindNat,
    /// What has to pass the edge to be converted.
    #[error(
        "is true, and `transcode` converts media, which has to pass the edge for that; remove one of them"
    )]
    Transcoded,
    /// A realm that names itself.
    #[error("has \"{found}\" itself, which needs no saying; name other realms, or remove the key")]
    Itself {
        /// Its name.
        found: String,
    },
}

/// Whether a trunk's media may go past the edge.
pub(super) fn of_trunk(section: &Section<'_>) -> bool {
    let Some(direct) = section.get::<bool>("direct_media").filter(|direct| direct.value) else {
        return false;
    };
    if section.get::<bool>("nat").is_some_and(|nat| nat.value) {
        section.note(direct.line, "direct_media", DirectFault::BehindNat.into());
    }
    if section.has("transcode") {
        section.note(direct.line, "direct_media", DirectFault::Transcoded.into());
    }
    true
}

/// The realms whose hosts reach those of the realm `own`.
pub(super) fn reached(section: &Section<'_>, own: &str, realms: &Names) -> Vec<RealmId> {
    section.refuse_empty("reaches", "name other realms, or remove the key");
    let mut reached = Vec::new();
    for name in section.list::<&str>("reaches").unwrap_or_default() {
        if name.value == own {
            section.note(name.line, "reaches", DirectFault::Itself { found: own.to_owned() }.into());
        } else if let Some(realm) = realms.resolve(section, "reaches", name).map(RealmId::new) {
            reached.push(realm);
        }
    }
    reached
}
