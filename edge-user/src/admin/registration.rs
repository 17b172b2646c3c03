//! How far our registration with a trunk is; and where one is that registers with us.

use std::time::Duration;

use edge_core::policy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::runtime::clock;

/// Our registration with a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Registration {
    /// `registered`; `refreshing` or `lapsing` while it still counts and is asked for anew; `registering` or `waiting` when it does not
    /// count; `deregistering` or `unregistered` when it is not wanted.
    pub state: String,
    /// Seconds until it runs out, unless it is refreshed.
    pub expires_in_s: Option<u64>,
    /// What went wrong last, since the last success.
    pub failure: Option<String>,
    /// Seconds until we ask again, while it failed.
    pub next_try_in_s: Option<u64>,
    /// By which address the registrar sees us; behind a NAT it is another one than ours.
    pub seen_as: Option<String>,
    /// The registrar's address.
    pub registrar: Option<String>,
    /// Where our requests have to pass (RFC 3608).
    pub service_route: Vec<String>,
    /// Who we are there (P-Associated-URI, RFC 7315), the default one first: calls from other callers are presented as that, and calls for
    /// any of them are this trunk's.
    pub associated: Vec<String>,
}

impl Registration {
    pub(super) fn of(trunk: &policy::Trunk) -> Option<Self> {
        trunk.register.as_ref()?;
        let account = trunk.registered.account();
        let text = |part: &bytes::Bytes| String::from_utf8_lossy(part).into_owned();
        Some(Self {
            state: account.state.to_owned(),
            expires_in_s: account.until.map(|until| until.saturating_duration_since(clock::now()).as_secs()),
            failure: account.failure.clone(),
            next_try_in_s: account.next_try.map(|at| at.saturating_duration_since(clock::now()).as_secs()),
            seen_as: account.seen_as.map(|address| address.to_string()),
            registrar: account.registrar.map(|address| address.to_string()),
            service_route: account.service_route.iter().map(text).collect(),
            associated: account.associated.iter().map(text).collect(),
        })
    }
}

/// A place where a trunk is that registers with us.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Binding {
    /// Its Contact.
    pub contact: String,
    /// Where calls to it go: where its REGISTER came from.
    pub address: String,
    /// Seconds until it runs out, unless it is refreshed.
    pub expires_in_s: u64,
    /// Its preference, 0 to 1.
    pub q: f32,
    /// Whether it takes all numbers of the trunk (RFC 6140).
    pub all_numbers: bool,
    /// What it calls itself (User-Agent).
    pub agent: String,
}

impl Binding {
    /// Those that count now, in the order in which they are called.
    pub(super) fn all(trunk: &policy::Trunk, since_epoch: Duration) -> Vec<Self> {
        let text = |part: &bytes::Bytes| String::from_utf8_lossy(part).into_owned();
        let of = |binding: &policy::Binding| Self {
            contact: text(&binding.contact),
            address: format!("{}:{}", binding.target.transport, binding.target.address),
            expires_in_s: binding.until.saturating_sub(since_epoch).as_secs(),
            q: f32::from(binding.q) / 1000.0,
            all_numbers: binding.bulk,
            agent: text(&binding.agent),
        };
        trunk.visitor.bindings.at(since_epoch).iter().map(of).collect()
    }
}
