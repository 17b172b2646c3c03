//! What a trunk is told of callers and of where calls were before, and what becomes of its headers.

use std::fmt::{self, Formatter};

use edge_core::policy::{Diversions, HeaderPolicy, IdentityHeader, IdentityPolicy, OwnNumber, Trunk};
use edge_core::sip::HeaderRules;

use super::{counted, listed, row};

pub(super) fn rows(f: &mut Formatter<'_>, trunk: &Trunk) -> fmt::Result {
    if trunk.identity != IdentityPolicy::default() {
        row(f, "callers to it", format_args!("{}", told(&trunk.identity)))?;
        row(f, "its callers", format_args!("{}", believed(&trunk.identity)))?;
    }
    match trunk.diversions {
        Diversions::Pass => {}
        Diversions::Remove => row(f, "diversions", format_args!("are kept from it"))?,
        Diversions::Diversion => row(f, "diversions", format_args!("are told to it in Diversion"))?,
        Diversions::HistoryInfo => row(f, "diversions", format_args!("are told to it in History-Info"))?,
    }
    let HeaderPolicy { inbound, outbound, pass } = &trunk.headers;
    let count = |rules: &HeaderRules| counted(rules.len(), "rule");
    let from = inbound.as_ref().map(|rules| format!("{} for what it sends", count(rules)));
    let to = outbound.as_ref().map(|rules| format!("{} for what it gets", count(rules)));
    let passed = listed(pass.iter().map(ToString::to_string));
    let passed = (!pass.is_empty()).then(|| format!("{passed} of it cross as they are"));
    let rules: Vec<String> = from.into_iter().chain(to).chain(passed).collect();
    if rules.is_empty() { Ok(()) } else { row(f, "headers", format_args!("{}", rules.join("; "))) }
}

fn told(identity: &IdentityPolicy) -> String {
    let header = match identity.header {
        IdentityHeader::None => "From",
        IdentityHeader::Asserted => "From and P-Asserted-Identity",
        IdentityHeader::RemoteParty => "From and Remote-Party-ID",
        IdentityHeader::Preferred => "From and P-Preferred-Identity",
    };
    let secret = if identity.keeps_secrets {
        "who wants to stay unknown is told to it, as a secret"
    } else {
        "who wants to stay unknown is kept from it"
    };
    let own = match &identity.own {
        None => String::new(),
        Some(OwnNumber { number, dids }) if dids.is_empty() => format!(", always {}", number.as_str()),
        Some(OwnNumber { number, dids }) => {
            let dids = listed(dids.iter().map(|did| format!("{did}...")));
            format!(", {} but for {dids}", number.as_str())
        }
    };
    format!("in {header}{own}; {secret}")
}

const fn believed(identity: &IdentityPolicy) -> &'static str {
    if identity.trusted {
        "are who its P-Asserted-Identity, Remote-Party-ID or P-Preferred-Identity says, else From"
    } else {
        "are who From says; other identities are removed"
    }
}
