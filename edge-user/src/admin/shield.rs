//! The SIP shield: who is let in or kept out, and why.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use edge_core::policy::{ShieldMode, Unknown};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::runtime::Control;
use crate::shield::{Decision, Earned, ListError, Listing};

use super::{Complaint, Failure};

/// The shield.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shield {
    /// `off`, `shadow` or `on`.
    pub mode: String,
    /// What becomes of strangers: `limit`, `drop` or `pass`.
    pub unknown: String,
    /// Who is let in or kept out, the operator's list first.
    pub entries: Vec<ShieldEntry>,
}

/// Somebody who is let in or kept out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShieldEntry {
    /// Address or prefix.
    pub prefix: String,
    /// `allowed` or `denied` by the operator; `banned`, `datagrams banned` or `familiar` by what came from there.
    pub standing: String,
    /// Until when, as RFC 3339; for ever without.
    pub until: Option<String>,
}

/// Somebody, and for how long.
#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    prefix: String,
    seconds: Option<u64>,
}

/// Who is let in or kept out.
#[utoipa::path(get, path = "/v1/shield", responses((status = 200, body = Shield)))]
pub(super) async fn show(State(control): State<Control>) -> Json<Shield> {
    let (policy, access_list) = control.shield().show();
    let listed = access_list.listed.iter().map(|(net, listing)| ShieldEntry::listed(*net, *listing));
    let earned = access_list.hosts.iter().flat_map(|(host, earned)| ShieldEntry::earned(*host, *earned));
    let mode = match policy.mode {
        ShieldMode::Off => "off",
        ShieldMode::Shadow => "shadow",
        ShieldMode::On => "on",
    };
    let unknown = match policy.unknown {
        Unknown::Limit => "limit",
        Unknown::Drop => "drop",
        Unknown::Pass => "pass",
    };
    Json(Shield {
        mode: mode.to_owned(),
        unknown: unknown.to_owned(),
        entries: listed.chain(earned).collect(),
    })
}

/// Keeps an address or a prefix out.
#[utoipa::path(post, path = "/v1/shield/deny", params(
    ("prefix" = String, Query, description = "An address, or a prefix such as `203.0.113.0/24`."),
    ("seconds" = Option<u64>, Query, description = "For how long; for ever without."),
), responses(
    (status = 204, description = "Nothing from there reaches a SIP listener any more."),
    (status = 422, description = "It holds a trunk, or is no prefix.", body = Complaint),
))]
pub(super) async fn deny(control: State<Control>, wish: Query<Wish>) -> Result<StatusCode, Failure> {
    list(&control, &wish, Decision::Deny)
}

/// Lets an address or a prefix in as if it were a trunk's; who it is remains to be seen.
#[utoipa::path(post, path = "/v1/shield/allow", params(
    ("prefix" = String, Query, description = "An address, or a prefix such as `203.0.113.0/24`."),
    ("seconds" = Option<u64>, Query, description = "For how long; for ever without."),
), responses(
    (status = 204, description = "The shield lets it pass."),
    (status = 422, description = "It is no prefix.", body = Complaint),
))]
pub(super) async fn allow(control: State<Control>, wish: Query<Wish>) -> Result<StatusCode, Failure> {
    list(&control, &wish, Decision::Allow)
}

/// Takes an address or a prefix off the list, and lifts bans.
#[utoipa::path(post, path = "/v1/shield/forget", params(
    ("prefix" = String, Query, description = "An address, or a prefix such as `203.0.113.0/24`."),
), responses(
    (status = 204, description = "It is a stranger like any other."),
    (status = 404, description = "It was not listed, and not banned.", body = Complaint),
    (status = 422, description = "It is no prefix.", body = Complaint),
))]
pub(super) async fn forget(
    State(control): State<Control>,
    Query(Wish { prefix, seconds: _ }): Query<Wish>,
) -> Result<StatusCode, Failure> {
    if control.shield().forget(net(&prefix)?).map_err(refused)? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Failure::NotFound(format!(
            "{prefix} is neither listed nor banned; `edge shield list` shows who is"
        )))
    }
}

fn list(
    control: &Control,
    Wish { prefix, seconds }: &Wish,
    decision: Decision,
) -> Result<StatusCode, Failure> {
    let lasting = seconds.map(Duration::from_secs);
    control.shield().list(net(prefix)?, decision, lasting, &control.policy()).map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

fn net(prefix: &str) -> Result<IpNet, Failure> {
    let address = |_no_prefix| prefix.parse::<IpAddr>().map(IpNet::from);
    prefix.parse().or_else(address).map_err(|_neither| {
        Failure::Unprocessable(format!(
            "{prefix} is neither an address nor a prefix: write 203.0.113.7 or 203.0.113.0/24"
        ))
    })
}

fn refused(error: ListError) -> Failure {
    Failure::Unprocessable(error.to_string())
}

impl ShieldEntry {
    fn new(prefix: String, standing: &str, until: Option<SystemTime>) -> Self {
        let until = until.map(|until| humantime::format_rfc3339_seconds(until).to_string());
        Self { prefix, standing: standing.to_owned(), until }
    }

    fn listed(net: IpNet, Listing { decision, until }: Listing) -> Self {
        let standing = match decision {
            Decision::Allow => "allowed",
            Decision::Deny => "denied",
        };
        Self::new(written(net), standing, until)
    }

    fn earned(host: IpAddr, earned: Earned) -> impl Iterator<Item = Self> {
        let Earned { familiar_until, banned_until, datagrams_banned_until } = earned;
        let net = match host {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("{v6}/64"),
        };
        [("banned", banned_until), ("datagrams banned", datagrams_banned_until), ("familiar", familiar_until)]
            .into_iter()
            .filter_map(move |(standing, until)| Some(Self::new(net.clone(), standing, Some(until?))))
    }
}

/// A single address without its bits.
fn written(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}
