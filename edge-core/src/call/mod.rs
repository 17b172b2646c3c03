//! A call: two legs joined by the edge.
//!
//! Each side has a dialog of its own. What one side says is understood, decided upon and said anew on the other;
//! nothing is copied that names an address.
//!
//! Invariants:
//! - `terminate` is the one way a call ends; it is idempotent, and leads to exactly one [`CallRecord`].
//! - No SDP of ours leaves before its media is installed.
//! - A call holds its trunks' room until it ends, and its ports until both sides are closed and the media is gone.
//!
//! RFC 3261 sections 12 to 15, RFC 3264, RFC 5853 (SBC), RFC 7092 (B2BUA roles: this one is signalling and media
//! plane, an SDP-modifying, media-relaying one).

mod acknowledging;
mod answering;
mod asked;
mod asks;
mod attempt;
mod authentication;
mod body;
mod calling;
mod cause;
mod context;
mod course;
mod digits;
mod direct;
mod diversion;
mod early;
mod early_change;
mod ending;
mod events;
mod exchange;
mod given;
mod given_up;
mod identity;
mod introduction;
mod invite;
mod join;
mod journal;
mod leg;
mod methods;
mod offer_answer;
mod opening;
mod origin;
mod own_offer;
mod party;
mod passage;
mod pickup;
mod prack;
mod provisional;
mod reach;
mod reason;
mod record;
mod redirect;
mod refer;
mod refresh;
mod refused;
mod refusing;
mod relay;
mod reliable;
mod replaces;
mod ringback;
mod session;
mod session_timer;
mod silence;
mod streams;
mod update;
mod view;
mod wish;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crate::edge::Command;
use crate::media::{MediaPlan, PortLease};
use crate::policy::{Policy, Trunk};
use crate::sip::Request;
use crate::transaction::{Path, TransactionId};

pub use cause::{Cause, EndedBy, Side};
pub use journal::{Journaled, MediaFound, Unreadable, VERSION as JOURNAL_VERSION};
pub use record::{ATTEMPTS_RECORDED_MAX, AttemptRecord, CallRecord, LegRecord, Outcome};
pub use refused::Refused;
pub use silence::Silent;
pub use view::{CallView, Phase};

pub(crate) use asked::Asked;
pub(crate) use asks::{check_extensions, check_scheme};
pub(crate) use attempt::RETRY_AFTER_MAX;
pub(crate) use calling::{call_id, sent_by, tag};
pub(crate) use context::{Context, Owner, Resources};
pub(crate) use digits::DigitCounters;
pub(crate) use given::Given;
pub(crate) use join::{Availability, Joining, Standing};
pub(crate) use journal::{Clock, Resumption};
pub(crate) use methods::outside_a_dialog;
pub(crate) use opening::Arrival;
pub(crate) use origin::{Invitation, Origin, SPIRALS_MAX};
pub(crate) use party::Party;
pub(crate) use reason::retry_after;
pub(crate) use refer::ReferTo;
pub(crate) use refusing::{explain, refuse};
pub(crate) use replaces::Replaces;
pub(crate) use silence::Trouble;
pub(crate) use wish::{Source, Wish};

use course::Course;
use digits::Digits;
use early_change::EarlyChange;
use exchange::Exchange;
use given_up::GivenUp;
use journal::{Unheard, Written};
use leg::{Leg, LegState};
use reason::Reason;
use redirect::Redirection;
use refer::{Referral, Referred};
use refresh::Refreshing;
use relay::Waiting;
use ringback::Ringback;
use silence::Hearing;
use streams::Streams;

/// Methods that we understand within a call, for Allow headers.
pub(crate) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE, NOTIFY, PRACK, UPDATE, REFER";

/// Extensions that we keep, for Supported headers.
pub(crate) const SUPPORTED: &str = "timer, 100rel, replaces, norefersub";

/// The same, for a trunk where provisional responses are not acknowledged, or a request that must not have any that are.
pub(crate) const SUPPORTED_UNRELIABLY: &str = "timer, replaces, norefersub";

/// Methods that we understand outside of one.
pub(crate) const ALLOW_OUTSIDE: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS";

/// Name of a call within its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallKey(pub(crate) u64);

impl CallKey {
    /// The call of this number, which [`CallKey::number`] gave.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Its number: the same in every process that goes on with the call.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// A call and all that belongs to it. A call stands for minutes with nothing under way: what most of the time is not there is
/// boxed.
#[derive(Debug)]
pub(crate) struct Call {
    key: CallKey,
    /// Where it came from.
    pub(crate) origin: Origin,
    legs: [Leg; 2],
    exchange: Option<Box<Exchange>>,
    /// An offer that crosses while an INVITE is open.
    early_change: Option<Box<EarlyChange>>,
    /// A re-INVITE of our own, which keeps a session going.
    refreshing: Option<Refreshing>,
    /// Transactions of the newest exchange, the peer's and ours: given up with the call if nobody ended them.
    invites: [Option<TransactionId>; 2],
    /// Requests on their way across that have no answer yet.
    passages: Vec<Asked>,
    /// Digits that are converted; `None` until there is one.
    digits: Option<Box<Digits>>,
    streams: Streams,
    /// What the datapath was told last, whether it has answered or not.
    relayed: MediaPlan,
    /// What happens once it has. Bounded by the host, which answers the datapath's commands before the next message.
    waiting: VecDeque<Waiting>,
    /// The tone that the caller hears, or has heard.
    ringback: Option<Box<Ringback>>,
    /// Codec of an answer that the datapath has not agreed to yet.
    codec: Option<String>,
    /// And that of the other side, when it is converted.
    transcoded: Option<String>,
    media: MediaState,
    /// The record so far; taken when it is written.
    record: Option<Box<CallRecord>>,
    ending: bool,
    /// Why it ends, as a peer or the edge says it.
    reason: Reason,
    /// Seconds that the called side wants to pass before the next attempt.
    retry_after: Option<u32>,
    /// Targets of the called side that may still answer.
    given_up: Vec<GivenUp>,
    /// Where the called sides send the call, and where it has been.
    redirection: Redirection,
    /// Where its route still leads.
    course: Course,
    /// The transfer that one side has asked for, while it is tried.
    referral: Option<Referral>,
    /// REFERs that crossed to the other side.
    referred: Vec<Referred>,
    /// How it takes sides over from other calls, while it does.
    joining: Option<Box<Joining>>,
    /// The call that its caller was answered for, which takes the place of who was called.
    answered_for: Option<CallKey>,
    /// When the call has been in its phase for too long: unanswered first, then answered.
    phase_over_at: Option<Instant>,
    /// What the operator had decided when the call began.
    policy: Arc<Policy>,
    /// The deadline that the shard has noted for this call.
    pub(crate) scheduled: Option<Instant>,
    /// Whether the shard is to look at it once more before it rests.
    pub(crate) noted: bool,
    /// When a side that owes us a final message is given up.
    closed_by: Option<Instant>,
    /// What the journal has of it.
    written: Written,
    /// A 2xx of a former process that was not acknowledged.
    unheard: Option<Box<Unheard>>,
    /// Which sides are heard.
    hearing: Hearing,
}

/// Half of what a standing call takes of memory is this, whatever goes on in it: something rare belongs in a box.
const _: () = assert!(size_of::<Call>() <= 5 * 1024);

/// What makes a call.
#[derive(Debug)]
pub(crate) struct Begun {
    key: CallKey,
    origin: Origin,
    legs: [Leg; 2],
    exchange: Option<Box<Exchange>>,
    /// The transaction of the INVITE that asked for it.
    server: TransactionId,
    streams: Streams,
    record: Box<CallRecord>,
    joining: Option<Box<Joining>>,
    redirection: Redirection,
    course: Course,
}

/// Where the media is on its way into and out of the datapath.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MediaState {
    Installing,
    Installed,
    Removing,
    Gone,
}

impl Call {
    /// A call whose media is being installed.
    pub(crate) fn begin(begun: Begun, policy: &Arc<Policy>, ctx: &mut Context<'_>) -> Self {
        let Begun { key, origin, legs, exchange, server, streams, record, joining, redirection, course } =
            begun;
        ctx.command(Command::InstallMedia { call: key, plan: streams.plan.clone() });
        Self {
            key,
            origin,
            legs,
            exchange,
            early_change: None,
            refreshing: None,
            invites: [Some(server), None],
            passages: Vec::new(),
            digits: None,
            relayed: streams.plan.clone(),
            streams,
            waiting: VecDeque::new(),
            ringback: None,
            codec: None,
            transcoded: None,
            media: MediaState::Installing,
            record: Some(record),
            ending: false,
            reason: Reason::default(),
            retry_after: None,
            given_up: Vec::new(),
            redirection,
            course,
            referral: None,
            referred: Vec::new(),
            joining,
            answered_for: None,
            phase_over_at: Some(ctx.now + policy.timers.answer_max),
            policy: Arc::clone(policy),
            scheduled: None,
            noted: false,
            closed_by: None,
            written: Written::Nothing,
            unheard: None,
            hearing: Hearing::new(ctx.now),
        }
    }

    /// Whether the call can be forgotten.
    pub(crate) fn is_over(&self) -> bool {
        let closed = self.legs.iter().all(|leg| leg.state == LegState::Closed);
        self.media == MediaState::Gone && closed && self.given_up.is_empty()
    }

    /// Takes the call apart: its ports go back to the pool, and INVITEs that nobody ended are given up.
    pub(crate) fn into_remains(self) -> (Vec<PortLease>, [Option<TransactionId>; 2]) {
        (self.streams.into_leases(), self.invites)
    }

    /// When the call next wants [`Call::on_time`].
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let repeat = self.exchange.as_ref().and_then(|exchange| exchange.unacknowledged.as_ref());
        let repeat = repeat.map(|waiting| waiting.again_at.min(waiting.give_up_at));
        let progress = self.exchange.as_ref().and_then(|exchange| exchange.sending.as_ref()?.next_deadline());
        let progress = progress.filter(|_| !self.ending);
        let (keep, change) = (self.refresh_due_at(), self.early_change_over_at());
        [
            self.phase_over_at,
            self.closed_by,
            repeat,
            progress,
            self.exchange_over_at(),
            keep,
            change,
            self.join_due_at(),
            self.attempts_due_at(),
            self.unheard_due_at(),
            self.digits_due_at(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(crate) const fn key(&self) -> CallKey {
        self.key
    }

    pub(crate) const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    pub(crate) const fn trunk(&self, side: Side) -> &Arc<Trunk> {
        &self.legs[side.index()].trunk
    }

    /// Whether a request is within a dialog of `side`: the one that stands, or an early one.
    pub(crate) fn contains(&self, side: Side, request: &Request) -> bool {
        let early = self.exchange.as_ref().filter(|exchange| exchange.from != side);
        self.leg(side).dialog.contains(request)
            || early.is_some_and(|exchange| exchange.early.containing(request).is_some())
    }

    /// The dialog of one side, to find out whether a request may be within it.
    pub(crate) const fn dialog(&self, side: Side) -> &crate::dialog::Dialog {
        &self.legs[side.index()].dialog
    }

    /// Whether what comes over `path` may speak for `side`: it comes from one of the addresses of its trunk, encrypted where that
    /// is to be, or over a connection that has proven to be its trunk's.
    pub(crate) fn is_from(&self, side: Side, path: Path) -> bool {
        let leg = self.leg(side);
        let address = path.peer.ip();
        match leg.trunk.to_be_proven() {
            Some(key) => path.proven == Some(key),
            None => {
                path.proven.is_none()
                    && leg.trunk.may_come_over(path.listener.transport)
                    && (address == leg.dialog.opened_over().peer.ip() || leg.trunk.is_at(address))
            }
        }
    }

    /// When the open exchange is given up.
    fn exchange_over_at(&self) -> Option<Instant> {
        self.exchange.as_ref().filter(|exchange| !exchange.answered && !self.ending)?.over_at
    }

    const fn leg(&self, side: Side) -> &Leg {
        &self.legs[side.index()]
    }

    const fn leg_mut(&mut self, side: Side) -> &mut Leg {
        &mut self.legs[side.index()]
    }

    const fn answered(&self) -> bool {
        matches!(self.legs[0].state, LegState::Confirmed) && !self.ending
    }
}
