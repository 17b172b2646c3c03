//! What a test has found wrong, as a person would say it: what happened, where, and what it probably means.

use std::time::{Duration, Instant};

use edge_core::edge::{Heard, TestedTarget};
use edge_core::policy::{Auth, Trunk};
use edge_core::sip::StatusCode;

use crate::runtime::{Inspected, Names};

/// What is wrong with its name.
pub(super) fn of_names(trunk: &Trunk, names: Option<&Names>) -> Option<String> {
    let Names { looked, leads } = names?;
    let Err(why) = leads else { return None };
    let unknown = !looked.is_empty() && looked.iter().all(|one| one.problem == Some("no such name"));
    Some(match unknown {
        true => format!("DNS: no such name: {}", trunk.host),
        false => format!("DNS: {}: {why}", trunk.host),
    })
}

/// What is wrong at one address; nothing, when it has answered in a way that says that it takes calls.
pub(super) fn of_target(
    trunk: &Trunk,
    tested: &TestedTarget,
    inspected: Option<&Inspected>,
) -> Option<String> {
    let TestedTarget { address, transport, took, heard } = tested;
    let over = transport.via_token();
    // Why a connection fails is said by who has looked at it.
    if let Some(why) = inspected.and_then(|line| of_connection(line, &trunk.names)) {
        return Some(why);
    }
    match heard {
        Heard::Answer { code, reason, server: _ } => of_answer(trunk, *code, reason),
        Heard::Silence => Some(format!(
            "no answer in {:.1} s from {address} over {over}: it is not there, does not take us for one of its own, or \
             something on the way drops what we send or what it answers",
            took.as_secs_f64()
        )),
        Heard::Undelivered => Some(format!(
            "no answer from {address} over {over}: ICMP says unreachable, so nobody listens on that port, or no way leads there"
        )),
        Heard::NoConnection => {
            Some(format!("the connection to {address} over {over} failed before it answered"))
        }
        Heard::NoListener => Some(format!(
            "nothing can be sent to {address} over {over}: its realm has no listener of that transport and IP family in `sip`"
        )),
        Heard::NoRoom => Some("not asked: edge has too many requests under way; ask again".to_owned()),
    }
}

/// What is wrong with a connection, whether a call was tried over it or not.
fn of_connection(inspected: &Inspected, names: &[String]) -> Option<String> {
    let (address, over) = (inspected.address, inspected.transport.via_token());
    match &inspected.connected {
        Err(why) => Some(format!("no connection to {address} over {over}: {why}")),
        Ok(_took) => {
            let why = inspected.handshake.as_ref()?.failure.as_ref()?;
            let host = if names.is_empty() { address.to_string() } else { names.join(" or ") };
            Some(format!("TLS: {host} at {address}: {why}"))
        }
    }
}

/// What an answer to OPTIONS says against calls. Most say only that somebody is there.
fn of_answer(trunk: &Trunk, code: StatusCode, reason: &str) -> Option<String> {
    let login = trunk.login.as_ref().map(|login| login.username.as_str());
    match (code, login) {
        (StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED, Some(user)) => {
            Some(format!("{code}: wrong password for {user}, or it does not know that user"))
        }
        (StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED, None) => Some(format!(
            "{code} {reason}: it wants us to prove who we are; write `username` and `password_file` for trunk {}",
            trunk.name
        )),
        (StatusCode::FORBIDDEN, _) => {
            Some(format!("{code} {reason}: it is there, and does not take us for one of its own"))
        }
        (StatusCode::REQUEST_TIMEOUT | StatusCode::SERVICE_UNAVAILABLE, _) => {
            Some(format!("{code} {reason}: it is there, and takes no calls now"))
        }
        _ => None,
    }
}

/// What is wrong with our registration, once it was asked for anew at `now`.
pub(super) fn of_registration(trunk: &Trunk, settled: bool, now: Instant) -> Option<String> {
    let register = trunk.register.as_ref().filter(|_| trunk.auth == Auth::Registration)?;
    let account = trunk.registered.account();
    let why = match &account.failure {
        Some(why) => why.clone(),
        None if !settled => "no answer yet".to_owned(),
        None if account.until.is_none() => account.state.to_owned(),
        None => return None,
    };
    let stands = account.until.map(|until| until.saturating_duration_since(now).as_secs());
    let so = match stands {
        Some(left) => format!("still registered for {left} s"),
        None => "not registered, so calls of it do not reach us".to_owned(),
    };
    let next = account.next_try.map(|at| at.saturating_duration_since(now).as_secs());
    let next = next.map_or_else(String::new, |wait| format!("; the next try is in {wait} s"));
    Some(format!("registering as {}@{}: {why}; {so}{next}", register.user, register.domain))
}

/// What is wrong with one that registers with us: there is nowhere to call it while it has not.
pub(super) fn of_bindings(trunk: &Trunk, since_epoch: Duration) -> Option<String> {
    let registrar = trunk.visitor.registrar.as_ref()?;
    let nowhere = !trunk.visitor.bindings.any(since_epoch);
    nowhere.then(|| {
        format!(
            "it is registered nowhere: no REGISTER of user {} has been taken, or the last one has run out; calls to it are refused",
            registrar.user
        )
    })
}

#[cfg(test)]
mod tests;
