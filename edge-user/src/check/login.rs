//! Who we are for a trunk that challenges, in a sentence.

use edge_core::digest::Algorithms;
use edge_core::policy::{BINDINGS_MAX, CallsTo, Register, Registrar, Trunk};

use super::Span;
use crate::config::{PasswordSource, TrunkLogin};

/// What becomes of a trunk's challenges.
pub(super) fn said(login: &TrunkLogin) -> String {
    let TrunkLogin { username, realm, algorithms, password } = login;
    let realm = realm.as_ref().map_or_else(String::new, |realm| format!(" in realm {realm:?} alone"));
    format!("answered{realm} as {username:?} with {}{}", place_of(password), restricted(*algorithms))
}

/// What a trunk that comes to us has to prove.
pub(super) fn proves(login: &TrunkLogin, node: &str) -> String {
    let TrunkLogin { username, realm, algorithms, password } = login;
    let realm = realm.as_deref().unwrap_or(node);
    format!("as {username:?} in realm {realm:?} with {}{}", place_of(password), restricted(*algorithms))
}

/// How a trunk registers with us.
pub(super) fn registers(registrar: &Registrar) -> String {
    let Registrar { user, expires_min, expires_max, calls_to } = registrar;
    let (min, max) = (Span(*expires_min), Span(*expires_max));
    let calls = match calls_to {
        CallsTo::Contact => "calls ask for its Contact, the number is in To",
        CallsTo::Number => "calls ask for the number at its Contact",
    };
    format!("as {user} for {min} to {max}, at up to {BINDINGS_MAX} places; {calls}")
}

/// Where a trunk may come from that proves by a password who it is.
pub(super) fn visits(trunk: &Trunk) -> String {
    let sources: Vec<_> = trunk.sources.iter().map(super::trunk::source).collect();
    let place = if sources.is_empty() { "anywhere".to_owned() } else { sources.join(" or ") };
    format!("from {place}, with its password: 401 until then")
}

fn place_of(password: &PasswordSource) -> String {
    match password {
        PasswordSource::File(file) => format!("the password in {}", file.display()),
        PasswordSource::Environment(name) => format!("the password in ${name}"),
    }
}

fn restricted(algorithms: Algorithms) -> String {
    if algorithms == Algorithms::default() {
        return String::new();
    }
    let names: Vec<&str> = algorithms.iter().map(|hash| hash.as_str()).collect();
    format!(", by {} alone", names.join(" or "))
}

/// How we register with a trunk.
pub(super) fn registered(register: &Register) -> String {
    let Register { user, domain, server, through_proxy, number, expires, bulk, retry, token: _ } = register;
    let all = if *bulk { ", all its numbers at once (GIN)" } else { "" };
    let proxy = if *through_proxy { " through its outbound proxy" } else { "" };
    let number = number
        .as_ref()
        .map_or_else(String::new, |number| format!("; calls without a number are for {number}"));
    let (expires, base, max) = (Span(*expires), Span(retry.base), Span(retry.max));
    format!(
        "as {user}@{domain} with {server}{proxy} for {expires}{all}; a failure waits for {base}, then ever longer, up to {max}{number}"
    )
}
