//! A side of a call from its parts: dialog and leg. Whoever opens a call or leads it elsewhere builds from
//! here.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;

use crate::dialog::Dialog;
use crate::media::MediaReport;
use crate::policy::{
    Admission, Closed, Destinations, Importance, Number, Policy, Readiness, RealmId, RefuseWith, Role, Trunk,
};
use crate::sip::Request;
use crate::transaction::Path;

use super::attempt::Attempts;
use super::identity::Caller;
use super::leg::{Leg, LegState, LocalSession, Said};
use super::session_timer::SessionTimer;
use super::{CallKey, Context, LegRecord, Refused};

/// A tag of sixteen hexadecimal digits, by which the shard finds the dialog again.
pub(crate) fn tag(ctx: &mut Context<'_>) -> Bytes {
    format!("{:016x}", ctx.random.next()).into()
}

/// Whether a new call may go out over a trunk. A doubtful one is the last that is left when a call asks for it.
pub(super) fn may_go_to(trunk: &Trunk, ctx: &Context<'_>) -> Result<(), Refused> {
    match trunk.outbound(ctx.since_epoch) {
        Readiness::Ready | Readiness::Doubtful(_) => Ok(()),
        Readiness::Closed(closed) => Err(closed_to(trunk, closed)),
    }
}

/// A trunk has no new calls of this kind.
pub(super) fn closed_to(trunk: &Trunk, closed: Closed) -> Refused {
    trunk.count_closed(closed);
    Refused::Closed { trunk: trunk.name.clone(), closed }
}

/// A Call-ID that names our shard.
pub(crate) fn call_id(ctx: &mut Context<'_>) -> Bytes {
    let shard = ctx.shard.index;
    format!("{:016x}{:016x}-{shard:02x}", ctx.random.next(), ctx.random.next()).into()
}

/// Takes room on a trunk; `refuse_with` is what the caller's peer expects to hear above a bound.
pub(super) fn admit(
    (trunk, role): (&Trunk, Role),
    precedence: Importance,
    refuse_with: RefuseWith,
    ctx: &Context<'_>,
) -> Result<Admission, Refused> {
    trunk.admit(role, precedence, ctx.since_epoch).map_err(|refusal| Refused::Limit {
        trunk: trunk.name.clone(),
        refusal,
        refuse_with,
    })
}

/// Whether the trunk that calls may make a call, both numbers as routes match them.
pub(super) fn takes_in(trunk: &Trunk, numbers: (&str, &str), ctx: &Context<'_>) -> Result<(), Refused> {
    let taken = trunk.takes_in(numbers, ctx.time);
    taken.map_err(|why| {
        trunk.count_not_taken(why);
        Refused::NotTaken { trunk: trunk.name.clone(), why }
    })
}

/// Has the guards of the trunk that calls look at a call.
pub(super) fn guard(
    trunk: &Trunk,
    numbers: (&str, impl FnOnce() -> Destinations),
    room: &mut Admission,
    ctx: &mut Context<'_>,
) -> Result<(), Refused> {
    let guarded = trunk.guard(numbers, room, ctx.since_epoch, || ctx.random.next());
    guarded.map_err(|guarded| Refused::Guarded { trunk: trunk.name.clone(), guarded })
}

/// A leg without an answer yet, whose media comes to `local`.
pub(super) fn early_leg(
    trunk: &Arc<Trunk>,
    dialog: Dialog,
    local: IpAddr,
    admission: Option<Admission>,
    ctx: &mut Context<'_>,
) -> Leg {
    let dialog = dialog.ruled(trunk.headers.outbound.clone());
    Leg {
        trunk: Arc::clone(trunk),
        dialog,
        state: LegState::Early,
        session: LocalSession::new(local, ctx.random.next()),
        takes_update: false,
        timer: SessionTimer::new(trunk.session_timer),
        said: Said::default(),
        acks: VecDeque::new(),
        forks_hung_up: 0,
        unpracked: None,
        proof: None,
        describe_at: None,
        inherited: 0,
        attempts: Attempts::default(),
        admission,
    }
}

/// The dialog that asks the trunk `to` for `number` at `host`, over `path`, on behalf of the caller of `invite`, who is of
/// the trunk `from`.
pub(super) fn called_dialog(
    policy: &Policy,
    (from, to): (&Trunk, &Trunk),
    (number, host): (&Number, String),
    path: Path,
    invite: &Request,
    ctx: &mut Context<'_>,
) -> Dialog {
    let sent_by = sent_by(policy, path);
    let target = to.request_uri(number, &host);
    Dialog::calling(
        call_id(ctx),
        tag(ctx),
        Caller::of(invite, from).from(to, &presented_at(to, &sent_by)),
        format!("<{target}>").into(),
        target.into(),
        sent_by,
        path,
    )
    .through(to.routes())
}

/// The host of callers as `trunk` knows them: where we are registered, they are that domain's.
pub(super) fn presented_at(trunk: &Trunk, sent_by: &[u8]) -> Bytes {
    trunk
        .register
        .as_ref()
        .map_or_else(|| Bytes::copy_from_slice(sent_by), |register| register.domain.clone().into())
}

/// Our `host:port` on a path, as the other end knows it.
pub(crate) fn sent_by(policy: &Policy, path: Path) -> Bytes {
    policy.written_address_of(path.listener).to_string().into()
}

/// A realm has no ports left.
pub(super) fn no_port(policy: &Policy, realm: RealmId) -> Refused {
    Refused::NoMediaPort { realm: policy.realm(realm).name.clone() }
}

/// The name of a call in logs and records.
pub(super) fn record_name(policy: &Policy, key: CallKey) -> String {
    format!("{}-{:016x}", policy.node, key.0)
}

/// What is known of a side before it has said anything.
pub(super) fn leg_record(leg: &Leg, media_local: Option<SocketAddr>) -> LegRecord {
    LegRecord {
        trunk: leg.trunk.name.clone(),
        call_id: String::from_utf8_lossy(&leg.dialog.call_id).into_owned(),
        signalling: leg.path().peer,
        media_local,
        media_remote: None,
        media: MediaReport::default(),
    }
}
