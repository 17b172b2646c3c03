//! Trunks, and what they are doing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use edge_core::policy::{self, AdminState, Direction, Dtls, Policy, Srtp, Transport};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::runtime::Control;

use super::{Binding, Complaint, Failure, Registration};

/// A trunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Trunk {
    /// The operator's name for it.
    pub name: String,
    /// Network it is reached through.
    pub realm: String,
    /// Where requests to it are sent.
    pub host: String,
    /// Where they go now: what the host's name leads to, in the order in which it is tried. Empty while DNS has not told.
    pub targets: Vec<String>,
    /// `inbound`, `outbound` or `both`.
    pub direction: String,
    /// What carries requests to it; absent while DNS has not told.
    pub transport: Option<String>,
    /// What is encrypted: `tls` its signalling, `srtp` and `dtls` its media, where both sides want that.
    pub encryption: Vec<String>,
    /// The number that it knows us by.
    pub virtual_number: Option<String>,
    /// Who we are there when it challenges us; where it proves by a password who it is, who it says that it is.
    pub username: Option<String>,
    /// `draining` or `disabled` by the operator; `down` (answers no OPTIONS), `avoided` (all its addresses have failed lately, or
    /// said Retry-After) or `breaker` (open), and others are tried first; `up`; or `enabled` where nothing asks it. One that
    /// is no more in the file is disabled while its last calls run.
    pub state: String,
    /// Our registration with it, where it is known by that.
    pub registration: Option<Registration>,
    /// Where it is registered with us, in the order in which calls try it; absent where it may not.
    pub bindings: Option<Vec<Binding>>,
    /// `up`, `down` or `unknown`: each address, in the order of `targets`.
    pub target_health: Vec<String>,
    /// `closed`, `open` or `half-open`.
    pub breaker: String,
    /// Calls that stand on it.
    pub calls: u32,
    /// Those of them that it has placed.
    pub calls_in: u32,
    /// Those of them that were placed to it.
    pub calls_out: u32,
    /// New calls a second, either way, over the last minutes.
    pub cps: f64,
    /// Answer-seizure ratio of calls to it over the last minutes; absent without any.
    pub asr: Option<f64>,
    /// Mean post-dial delay of calls to it, in milliseconds.
    pub pdd_ms: Option<u64>,
    /// Calls that it could not have, by reason, since the start.
    pub refused: BTreeMap<String, u64>,
    /// Its failover group.
    pub group: Option<String>,
    /// Calls that stand on all trunks of that group together, where it has bounds.
    pub group_calls: Option<u32>,
    /// Most that may there.
    pub group_max_calls: Option<u32>,
    /// Most that may.
    pub max_calls: Option<u32>,
    /// New calls a second that it may begin.
    pub max_cps: Option<u32>,
}

/// All trunks, as in the file.
#[utoipa::path(get, path = "/v1/trunks", responses((status = 200, body = Vec<Trunk>)))]
pub(super) async fn list(State(control): State<Control>) -> Json<Vec<Trunk>> {
    let (policy, now) = (control.policy(), control.node().since_epoch());
    Json(policy.trunks.iter().map(|trunk| Trunk::of(trunk, &policy, now)).collect())
}

/// One trunk.
#[utoipa::path(get, path = "/v1/trunks/{name}", responses(
    (status = 200, body = Trunk), (status = 404, body = Complaint),
))]
pub(super) async fn show(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<Json<Trunk>, Failure> {
    let (policy, now) = (control.policy(), control.node().since_epoch());
    Ok(Json(Trunk::of(named(&policy, &name)?, &policy, now)))
}

/// Lets a trunk have calls again, whatever was ordered before, or stands in the file.
#[utoipa::path(post, path = "/v1/trunks/{name}/enable", responses(
    (status = 204, description = "It is enabled."), (status = 404, body = Complaint),
))]
pub(super) async fn enable(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    order(&control, &name, AdminState::Enabled)
}

/// Lets a trunk have no new calls; those that stand go on to their end. It is still asked whether it is alive.
#[utoipa::path(post, path = "/v1/trunks/{name}/drain", responses(
    (status = 204, description = "It is draining."), (status = 404, body = Complaint),
))]
pub(super) async fn drain(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    order(&control, &name, AdminState::Draining)
}

/// Lets a trunk have no new calls, and asks it nothing; those that stand are not touched.
#[utoipa::path(post, path = "/v1/trunks/{name}/disable", responses(
    (status = 204, description = "It is disabled."), (status = 404, body = Complaint),
))]
pub(super) async fn disable(
    State(control): State<Control>,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    order(&control, &name, AdminState::Disabled)
}

/// It stands until another one, a restart, or a file that says something new of `enabled`.
fn order(control: &Control, name: &str, state: AdminState) -> Result<StatusCode, Failure> {
    named(&control.policy(), name)?.order(state);
    tracing::info!(trunk = name, "the operator has ordered: {}", state.as_str());
    Ok(StatusCode::NO_CONTENT)
}

/// The trunk of a name; one that only stands for a place that it has left comes last.
fn named<'a>(policy: &'a Policy, name: &str) -> Result<&'a policy::Trunk, Failure> {
    let found = policy.trunks.iter().find(|trunk| trunk.name == name);
    let missing =
        || Failure::NotFound(format!("no trunk {name}; `edge trunk list` shows those that there are"));
    found.map(Arc::as_ref).ok_or_else(missing)
}

impl Trunk {
    pub(super) fn of(trunk: &policy::Trunk, policy: &Policy, since_epoch: Duration) -> Self {
        let direction = match trunk.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
            Direction::Both => "both",
        };
        let tally = trunk.tally(since_epoch);
        let transport = trunk.host.transport().or(trunk.targets.iter().next().map(|target| target.transport));
        let encryption = [
            ("tls", transport == Some(Transport::Tls)),
            ("srtp", trunk.srtp != Srtp::Off),
            ("dtls", trunk.media.dtls != Dtls::Drop),
        ];
        // What has not gone by yet is not counted as time without calls.
        let seconds = trunk.window().min(since_epoch).as_secs_f64().max(1.0);
        Self {
            transport: transport.map(|transport| transport.to_string()),
            encryption: words(encryption.into_iter().filter(|(_, is)| *is).map(|(word, _)| word)),
            virtual_number: virtual_number(trunk),
            group: trunk.as_target.group.as_deref().map(str::to_owned),
            group_calls: trunk.group.as_ref().map(|group| group.load.calls()),
            group_max_calls: trunk.group.as_ref().and_then(|group| group.limits.calls_max),
            username: trunk
                .login
                .as_ref()
                .or(trunk.visitor.login.as_ref())
                .map(|login| login.username.clone()),
            target_health: words(trunk.targets.iter().map(|target| target.health().as_str())),
            breaker: trunk.state.breaker().as_str().to_owned(),
            calls_in: trunk.usage.calls_in(),
            calls_out: trunk.usage.calls_out(),
            cps: tally.begun as f64 / seconds,
            asr: tally.asr(),
            pdd_ms: tally.pdd().and_then(|pdd| u64::try_from(pdd.as_millis()).ok()),
            refused: trunk.state.refused().map(|(reason, count)| (reason.to_owned(), count)).collect(),
            name: trunk.name.clone(),
            realm: policy.realm(trunk.realm).name.clone(),
            host: trunk.host.to_string(),
            targets: trunk
                .targets
                .iter()
                .map(|target| format!("{}:{}", target.transport, target.address))
                .collect(),
            direction: direction.to_owned(),
            state: trunk.status(since_epoch).to_owned(),
            registration: Registration::of(trunk),
            bindings: trunk.visitor.registrar.as_ref().map(|_| Binding::all(trunk, since_epoch)),
            calls: trunk.usage.calls(),
            max_calls: trunk.limits.calls_max,
            max_cps: trunk.limits.calls_per_second_max,
        }
    }
}

/// What callers are presented as, else what calls of it are for that name no number.
fn virtual_number(trunk: &policy::Trunk) -> Option<String> {
    let presented = trunk.identity.own.as_ref().map(|own| own.number.as_str().to_owned());
    presented.or_else(|| trunk.register.as_ref()?.number.clone())
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    words.map(str::to_owned).collect()
}
