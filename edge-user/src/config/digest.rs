//! `auth = "digest"` and what goes with it: a trunk that comes to us and proves by a password who it is.
//!
//! The keys of its login are those that a trunk has which challenges us ([`super::login`]); here they say who it has to be.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use edge_core::policy::{Auth, CallsTo, Direction, Host, RealmId, Registrar};
use edge_core::sip::escape_user;

use super::document::{At, Section};
use super::keys;
use super::node::{Bounds, duration};
use super::trunk::TrunkDraft;

/// What can be wrong with such a trunk in a file.
#[derive(Debug, thiserror::Error)]
pub enum DigestFault {
    /// Nobody who could prove anything.
    #[error("is \"digest\", but there is no `username`: write who it says that it is, and its password_file")]
    Nameless,
    /// It is to be called, and nobody knows where.
    #[error(
        "is missing, so it cannot be called: write where it is, registrar = true when it registers with us, or direction = \
         \"inbound\" when it only calls us"
    )]
    NoHost,
    /// A registration of somebody who does not come to us.
    #[error("is there, but only a trunk with auth = \"digest\" registers with us; remove the key")]
    NotVisiting,
    /// More about registrations that nobody makes.
    #[error("is there, but registrar is not: write registrar = true beside it, or remove the key")]
    NoRegistrar,
    /// No time between the two.
    #[error("is longer than expires_max: write a shorter one")]
    MinAboveMax,
    /// Two trunks that nobody could tell apart.
    #[error(
        "\"{name}\" is the name of trunk {other}, too (line {line}), in the same realm: give each a name of its own"
    )]
    SameName {
        /// The name.
        name: String,
        /// The other trunk.
        other: String,
        /// Where its name is.
        line: usize,
    },
    /// A realm challenges before it knows for whom.
    #[error(
        "is another one than that of trunk {other} (line {line}): who is challenged is not known yet, so all trunks with \
         auth = \"digest\" in one realm have the same; write the same, or leave out both"
    )]
    OtherRealm {
        /// The other trunk.
        other: String,
        /// Where its realm is.
        line: usize,
    },
}

/// Notes what is missing for a trunk to be known so, and called.
pub(super) fn check(section: &Section<'_>, auth: &At<Auth>, direction: Direction) {
    if auth.value != Auth::Digest {
        return;
    }
    if !section.has("username") {
        section.note(auth.line, "auth", DigestFault::Nameless.into());
    }
    let registers = section.get::<bool>("registrar").is_some_and(|registrar| registrar.value);
    if !section.has("host") && direction != Direction::Inbound && !registers {
        section.note(section.line, "host", DigestFault::NoHost.into());
    }
}

/// Where a trunk is that comes to us: where the file says, else nowhere until it comes.
pub(super) fn host(section: &Section<'_>, auth: &At<Auth>) -> Option<At<Host>> {
    let comes = auth.value == Auth::Digest && !section.has("host");
    comes.then_some(At { value: Host::Visiting, line: section.line })
}

/// Shortest time that a trunk may be registered for when the file says nothing: shorter ones are for those behind a NAT, which
/// have OPTIONS for that.
const EXPIRES_MIN: Duration = Duration::from_secs(60);

/// Longest time that a trunk may be registered for when the file says nothing.
const EXPIRES_MAX: Duration = Duration::from_secs(3600);

/// How a trunk may register with us. What is wrong with it is noted.
pub(super) fn registrar(section: &Section<'_>, auth: &At<Auth>) -> Option<Arc<Registrar>> {
    if auth.value != Auth::Digest {
        for key in ["registrar", "registrations"].into_iter().filter(|key| section.has(key)) {
            section.note(section.line_of(key), key, DigestFault::NotVisiting.into());
        }
        return None;
    }
    let wanted = section.get::<bool>("registrar").is_some_and(|registrar| registrar.value);
    if !wanted {
        if section.has("registrations") {
            section.note(section.line_of("registrations"), "registrations", DigestFault::NoRegistrar.into());
        }
        return None;
    }
    let options = section.section("registrations", keys::TRUNK_REGISTRATIONS);
    let bounds = Bounds { min: ("10s", Duration::from_secs(10)), max: ("24h", Duration::from_secs(86_400)) };
    let expires_min = duration(&options, "expires_min", EXPIRES_MIN, &bounds);
    let expires_max = duration(&options, "expires_max", EXPIRES_MAX.max(expires_min), &bounds);
    if expires_min > expires_max {
        options.note(options.line_of("expires_min"), "expires_min", DigestFault::MinAboveMax.into());
    }
    let user: At<&str> = section.get("username")?;
    let calls_to = options.or_default::<CallsTo>("calls_to");
    Some(Arc::new(Registrar { user: escape_user(user.value), expires_min, expires_max, calls_to }))
}

/// Notes trunks that could be taken for each other, and those that want to be challenged in different ways.
pub(super) fn between(trunks: &[&TrunkDraft<'_>]) {
    let mut names: HashMap<(RealmId, &str), &TrunkDraft<'_>> = HashMap::new();
    let mut realms: HashMap<RealmId, &TrunkDraft<'_>> = HashMap::new();
    for trunk in trunks.iter().filter(|trunk| trunk.said.auth == Auth::Digest) {
        let Some(login) = &trunk.login else { continue };
        let first = *names.entry((trunk.said.realm, &login.username)).or_insert(trunk);
        if !std::ptr::eq(first, *trunk) {
            let (name, other) = (login.username.clone(), first.said.name.clone());
            let fault = DigestFault::SameName { name, other, line: name_line(first) };
            trunk.section.note(name_line(trunk), "username", fault.into());
        }
        let first = *realms.entry(trunk.said.realm).or_insert(trunk);
        if first.login.as_ref().is_some_and(|first| first.realm != login.realm) {
            let line = line_or_section(first, "auth_realm");
            let fault = DigestFault::OtherRealm { other: first.said.name.clone(), line };
            trunk.section.note(line_or_section(trunk, "auth_realm"), "auth_realm", fault.into());
        }
    }
}

fn name_line(trunk: &TrunkDraft<'_>) -> usize {
    line_or_section(trunk, if trunk.section.has("auth_username") { "auth_username" } else { "username" })
}

fn line_or_section(trunk: &TrunkDraft<'_>, key: &'static str) -> usize {
    if trunk.section.has(key) { trunk.section.line_of(key) } else { trunk.section.line }
}
