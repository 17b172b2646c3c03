//! What a test has found wrong, as a person would say it: what happened, where, and what it probably means.

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

/// What is wrong with our registration, once it was asked for anew.
pub(super) fn of_registration(trunk: &Trunk, settled: bool) -> Option<String> {
    let register = trunk.register.as_ref().filter(|_| trunk.auth == Auth::Registration)?;
    let account = trunk.registered.account();
    let user = format!("registering as {}@{}", register.user, register.domain);
    match &account.failure {
        Some(why) => Some(format!("{user}: {why}")),
        None if !settled => Some(format!("{user}: no answer yet")),
        None if account.until.is_none() => Some(format!("{user}: {}", account.state)),
        None => None,
    }
}

#[cfg(test)]
mod tests;
