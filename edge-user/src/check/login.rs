//! Who we are for a trunk that challenges, in a sentence.

use edge_core::digest::Algorithms;

use crate::config::{PasswordSource, TrunkLogin};

/// What becomes of a trunk's challenges.
pub(super) fn said(login: &TrunkLogin) -> String {
    let TrunkLogin { username, realm, algorithms, password } = login;
    let realm = realm.as_ref().map_or_else(String::new, |realm| format!(" in realm {realm:?} alone"));
    let place = match password {
        PasswordSource::File(file) => format!("the password in {}", file.display()),
        PasswordSource::Environment(name) => format!("the password in ${name}"),
    };
    format!("answered{realm} as {username:?} with {place}{}", restricted(*algorithms))
}

fn restricted(algorithms: Algorithms) -> String {
    if algorithms == Algorithms::default() {
        return String::new();
    }
    let names: Vec<&str> = algorithms.iter().map(|hash| hash.as_str()).collect();
    format!(", by {} alone", names.join(" or "))
}
