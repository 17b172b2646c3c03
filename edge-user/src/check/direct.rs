//! Whose media is left out of the edge, in words.

use std::fmt::{self, Formatter};

use edge_core::policy::{Policy, Realm, RealmId, Trunk};

use super::notes::Note;
use super::{listed, row};

/// Which realms reach each other.
pub(super) fn of_realm(f: &mut Formatter<'_>, policy: &Policy, realm: &Realm) -> fmt::Result {
    let Some((own, _)) = policy.realm_named(&realm.name) else { return Ok(()) };
    let others = reached(policy, own).filter(|other| *other != own);
    let names: Vec<String> = others.map(|other| policy.realm(other).name.clone()).collect();
    if names.is_empty() {
        return Ok(());
    }
    row(f, "its hosts reach", format_args!("those of {} without the edge", listed(names.into_iter())))
}

/// With whom a trunk's media goes past the edge.
pub(super) fn of_trunk(f: &mut Formatter<'_>, policy: &Policy, trunk: &Trunk) -> fmt::Result {
    if !trunk.goes_direct() {
        return Ok(());
    }
    let realms = listed(reached(policy, trunk.realm).map(|realm| policy.realm(realm).name.clone()));
    row(
        f,
        "direct media",
        format_args!(
            "past the edge, in calls with trunks of {realms} that say so, too: each side learns the other's address, and \
             nothing is marked, policed or counted"
        ),
    )
}

/// Trunks that say so for nobody.
pub(super) fn alone(policy: &Policy) -> impl Iterator<Item = Note> {
    let direct: Vec<(usize, &Trunk)> = policy
        .trunks
        .iter()
        .map(AsRef::as_ref)
        .enumerate()
        .filter(|(_, trunk)| trunk.goes_direct())
        .collect();
    let has_other = |at: usize, trunk: &Trunk| {
        direct.iter().any(|(other, known)| *other != at && policy.reach_each_other(trunk.realm, known.realm))
    };
    let alone: Vec<Note> = direct
        .iter()
        .filter(|(at, trunk)| !has_other(*at, trunk))
        .map(|(_, trunk)| Note::DirectAlone { trunk: trunk.name.clone() })
        .collect();
    alone.into_iter()
}

fn reached(policy: &Policy, own: RealmId) -> impl Iterator<Item = RealmId> {
    (0..policy.realms.len()).map(RealmId::new).filter(move |other| policy.reach_each_other(own, *other))
}
