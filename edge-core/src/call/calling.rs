//! A side of a call from its parts: dialog, leg, media endpoint. Whoever opens a call or leads it elsewhere builds from
//! here.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::dialog::Dialog;
use crate::media::{Family, MediaEndpoint, MediaReport, PortLease, Traffic};
use crate::policy::{Admission, Policy, RealmId, RefuseWith, Trunk};
use crate::sdp::{MediaLines, Offer};
use crate::sip::Request;
use crate::transaction::Path;

use super::attempt::Attempts;
use super::identity::{escape_user, presented_caller};
use super::leg::{Leg, LegState, LocalSession, Said};
use super::session_timer::SessionTimer;
use super::{CallKey, Context, LegRecord, Refused};

/// RTP clock of telephony codecs, until an answer says otherwise (RFC 3551 table 4).
const CLOCK_RATE: u32 = 8000;

/// A tag of sixteen hexadecimal digits, by which the shard finds the dialog again.
pub(super) fn tag(ctx: &mut Context<'_>) -> Bytes {
    format!("{:016x}", ctx.random.next()).into()
}

/// Takes room on a trunk; `refuse_with` is what the caller's peer expects to hear above a bound.
pub(super) fn admit(trunk: &Trunk, refuse_with: RefuseWith, ctx: &Context<'_>) -> Result<Admission, Refused> {
    trunk.admit(ctx.since_epoch).map_err(|refusal| Refused::Limit {
        trunk: trunk.name.clone(),
        refusal,
        refuse_with,
    })
}

/// A leg without an answer yet, whose media comes to `local`.
pub(super) fn early_leg(
    trunk: &Arc<Trunk>,
    dialog: Dialog,
    local: SocketAddr,
    admission: Option<Admission>,
    ctx: &mut Context<'_>,
) -> Leg {
    Leg {
        trunk: Arc::clone(trunk),
        dialog,
        state: LegState::Early,
        session: LocalSession::new(local, ctx.random.next()),
        takes_update: false,
        timer: SessionTimer::new(trunk.session_timer),
        lines: MediaLines::default(),
        said: Said::default(),
        acks: VecDeque::new(),
        forks_hung_up: 0,
        unpracked: None,
        describe_at: None,
        attempts: Attempts::default(),
        admission,
    }
}

/// The dialog that asks for `number` at `host`, over `path`, on behalf of the caller of `invite`.
pub(super) fn called_dialog(
    policy: &Policy,
    (number, host): (&str, String),
    path: Path,
    invite: &Request,
    ctx: &mut Context<'_>,
) -> Dialog {
    let sent_by = sent_by(policy, path);
    let target = format!("sip:{}@{host}", escape_user(number));
    let shard = ctx.shard.index;
    Dialog::calling(
        format!("{:016x}{:016x}-{shard:02x}", ctx.random.next(), ctx.random.next()).into(),
        tag(ctx),
        presented_caller(invite, &sent_by),
        format!("<{target}>").into(),
        target.into(),
        sent_by,
        path,
    )
}

/// Our `host:port` on a path.
pub(super) fn sent_by(policy: &Policy, path: Path) -> Bytes {
    policy.address_of(path.listener).to_string().into()
}

/// A port pair in each of two realms, or none.
pub(super) fn lease_both(
    policy: &Policy,
    realms: [RealmId; 2],
    families: [Family; 2],
    ctx: &mut Context<'_>,
) -> Result<[PortLease; 2], Refused> {
    let none_free = |realm| Refused::NoMediaPort { realm: policy.realm(realm).name.clone() };
    let a = ctx.ports.lease(realms[0], families[0], ctx.now).ok_or_else(|| none_free(realms[0]))?;
    match ctx.ports.lease(realms[1], families[1], ctx.now) {
        Some(b) => Ok([a, b]),
        None => {
            ctx.ports.release(a, ctx.now);
            Err(none_free(realms[1]))
        }
    }
}

/// The name of a call in logs and records.
pub(super) fn record_name(policy: &Policy, key: CallKey) -> String {
    format!("{}-{:016x}", policy.node, key.0)
}

/// The endpoint that faces a side of `trunk`, whose signalling comes from `signalling`.
pub(super) fn endpoint(
    lease: &PortLease,
    offer: Option<&Offer>,
    trunk: &Trunk,
    signalling: SocketAddr,
) -> MediaEndpoint {
    MediaEndpoint {
        local: lease.rtp(),
        remote: offer.and_then(|offer| offer.audio().remote),
        source_policy: trunk.source_policy(signalling.ip()),
        traffic: Traffic::Rtp,
        dscp: trunk.rtp_dscp,
        clock_rate: CLOCK_RATE,
    }
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
